#include "http/http_parser.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>

#define HEAD_ROOM_KEPT     4096u /* bytes of a head's memory kept for the next request */
#define LINES_FIRST_ROOM   16u   /* header lines there is room for at first */
#define LINES_ROOM_KEPT    32u   /* likewise kept for the next request */
#define CHUNK_OVERHEAD_MAX 16u   /* bytes of chunk framing we bear with for a byte of body */

/* Where a header's name lies in the head. Its value is what stands between the colon and the
 * end of the line. Offsets, because the head's memory moves while it grows. */
struct mark {
    uint32_t name_at, name_size;
};

enum phase { PHASE_HEAD, PHASE_DECIDE, PHASE_SIZE, PHASE_CHUNKS, PHASE_OVER };

struct http_parser {
    llhttp_t llhttp;
    enum phase phase;
    uint16_t status; /* to refuse with */
    size_t header_max;
    bool is_answer;
    struct text head;   /* the bytes of the head, as they came */
    struct bytes piece; /* what llhttp works on now */
    size_t piece_at;    /* where `piece` begins in the head */
    struct mark target; /* where the target lies */
    uint32_t head_at;   /* where the request line begins: empty lines may precede it */
    uint32_t head_size; /* without what follows it */
    uint32_t lines_at;  /* where the header lines begin */
    uint32_t mark_count;
    uint32_t mark_room;          /* of both arrays */
    uint32_t initials;           /* of the headers' names */
    struct mark *marks;          /* header lines as they come */
    struct http_header *headers; /* and when the head is complete */

    http_body_sink sink;
    void *owner;
    uint64_t body_left;    /* PHASE_SIZE */
    uint64_t body_size;    /* PHASE_CHUNKS: so far */
    uint64_t framing_size; /* PHASE_CHUNKS: sizes, line ends, extensions, trailers */
    const uint8_t *framed; /* PHASE_CHUNKS: framing is checked up to here */
    uint8_t last;          /* the framing byte before that */
    bool after_data;       /* the next framing byte ends a chunk */
};

static enum http_parsed refuse(struct http_parser *p, uint16_t status)
{
    p->phase = PHASE_OVER;
    p->status = status;
    return HTTP_PARSED_BAD;
}

/* Adds a piece of a name or target that may come in several. */
static void mark_extend(struct mark *m, uint32_t at, uint32_t size)
{
    if (m->name_size == 0) {
        m->name_at = at;
    }
    m->name_size += size;
}

static uint32_t offset_of(const struct http_parser *p, const char *at)
{
    return (uint32_t)(p->piece_at + (size_t)((const uint8_t *)at - p->piece.at));
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *p = llhttp->data;
    mark_extend(&p->target, offset_of(p, at), (uint32_t)size);
    return 0;
}

