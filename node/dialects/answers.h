/* The answers that several dialects share. All write into an empty `answer`; those that take a
 * result move its references into the answer. */
#ifndef NODE_DIALECTS_ANSWERS_H
#define NODE_DIALECTS_ANSWERS_H

#include "dialects/dialect.h"

/* What parse() may end with; each returns DIALECT_ANSWER. 405 with Allow; */
enum dialect_verdict answer_not_allowed(struct http_answer *answer,
                                        const struct http_request *in, const char *allow);

/* 400, slug bad-request; */
enum dialect_verdict answer_bad_request(struct http_answer *answer,
                                        const struct http_request *in, const char *detail);

/* 404, slug unknown-function. */
enum dialect_verdict answer_unknown_function(struct http_answer *answer,
                                             const struct http_request *in);

/* Any outcome that is an error of ours, as a problem document: UNKNOWN and what stands behind
 * it in OP_OUTCOMES, GONE, CONFLICT. */
void answer_refusal(struct http_answer *answer, const struct http_request *in,
                    const struct op_reply *reply);

/* The function's answer to a synchronous invocation: its own status, headers and body. The
 * caller has added its headers before: where a function sent one of the same name, ours
 * counts, as two would contradict each other. */
void answer_function(struct http_answer *answer, struct op_reply *reply);

/* A callback, handed over (or, for PEEK, told of): API.md section 3. */
void answer_callback(struct http_answer *answer, struct op_reply *reply);

/* 202: there is no callback yet. The caller has added the Location of the status, and may have
 * written a JSON body into answer->content. */
void answer_pending(struct http_answer *answer, const struct op_reply *reply);

/* Location: a status or a callback of the native API. */
void answer_add_location(struct http_answer *answer, const struct dialect_config *config,
                         const char *path, const struct guid *guid);

/* "name: value\r\n" of our own making. */
void answer_add_guid(struct http_answer *answer, const char *name, const struct guid *guid);
void answer_add_number(struct http_answer *answer, const char *name, uint64_t value);

/* X-Call-Id: the id that the client chose, else the GUID. */
void answer_add_call_id(struct http_answer *answer, const struct invocation_info *info);

/* X-Duration-Seconds, as "%f" prints it. */
void answer_add_duration(struct http_answer *answer, uint64_t duration_ms);

/* Expires: when a ready callback goes; nothing while that is not known. */
void answer_add_expires(struct http_answer *answer, const struct invocation_info *info);

/* Retry-After; at least 1. */
void answer_add_retry_after(struct http_answer *answer, const struct invocation_info *info);

#endif
