/* Runs a fuzz target over the files of a corpus, once each, where there is no libFuzzer. A
 * corpus that is not there, or empty, is a failure: a test that runs nothing proves nothing. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE_MAX (1u << 20)

static int replay(const char *folder, const char *file)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    if (n < 0 || (size_t)n >= sizeof path) {
        return 1;
    }
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_SIZE_MAX);
    if (in == NULL || data == NULL) {
        perror(path);
        exit(1);
    }
    size_t size = fread(data, 1, INPUT_SIZE_MAX, in);
    fclose(in);
    /* An exact copy, so that a read beyond the input is seen. */
    uint8_t *exact = realloc(data, size == 0 ? 1 : size);
    int rc = LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return rc;
}

int main(int argc, char **argv)
{
    DIR *folder = argc < 2 ? NULL : opendir(argv[1]);
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 1;
    }
    unsigned count = 0;
    int rc = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            rc |= replay(argv[1], entry->d_name);
            count++;
        }
    }
    closedir(folder);
    printf("%u inputs\n", count);
    return count == 0 ? 1 : rc;
}