/* For more header lines. 0, or the status to refuse with. */
static uint16_t make_room(struct http_parser *p)
{
    if (p->mark_room == HTTP_HEADERS_MAX) {
        return 431;
    }
    uint32_t room = p->mark_room == 0 ? LINES_FIRST_ROOM : p->mark_room * 2;
    struct mark *marks = realloc(p->marks, room * sizeof *marks);
    p->marks = marks == NULL ? p->marks : marks;
    struct http_header *headers = realloc(p->headers, room * sizeof *headers);
    p->headers = headers == NULL ? p->headers : headers;
    if (marks == NULL || headers == NULL) {
        return 503;
    }
    p->mark_room = room;
    return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *p = llhttp->data;
    if (p->phase != PHASE_HEAD) {
        return 0; /* a trailer: nobody asked for it (RFC 9110 6.5.1) */
    }
    uint32_t begin = offset_of(p, at);
    struct mark *last = p->mark_count == 0 ? NULL : &p->marks[p->mark_count - 1];
    if (last != NULL && last->name_at + last->name_size == begin) {
        mark_extend(last, begin, (uint32_t)size); /* the name came in two pieces */
        return 0;
    }
    p->status = p->mark_count < p->mark_room ? 0 : make_room(p);
    if (p->status != 0) {
        return HPE_USER;
    }
    p->marks[p->mark_count] = (struct mark){.name_at = begin, .name_size = (uint32_t)size};
    p->mark_count++;
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

/* Sizes, extensions, trailers: every CR is followed by LF, every LF preceded by CR, and the
 * data of a chunk by CRLF. llhttp is built loosely in Debian 12 and lets some of it pass.
 * RFC 9112 7.1.1 asks for a bound on extensions; trailers need one as well. Returns 0 or the
 * status to refuse with. */
static uint16_t check_framing(struct http_parser *p, const uint8_t *end)
{
    for (; p->framed < end; p->framed++) {
        uint8_t c = *p->framed;
        bool right = (c == '\n') == (p->last == '\r') && (!p->after_data || c == '\r');
        if (!right) {
            return 400;
        }
        p->after_data = false;
        p->last = c;
        p->framing_size++;
    }
    uint64_t allowed = p->header_max + CHUNK_OVERHEAD_MAX * p->body_size;
    return p->framing_size > allowed ? 431 : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *p = llhttp->data;
    p->status = check_framing(p, (const uint8_t *)at);
    if (p->status != 0) {
        return HPE_USER;
    }
    p->framed += size;
    p->after_data = true;
    p->body_size += size;
    p->status = p->sink(p->owner, bytes_of(at, size));
    return p->status == 0 ? 0 : HPE_USER;
}

static int on_message_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct http_parser *http_parser_new(void)
{
    return calloc(1, sizeof(struct http_parser));
}

void http_parser_free(struct http_parser **p)
{
    struct http_parser *mine = *p;
    *p = NULL;
    if (mine != NULL) {
        text_fini(&mine->head);
        free(mine->marks);
        free(mine->headers);
        free(mine);
    }
}

static void begin(struct http_parser *p, llhttp_type_t type, size_t header_max)
{
    assert(header_max <= UINT32_MAX);
    llhttp_init(&p->llhttp, type, &settings);
    p->llhttp.data = p;
    p->is_answer = type == HTTP_RESPONSE;
    p->phase = PHASE_HEAD;
    p->status = 0;
    p->header_max = header_max;
    text_clear(&p->head);
    p->target = (struct mark){0};
    p->mark_count = 0;
    p->initials = 0;
}

size_t http_parser_room(const struct http_parser *p)
{
    return p->head.room + p->mark_room * (sizeof *p->marks + sizeof *p->headers);
}

void http_parser_begin(struct http_parser *p, size_t header_max)
{
    begin(p, HTTP_REQUEST, header_max);
}

void http_parser_begin_answer(struct http_parser *p, size_t header_max)
{
    begin(p, HTTP_RESPONSE, header_max);
}

void http_parser_slim(struct http_parser *p)
{
    if (p->head.room > HEAD_ROOM_KEPT) {
        text_fini(&p->head);
    }
    if (p->mark_room > LINES_ROOM_KEPT) {
        free(p->marks);
        free(p->headers);
        p->marks = NULL;
        p->headers = NULL;
        p->mark_room = 0;
    }
}

/* METHOD SP TARGET SP HTTP/1.x CRLF, with nothing before, between or after. Returns where
 * the first header line begins, 0 when it is not so. */
static size_t check_request_line(struct http_parser *p)
{
    const char *head = p->head.at;
    uint32_t at = 0;
    while (p->head_size - at > 2 && memcmp(head + at, "\r\n", 2) == 0) {
        at += 2; /* RFC 9112 2.2: empty lines before the request line are ignored */
    }
    p->head_at = at;
    const char *method = llhttp_method_name((llhttp_method_t)p->llhttp.method);
    size_t method_size = strlen(method);
    size_t target_end = (size_t)p->target.name_at + p->target.name_size;
    char end[] = " HTTP/1.1\r\n";
    end[8] = (char)('0' + p->llhttp.http_minor);
    if (p->target.name_at != at + method_size + 1 || head[at + method_size] != ' ' ||
        memcmp(head + at, method, method_size) != 0 ||
        p->head_size - target_end < sizeof end - 1 ||
        memcmp(head + target_end, end, sizeof end - 1) != 0) {
        return 0;
    }
    bool is_visible = bytes_is_visible(bytes_of(head + p->target.name_at, p->target.name_size));
    return is_visible ? target_end + sizeof end - 1 : 0;
}

/* HTTP/1.x SP STATUS [SP REASON] CRLF (RFC 9112 4). Returns as check_request_line(). */
static size_t check_status_line(const struct http_parser *p)
{
    const char *head = p->head.at;
    const char *end = memchr(head, '\n', p->head_size);
    size_t size = end == NULL ? 0 : (size_t)(end - head) + 1;
    bool right = size >= sizeof "HTTP/1.1 200\r\n" - 1 && memcmp(head, "HTTP/1.", 7) == 0 &&
                 head[8] == ' ' && (head[12] == ' ' || head[12] == '\r') &&
                 head[size - 2] == '\r';
    return right ? size : 0;
}

/* NAME ":" OWS VALUE OWS CRLF, from `begin` up to `end`. */
static bool read_header(struct http_parser *p, uint32_t i, size_t begin, size_t end)
{
    const struct mark *m = &p->marks[i];
    const char *head = p->head.at;
    size_t colon = (size_t)m->name_at + m->name_size;
    if (m->name_at != begin || end < colon + 3 || head[colon] != ':' ||
        memcmp(head + end - 2, "\r\n", 2) != 0) {
        return false;
    }
    struct bytes name = bytes_of(head + begin, m->name_size);
    struct bytes value = bytes_of(head + colon + 1, end - 2 - colon - 1);
    if (name.size == 0 || memchr(name.at, ' ', name.size) != NULL ||
        memchr(value.at, '\n', value.size) != NULL ||
        memchr(value.at, '\r', value.size) != NULL) {
        return false; /* a line end inside a value: a folded line (RFC 9112 5.2) */
    }
    p->headers[i] = (struct http_header){.name = name, .value = bytes_trim(value)};
    p->initials |= http_initial((char)name.at[0]);
    return true;
}

static enum http_parsed finish_head(struct http_parser *p)
{
    if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1) {
        return refuse(p, 505);
    }
    size_t at = p->is_answer ? check_status_line(p) : check_request_line(p);
    if (at == 0) {
        return refuse(p, 400);
    }
    p->lines_at = (uint32_t)at;
    for (uint32_t i = 0; i < p->mark_count; i++) {
        size_t end = i + 1 < p->mark_count ? p->marks[i + 1].name_at : p->head_size - 2;
        if (!read_header(p, i, at, end)) {
            return refuse(p, 400);
        }
        at = end;
    }
    if (p->head_size - at != 2 || memcmp(p->head.at + at, "\r\n", 2) != 0) {
        return refuse(p, 400);
    }
    p->phase = PHASE_DECIDE;
    return HTTP_PARSED_HEAD;
}

