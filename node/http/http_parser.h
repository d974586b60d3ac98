/* Bytes to one HTTP/1 request: the only user of llhttp, and stricter than it.
 *
 * The parser finds where things are: request line, header lines, body pieces, the end. What
 * they mean is http_head.h's business, what becomes of the body the owner's. It keeps the
 * bytes of the head and hands body pieces on where they lie, without a copy. It stops after
 * the head and after the request, so that nobody is called from inside it but the body's
 * sink, which only stores.
 *
 * No lenient flag of llhttp is ever set. What llhttp lets through and RFC 9112 does not is
 * refused here: line ends other than CRLF (2.2), spaces around a header's name and folded
 * lines (5), a request line that is not exactly METHOD SP TARGET SP HTTP/1.x (3), bytes
 * outside ASCII in the target, and chunks that do not end where they say (7.1).
 *
 * Whatever is refused leaves the parser useless until the next http_parser_begin(): after a
 * framing error nobody knows where the next request begins. */
#ifndef NODE_HTTP_PARSER_H
#define NODE_HTTP_PARSER_H

#include "http/http_message.h"

#define HTTP_HEADERS_MAX 128u /* header lines of one request; over it 431 */

struct http_parser;

enum http_parsed {
    HTTP_PARSED_ALL,  /* everything was taken; more is needed */
    HTTP_PARSED_HEAD, /* the head is complete: decide, then http_parser_expect_body() */
    HTTP_PARSED_END,  /* the request is complete */
    HTTP_PARSED_BAD,  /* refuse with http_parser_status() and close */
};

/* Takes a piece of the body. Not 0: the HTTP status to refuse the request with. */
typedef uint16_t (*http_body_sink)(void *owner, struct bytes piece);

/* NULL: out of memory. */
struct http_parser *http_parser_new(void);
void http_parser_free(struct http_parser **p);

/* Expects the first byte of a request. Its head may have `header_max` bytes. */
void http_parser_begin(struct http_parser *p, size_t header_max);

/* Expects the first byte of an answer instead: where this text says request, read answer. */
void http_parser_begin_answer(struct http_parser *p, size_t header_max);

/* Cuts what it takes off the front of *in. */
enum http_parsed http_parser_run(struct http_parser *p, struct bytes *in);

/* After HTTP_PARSED_BAD: 400, 431, 505, or what the sink said. */
uint16_t http_parser_status(const struct http_parser *p);

/* After HTTP_PARSED_HEAD; borrowed until the next http_parser_begin(). `request` gets method,
 * target and headers; the rest of it is left alone. */
void http_parser_head(const struct http_parser *p, struct http_request *request);

/* The same of an answer: its status code, and its header lines as they came. */
unsigned http_parser_answer(const struct http_parser *p, struct bytes *lines);

/* The minor version, 0 or 1. */
unsigned http_parser_minor(const struct http_parser *p);

/* After HTTP_PARSED_HEAD, when there is a body: `size` bytes, or chunks until the last one. */
void http_parser_expect_size(struct http_parser *p, uint64_t size, http_body_sink sink,
                             void *owner);
void http_parser_expect_chunks(struct http_parser *p, http_body_sink sink, void *owner);

/* Bytes of memory that the size of the head has taken. */
size_t http_parser_room(const struct http_parser *p);

/* Gives back memory that only an unusually large head needed. */
void http_parser_slim(struct http_parser *p);

#endif
