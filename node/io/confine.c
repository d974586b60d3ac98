#include "io/confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ENTRY_ROOM  16384u /* bytes of one entry of the user table */
#define CPU_GRACE_S 1u     /* from SIGXCPU to SIGKILL */

/* Of core dumps: like none, and moreover the one value for which Linux does not start the
 * program that core_pattern may name (core(5) says that it looks at no other limit). */
#define CORE_NONE 1u

/* -- who -- */

/* A number that is the whole of `text`, up to `end`. */
static bool read_id(const char *text, char end, uint32_t *out)
{
    char *rest;
    errno = 0;
    unsigned long value = strtoul(text, &rest, 10);
    if (*text < '0' || *text > '9' || *rest != end || errno != 0 || value >= UINT32_MAX) {
        return false; /* UINT32_MAX is (uid_t)-1, which means "leave it" */
    }
    *out = (uint32_t)value;
    return true;
}

/* UID:GID needs no entry in any table. */
static bool read_pair(struct confinement *c, const char *text)
{
    const char *colon = strchr(text, ':');
    uint32_t uid, gid;
    if (colon == NULL || !read_id(text, ':', &uid) || !read_id(colon + 1, '\0', &gid)) {
        return false;
    }
    c->uid = uid;
    c->gid = gid;
    c->groups[0] = gid;
    c->group_count = 1;
    return true;
}

static int take_entry(struct confinement *c, const struct passwd *entry, struct errmsg *em)
{
    int count = CONFINE_GROUPS_MAX;
    c->uid = entry->pw_uid;
    c->gid = entry->pw_gid;
    if (getgrouplist(entry->pw_name, entry->pw_gid, c->groups, &count) < 0) {
        return err_set(em, ERR_TOOBIG, "user %s is in %d groups; allowed: %d", entry->pw_name,
                       count, CONFINE_GROUPS_MAX);
    }
    c->group_count = (size_t)count;
    c->user = strdup(entry->pw_name);
    c->home = strdup(entry->pw_dir);
    return c->user != NULL && c->home != NULL ? 0 : err_set(em, ERR_NOMEM, "out of memory");
}

static int look_up(struct confinement *c, const char *user, struct errmsg *em)
{
    struct passwd entry, *found = NULL;
    uint32_t uid;
    char *room = malloc(ENTRY_ROOM);
    if (room == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    bool is_number = read_id(user, '\0', &uid);
    int fault = is_number ? getpwuid_r(uid, &entry, room, ENTRY_ROOM, &found)
                          : getpwnam_r(user, &entry, room, ENTRY_ROOM, &found);
    int rc = 0;
    if (found != NULL) {
        rc = take_entry(c, found, em);
    } else if (fault != 0 && fault != ENOENT && fault != ESRCH) {
        char why[128];
        rc = err_set(em, ERR_NOTFOUND, "cannot look user %s up: %s", user,
                     strerror_r(fault, why, sizeof why));
    } else {
        rc = err_set(em, ERR_NOTFOUND, "no user %s here%s", user,
                     is_number ? "; UID:GID needs no entry" : "");
    }
    free(room);
    return rc;
}

int confine_as(struct confinement *c, const char *user, struct errmsg *em)
{
    int rc = read_pair(c, user) ? 0 : look_up(c, user, em);
    c->has_user = rc == 0;
    if (rc != 0) {
        confine_fini(c);
    }
    return rc;
}

void confine_fini(struct confinement *c)
{
    free(c->user);
    free(c->home);
    c->user = c->home = NULL;
}

/* The soft limit of descriptors before confine_own_files() raised it; 0: it did not. */
static rlim_t files_at_start;

/* -- in the child -- */

static int limit(__rlimit_resource_t which, uint64_t soft, uint64_t hard)
{
    struct rlimit old;
    if (getrlimit(which, &old) != 0) {
        return -1;
    }
    /* Nobody but root may go above what was given to the node itself. */
    hard = hard < old.rlim_max ? hard : old.rlim_max;
    struct rlimit new = {.rlim_cur = soft < hard ? soft : hard, .rlim_max = hard};
    return setrlimit(which, &new);
}

static bool apply_limits(const struct confinement *c)
{
    int rc = 0;
    if (!c->allows_core_dumps) {
        rc |= limit(RLIMIT_CORE, CORE_NONE, CORE_NONE);
    }
    if (c->cpu_s > 0) {
        rc |= limit(RLIMIT_CPU, c->cpu_s, (uint64_t)c->cpu_s + CPU_GRACE_S);
    }
    if (c->memory_bytes > 0) {
        rc |= limit(RLIMIT_AS, c->memory_bytes, c->memory_bytes);
    }
    if (c->files > 0) {
        rc |= limit(RLIMIT_NOFILE, c->files, c->files);
    } else if (files_at_start > 0) {
        rc |= limit(RLIMIT_NOFILE, files_at_start, RLIM_INFINITY);
    }
    if (c->processes > 0) {
        rc |= limit(RLIMIT_NPROC, c->processes, c->processes);
    }
    return rc == 0;
}

/* What the node is already needs no right to become. */
static bool is_already(const struct confinement *c)
{
    return getuid() == c->uid && geteuid() == c->uid && getgid() == c->gid &&
           getegid() == c->gid && geteuid() != 0;
}

static enum confine_step become(const struct confinement *c)
{
    if (!is_already(c)) {
        if (setgroups(c->group_count, c->groups) != 0 || setgid(c->gid) != 0) {
            return CONFINE_GROUPS;
        }
        if (setuid(c->uid) != 0) {
            return CONFINE_USER;
        }
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? CONFINE_DONE : CONFINE_PRIVILEGES;
}

enum confine_step confine_apply(const struct confinement *c)
{
    if (!apply_limits(c)) {
        return CONFINE_LIMITS;
    }
    if (c->has_user) {
        enum confine_step step = become(c);
        if (step != CONFINE_DONE) {
            return step;
        }
    }
    /* Last, with the rights that are left: what the user may not enter it does not stand in. */
    return c->dir == NULL || chdir(c->dir) == 0 ? CONFINE_DONE : CONFINE_DIR;
}

void confine_own_memory(void)
{
    /* Either is enough against a dump; neither is refused by any system that we know. */
    limit(RLIMIT_CORE, CORE_NONE, CORE_NONE);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

uint64_t confine_own_files(uint64_t wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return wanted; /* refused by no system that we know */
    }
    rlim_t before = files.rlim_cur;
    if (before >= wanted) {
        return before;
    }
    files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        return before;
    }
    files_at_start = before;
    return files.rlim_cur;
}

const char *confine_step_text(enum confine_step step)
{
    static const char *const texts[] = {
        [CONFINE_DONE] = "the program",
        [CONFINE_LIMITS] = "its limits",
        [CONFINE_GROUPS] = "its user's groups",
        [CONFINE_USER] = "its user",
        [CONFINE_PRIVILEGES] = "giving up privileges",
        [CONFINE_DIR] = "its working directory",
    };
    return texts[step];
}
