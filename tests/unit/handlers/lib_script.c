#include "lib_script.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char script_folder[] = "/tmp/callbackd-exec-XXXXXX";

const char *script(const char *text)
{
    static char path[128];
    static unsigned count;
    snprintf(path, sizeof path, "%s/%u.sh", script_folder, count++);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

int script_folder_make(void **state)
{
    (void)state;
    return mkdtemp(script_folder) == NULL ? -1 : 0;
}

int script_folder_remove(void **state)
{
    (void)state;
    DIR *d = opendir(script_folder);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return rmdir(script_folder);
}
