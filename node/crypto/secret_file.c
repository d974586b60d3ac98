#include "crypto/secret_file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int judge(const char *path, const struct stat *st, enum secret_file_look *look,
                 struct errmsg *em)
{
    if (!S_ISREG(st->st_mode)) {
        return err_set(em, ERR_IO, "%s is no file", path);
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(em, ERR_MALFORMED,
                       "%s can be written by others than its owner (mode %03o); allowed: "
                       "chmod 600",
                       path, st->st_mode & 0777u);
    }
    *look = (st->st_mode & S_IROTH) != 0 ? SECRET_FILE_READABLE : SECRET_FILE_CLOSED;
    return 0;
}

static int unreadable(const char *path, struct errmsg *em)
{
    char room[64];
    return err_set(em, ERR_IO, "%s cannot be read (%s)", path,
                   strerror_r(errno, room, sizeof room));
}

int secret_file_check(const char *path, enum secret_file_look *look, struct errmsg *em)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return unreadable(path, em);
    }
    return judge(path, &st, look, em);
}

int secret_file_read(struct text *out, const char *path, size_t size_max,
                     enum secret_file_look *look, struct errmsg *em)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return unreadable(path, em);
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays behind */
    char *to = text_reserve(out, size_max + 1);
    int rc = to == NULL                   ? err_set(em, ERR_NOMEM, "out of memory")
             : fstat(fileno(f), &st) != 0 ? unreadable(path, em)
                                          : judge(path, &st, look, em);
    size_t size = rc == 0 ? fread(to, 1, size_max + 1, f) : 0;
    if (rc == 0 && ferror(f)) {
        rc = unreadable(path, em);
    }
    fclose(f);
    text_commit(out, size);
    if (size > size_max) {
        return err_set(em, ERR_TOOBIG, "%s is larger than %zu bytes", path, size_max);
    }
    return rc;
}

struct bytes secret_file_line(struct bytes *text, unsigned *number)
{
    while (text->size > 0) {
        struct bytes line = bytes_cut_at(text, '\n');
        (*number)++;
        if (line.size > 0 && line.at[line.size - 1] == '\r') {
            line.size--;
        }
        line = bytes_trim(line);
        if (line.size > 0 && line.at[0] != '#') {
            return line;
        }
    }
    return bytes_of(NULL, 0);
}

void secret_file_wipe(struct text *t)
{
    if (t->at != NULL) {
        explicit_bzero(t->at, t->room);
    }
    text_fini(t);
}
