/* Files of a test in a folder of its own: certificates, keys, keyrings. */
#ifndef LIB_CERTS_H
#define LIB_CERTS_H

#include "cmocka_first.h"

#define PATH_ROOM 128

/* For cmocka_run_group_tests(): makes the folder and the files below; removes them. */
int certs_begin(void **state);
int certs_end(void **state);

/* The path of a file there; one of the last eight answers is good. Made are, each with
 * NAME.key beside it: ca.pem and other-ca.pem; node.pem (for the name "callbackd"), late.pem
 * (expired), early.pem (not valid yet), named.pem (for "another"), all of ca; foreign.pem of
 * other-ca. And the keyrings old, new, both (new first, old second). */
const char *certs_path(const char *name);

void certs_write(const char *name, const char *text, unsigned mode);

#define SECRET_OLD "0123456789abcdef0123456789abcdef"
#define SECRET_NEW "fedcba9876543210fedcba9876543210"

#endif