static uint16_t status_of(const struct http_parser *p, llhttp_errno_t error)
{
    if (p->status != 0) {
        return p->status;
    }
    bool is_known = p->llhttp.http_major == 1 && p->llhttp.http_minor <= 1;
    bool is_version =
        error == HPE_PAUSED_H2_UPGRADE || (error == HPE_INVALID_VERSION && !is_known);
    return is_version ? 505 : 400;
}

static enum http_parsed run_head(struct http_parser *p, struct bytes *in)
{
    size_t room = p->header_max - p->head.size;
    p->piece = bytes_of(in->at, in->size < room ? in->size : room);
    p->piece_at = p->head.size;
    llhttp_errno_t rc = llhttp_execute(&p->llhttp, (const char *)p->piece.at, p->piece.size);
    if (rc != HPE_OK && rc != HPE_PAUSED) {
        return refuse(p, status_of(p, rc));
    }
    size_t taken = p->piece.size;
    if (rc == HPE_PAUSED) {
        taken = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->llhttp) - p->piece.at);
    }
    text_add(&p->head, bytes_of(p->piece.at, taken));
    *in = bytes_of(in->at + taken, in->size - taken);
    if (text_failed(&p->head)) {
        return refuse(p, 503);
    }
    p->head_size = (uint32_t)p->head.size;
    if (rc == HPE_PAUSED) {
        return finish_head(p);
    }
    return p->head.size == p->header_max ? refuse(p, 431) : HTTP_PARSED_ALL;
}

