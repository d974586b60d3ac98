/* Shell scripts for programs under test, in a folder that goes away with the tests. */
#ifndef TESTS_LIB_SCRIPT_H
#define TESTS_LIB_SCRIPT_H

extern char script_folder[];

/* The path of a shell script with this text; only its owner may read and run it. Static. */
const char *script(const char *text);

/* Set-up and tear-down of a group of tests. */
int script_folder_make(void **state);
int script_folder_remove(void **state);

#endif
