#include "lib_certs.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_S 86400L

static char folder[] = "/tmp/callbackd-certs-XXXXXX";

struct pair {
    X509 *certificate;
    EVP_PKEY *key;
};

const char *certs_path(const char *name)
{
    static char paths[8][PATH_ROOM];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return path;
}

void certs_write(const char *name, const char *text, unsigned mode)
{
    FILE *f = fopen(certs_path(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(certs_path(name), mode), 0);
}

static void extend(struct pair *p, X509 *issuer, int what, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, p->certificate, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, what, value);
    assert_non_null(e);
    X509_add_ext(p->certificate, e, -1);
    X509_EXTENSION_free(e);
}

static void save(const struct pair *p, const char *name)
{
    char file[64];
    snprintf(file, sizeof file, "%s.pem", name);
    FILE *f = fopen(certs_path(file), "w");
    assert_non_null(f);
    PEM_write_X509(f, p->certificate);
    fclose(f);
    snprintf(file, sizeof file, "%s.key", name);
    f = fopen(certs_path(file), "w");
    assert_non_null(f);
    PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    assert_int_equal(chmod(certs_path(file), 0600), 0);
}

/* Valid from `from` to `to` days from now; `name` NULL: an authority. */
static struct pair make(const char *file, const char *name, const struct pair *by, long from,
                        long to)
{
    struct pair p = {X509_new(), EVP_EC_gen("P-256")};
    static long serial;
    X509 *issuer = by == NULL ? p.certificate : by->certificate;
    X509_set_version(p.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(p.certificate), from * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(p.certificate), to * DAY_S);
    X509_set_pubkey(p.certificate, p.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(p.certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)file, -1, -1, 0);
    X509_set_issuer_name(p.certificate, X509_get_subject_name(issuer));
    extend(&p, issuer, NID_basic_constraints, name == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (name != NULL) {
        char text[64];
        snprintf(text, sizeof text, "DNS:%s", name);
        extend(&p, issuer, NID_subject_alt_name, text);
    }
    assert_true(X509_sign(p.certificate, by == NULL ? p.key : by->key, EVP_sha256()) > 0);
    save(&p, file);
    return p;
}

static void drop(struct pair p)
{
    X509_free(p.certificate);
    EVP_PKEY_free(p.key);
}

int certs_begin(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    struct pair ca = make("ca", NULL, NULL, -1, 9);
    struct pair other = make("other-ca", NULL, NULL, -1, 9);
    drop(make("node", "callbackd", &ca, -1, 9));
    drop(make("late", "callbackd", &ca, -9, -1));
    drop(make("early", "callbackd", &ca, 1, 9));
    drop(make("named", "another", &ca, -1, 9));
    drop(make("foreign", "callbackd", &other, -1, 9));
    drop(ca);
    drop(other);
    certs_write("old", SECRET_OLD "\n", 0600);
    certs_write("new", SECRET_NEW "\n", 0600);
    certs_write("both", SECRET_NEW "\n" SECRET_OLD "\n", 0600);
    return 0;
}

int certs_end(void **state)
{
    (void)state;
    DIR *files = opendir(folder);
    const struct dirent *one;
    while (files != NULL && (one = readdir(files)) != NULL) {
        unlinkat(dirfd(files), one->d_name, 0); /* of the folder and its parent: fails */
    }
    closedir(files);
    return rmdir(folder);
}