static enum http_parsed run_size(struct http_parser *p, struct bytes *in)
{
    size_t taken = in->size < p->body_left ? in->size : (size_t)p->body_left;
    struct bytes piece = bytes_of(in->at, taken);
    *in = bytes_of(in->at + taken, in->size - taken);
    p->body_left -= taken;
    uint16_t status = taken == 0 ? 0 : p->sink(p->owner, piece);
    if (status != 0) {
        return refuse(p, status);
    }
    if (p->body_left > 0) {
        return HTTP_PARSED_ALL;
    }
    p->phase = PHASE_OVER;
    return HTTP_PARSED_END;
}

static enum http_parsed run_chunks(struct http_parser *p, struct bytes *in)
{
    p->framed = in->at;
    llhttp_errno_t rc = llhttp_execute(&p->llhttp, (const char *)in->at, in->size);
    if (rc != HPE_OK && rc != HPE_PAUSED) {
        return refuse(p, status_of(p, rc));
    }
    const uint8_t *end = in->at + in->size;
    if (rc == HPE_PAUSED) {
        end = (const uint8_t *)llhttp_get_error_pos(&p->llhttp);
    }
    uint16_t status = check_framing(p, end);
    if (status != 0) {
        return refuse(p, status);
    }
    *in = bytes_of(end, in->size - (size_t)(end - in->at));
    if (rc != HPE_PAUSED) {
        return HTTP_PARSED_ALL;
    }
    p->phase = PHASE_OVER;
    return HTTP_PARSED_END;
}

enum http_parsed http_parser_run(struct http_parser *p, struct bytes *in)
{
    switch (p->phase) {
    case PHASE_HEAD:
        return run_head(p, in);
    case PHASE_SIZE:
        return run_size(p, in);
    case PHASE_CHUNKS:
        return run_chunks(p, in);
    case PHASE_DECIDE: /* the head is unanswered */
    case PHASE_OVER:
        break;
    }
    assert(p->phase == PHASE_OVER && p->status != 0);
    return HTTP_PARSED_BAD;
}

uint16_t http_parser_status(const struct http_parser *p)
{
    return p->status;
}

void http_parser_head(const struct http_parser *p, struct http_request *request)
{
    request->method = bytes_text(llhttp_method_name((llhttp_method_t)p->llhttp.method));
    request->target = bytes_of(p->head.at + p->target.name_at, p->target.name_size);
    request->headers = p->headers;
    request->header_count = p->mark_count;
    request->initials = p->initials;
}

unsigned http_parser_answer(const struct http_parser *p, struct bytes *lines)
{
    assert(p->is_answer);
    *lines = bytes_of(p->head.at + p->lines_at, p->head_size - p->lines_at - 2);
    return p->llhttp.status_code;
}

unsigned http_parser_minor(const struct http_parser *p)
{
    return p->llhttp.http_minor;
}

void http_parser_expect_size(struct http_parser *p, uint64_t size, http_body_sink sink,
                             void *owner)
{
    assert(p->phase == PHASE_DECIDE);
    p->phase = PHASE_SIZE;
    p->body_left = size;
    p->sink = sink;
    p->owner = owner;
}

void http_parser_expect_chunks(struct http_parser *p, http_body_sink sink, void *owner)
{
    assert(p->phase == PHASE_DECIDE);
    p->phase = PHASE_CHUNKS;
    p->sink = sink;
    p->owner = owner;
    p->body_size = 0;
    p->framing_size = 0;
    p->last = 0;
    p->after_data = false;
    llhttp_resume(&p->llhttp);
}
