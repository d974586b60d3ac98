#include "ctl/client.h"

#include <curl/curl.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 5000L
#define ANSWER_MAX         ((size_t)1 << 31) /* bytes; more is not a node's answer */

void ctl_answer_fini(struct ctl_answer *a)
{
    text_fini(&a->headers);
    text_fini(&a->body);
    *a = (struct ctl_answer){0};
}

struct bytes ctl_answer_header(const struct ctl_answer *a, const char *name)
{
    struct bytes rest = text_view(&a->headers);
    while (rest.size > 0) {
        struct bytes value = bytes_cut_at(&rest, '\n');
        if (value.size > 0 && value.at[value.size - 1] == '\r') {
            value.size--;
        }
        struct bytes found = bytes_cut_at(&value, ':');
        if (bytes_is_nocase(found, name)) {
            return bytes_trim(value);
        }
    }
    return bytes_of(NULL, 0);
}

static size_t on_body(char *at, size_t one, size_t size, void *owner)
{
    struct ctl_answer *a = owner;
    (void)one; /* always 1 */
    if (a->body.size + size > ANSWER_MAX) {
        return 0;
    }
    text_add(&a->body, bytes_of(at, size));
    return text_failed(&a->body) ? 0 : size;
}

static size_t on_header(char *at, size_t one, size_t size, void *owner)
{
    struct ctl_answer *a = owner;
    struct bytes line = bytes_of(at, size);
    (void)one;
    if (bytes_cut_front(&line, "HTTP/")) {
        text_clear(&a->headers); /* a 100 Continue came before */
    } else {
        text_add(&a->headers, line);
    }
    return text_failed(&a->headers) ? 0 : size;
}

/* What a person should look at. */
static int explain(CURLcode code, const struct ctl_request *r, const char *detail,
                   struct errmsg *em)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return err_set(em, ERR_IO,
                       "cannot reach %.80s: connection refused. Is callbackd running, and is "
                       "%s its address? Its log says it in the line with \"event\":\"ready\"",
                       r->base, r->option);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(em, ERR_IO, "cannot find the host of %.80s; check %s", r->base,
                       r->option);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(em, ERR_IO, "%.80s is not a URL; %s takes http://HOST:PORT", r->base,
                       r->option);
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(em, ERR_IO, "--ca %.200s cannot be read, or holds no certificate",
                       r->ca == NULL ? "of the system" : r->ca);
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(em, ERR_IO,
                       "%.80s showed a certificate that cannot be trusted: %.60s. --ca FILE "
                       "names who signed it",
                       r->base, detail[0] == '\0' ? curl_easy_strerror(code) : detail);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(em, ERR_TIMEOUT, "%.80s did not answer in time", r->base);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return err_set(em, ERR_IO,
                       "%.80s broke the connection off. What was being collected can be "
                       "collected again",
                       r->base);
    default:
        return err_set(em, ERR_IO, "%.80s: %.120s", r->base,
                       detail[0] == '\0' ? curl_easy_strerror(code) : detail);
    }
}

static void add_url(struct text *url, const struct ctl_request *r)
{
    struct bytes base = bytes_text(r->base);
    while (base.size > 0 && base.at[base.size - 1] == '/') {
        base.size--;
    }
    if (strstr(r->base, "://") == NULL) {
        text_add_str(url, "http://");
    }
    text_add(url, base);
    text_add(url, r->path);
    text_add_char(url, '\0');
}

static struct curl_slist *header_list(const struct ctl_request *r)
{
    /* curl would ask for 100-continue before larger bodies; that only costs a round trip. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < r->header_count && list != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, r->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    if (list == NULL) {
        abort();
    }
    return list;
}

static void set_up(CURL *curl, const struct ctl_request *r, struct ctl_answer *out)
{
    bool has_body = strcmp(r->method, "POST") == 0;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (r->ca != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca);
    }
    if (r->insecure) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "callbackctl/" CALLBACKD_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    if (has_body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                         r->body.size == 0 ? "" : (const char *)r->body.at);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, out);
}

int ctl_client_ask(void *owner, const struct ctl_request *request, struct ctl_answer *out,
                   struct errmsg *em)
{
    (void)owner;
    char detail[CURL_ERROR_SIZE] = "";
    struct text url = {0};
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    struct curl_slist *headers = header_list(request);
    add_url(&url, request);
    set_up(curl, request, out);
    curl_easy_setopt(curl, CURLOPT_URL, url.at);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    int rc = code == CURLE_OK ? 0 : explain(code, request, detail, em);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    text_fini(&url);
    return rc;
}
