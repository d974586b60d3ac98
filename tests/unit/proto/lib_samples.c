#include "lib_samples.h"

#include <assert.h>
#include <stdlib.h>

static struct guid id(uint8_t n)
{
    struct guid g;
    memset(g.at, n, sizeof g.at);
    g.at[0] = (uint8_t)~n;
    return g;
}

static struct msg_entry entry_of(uint8_t n, uint8_t arbiters)
{
    struct msg_entry e = {.guid = id(n), .origin = id(0x0a), .seq = 1000u + n};
    e.arbiter_count = arbiters;
    for (uint8_t i = 0; i < arbiters; i++) {
        e.arbiters[i] = id((uint8_t)(0x0a + i));
    }
    return e;
}

static struct buf *buf_of(const char *text)
{
    struct buf *b;
    int rc = buf_copy(&b, NULL, bytes_text(text));
    assert(rc == 0);
    return b;
}

static struct request *request_of(const char *body)
{
    struct request_view view = {bytes_text("POST"), bytes_text("/sub/path"),
                                bytes_text("a=1&b=%20"), bytes_text("Content-Type: x/y\r\n")};
    struct buf *b = body == NULL ? NULL : buf_of(body);
    struct request *r;
    int rc = request_new(&r, NULL, &view, b);
    assert(rc == 0);
    buf_drop(&b);
    return r;
}

static const struct msg_claim_no claim_no = {.node = {{9, 8, 7}}, .counter = 0x123456};

static struct msg *add(struct sample *out, size_t *n, const char *name, enum msg_kind kind)
{
    assert(*n < SAMPLES_MAX);
    struct sample *s = &out[(*n)++];
    *s = (struct sample){.name = name, .msg = {.kind = kind}};
    return &s->msg;
}

static void add_members(struct sample *out, size_t *n)
{
    static const struct msg_peer peers[] = {
        {{{1}}, {(const uint8_t *)"n1", 2}, {NULL, 0}, {(const uint8_t *)"h:1", 3}, 1},
        {{{2}}, {(const uint8_t *)"n2", 2}, {(const uint8_t *)"z", 1}, {NULL, 0}, 4}};
    for (int i = 0; i < 2; i++) {
        add(out, n, i == 0 ? "HELLO" : "HELLO_OK", i == 0 ? MSG_HELLO : MSG_HELLO_OK)->hello =
            (struct msg_hello){.version_min = 1,
                               .version_max = 3,
                               .cluster_name = bytes_text("test"),
                               .node_id = id(1),
                               .node_name = bytes_text("node-a"),
                               .zone = bytes_text("zone"),
                               .address = bytes_text("127.0.0.1:7000"),
                               .lane = LANE_BULK,
                               .available = i == 0,
                               .leaving = i == 1,
                               .takes_seats = i == 0};
    }
    add(out, n, "REJECT", MSG_REJECT)->reject =
        (struct msg_reject){REJECT_CLUSTER, bytes_text("another cluster")};
    add(out, n, "PING", MSG_PING)->ping = (struct msg_ping){0xfedcba9876543210};
    add(out, n, "PONG", MSG_PONG)->pong = (struct msg_pong){123456789, 5};
    add(out, n, "PEERS", MSG_PEERS)->peers = (struct msg_peers){2, peers};
    add(out, n, "PEERS_NONE", MSG_PEERS)->peers = (struct msg_peers){0, peers};
    add(out, n, "PROBE", MSG_PROBE)->probe = (struct msg_probe){id(3)};
    add(out, n, "PROBE_ACK", MSG_PROBE_ACK)->probe = (struct msg_probe){id(3)};
    add(out, n, "SUSPECT", MSG_SUSPECT)->verdict = (struct msg_verdict){id(4), false};
    add(out, n, "ALIVE", MSG_ALIVE)->verdict = (struct msg_verdict){id(5), false};
    add(out, n, "DEAD", MSG_DEAD)->verdict = (struct msg_verdict){id(6), true};
    add(out, n, "LEAVE", MSG_LEAVE)->leave = (struct msg_leave){true};
}

static void add_accepts(struct sample *out, size_t *n)
{
    struct msg *m = add(out, n, "ACCEPT", MSG_ACCEPT);
    m->accept = (struct msg_accept){.entry = entry_of(0x21, 3),
                                    .function = bytes_text("score"),
                                    .created_ago_ms = 5,
                                    .run_left_ms = 30000,
                                    .ttl_ms = 60000,
                                    .attempt = 1,
                                    .max_attempts = 2,
                                    .on_node_loss = ON_NODE_LOSS_DROP,
                                    .id_space = ID_CALL,
                                    .drop_result = true,
                                    .client_id = bytes_text("my-id"),
                                    .callback_url = bytes_text("http://x/y"),
                                    .request = request_of("{\"a\":1}"),
                                    .body_size = 7};
    m = add(out, n, "ACCEPT_PLAIN", MSG_ACCEPT);
    m->accept = (struct msg_accept){.entry = entry_of(0x22, 1),
                                    .function = bytes_text("f"),
                                    .ttl_ms = 1,
                                    .request = request_of(NULL)};
    m = add(out, n, "ACCEPT_BODY_FOLLOWS", MSG_ACCEPT);
    m->accept = (struct msg_accept){.entry = entry_of(0x23, 2),
                                    .function = bytes_text("f"),
                                    .request = request_of(NULL),
                                    .body_size = MSG_CHUNK_MAX + 1};
    add(out, n, "ACCEPT_ACK", MSG_ACCEPT_ACK)->ack = (struct msg_ack){id(7), 2, NAK_NONE};
    add(out, n, "ACCEPT_NAK", MSG_ACCEPT_NAK)->ack = (struct msg_ack){id(7), 0, NAK_LEAVING};
}

static void add_creates(struct sample *out, size_t *n)
{
    struct msg_create base = {.entry = entry_of(0x31, 3),
                              .function = bytes_text("score"),
                              .created_ago_ms = 70,
                              .started_ago_ms = 60,
                              .completed_ago_ms = 3,
                              .ttl_left_ms = 59997,
                              .status = 200,
                              .attempt = 1,
                              .webhook = WEBHOOK_PENDING,
                              .body_size = 5};
    struct msg *m = add(out, n, "CREATE_HEADER", MSG_CREATE);
    m->create = base;
    m = add(out, n, "CREATE", MSG_CREATE);
    m->create = base;
    m->create.has_payload = true;
    m->create.headers = buf_of("Content-Type: text/plain\r\n");
    m->create.body = buf_of("hello");
    m = add(out, n, "CREATE_EMPTY", MSG_CREATE);
    m->create = base;
    m->create.has_payload = m->create.failed = true;
    m->create.body_size = 0;
    m->create.status = 502;
    m = add(out, n, "CREATE_BODY_FOLLOWS", MSG_CREATE);
    m->create = base;
    m->create.has_payload = m->create.body_follows = true;
    m->create.headers = buf_of("A: b\r\n");
    m->create.body_size = MSG_CHUNK_MAX + 9;
}

static void add_claims(struct sample *out, size_t *n)
{
    static const uint64_t seqs[] = {5, 6, 7, 300, 2, UINT64_MAX, 9};
    static const uint8_t reasons[] = {4, 5, 6, 4 | 2 << 4, 4, 4, 5};
    static const struct msg_taken_item items[] = {
        {{{1}}, {{{2}}, 3}, INVOCATION_COLLECTED, WEBHOOK_DELIVERED, {{4}}, 10000},
        {{{5}}, {{{6}}, 7}, INVOCATION_CANCELED, WEBHOOK_NONE, {{0}}, 0}};
    add(out, n, "DELETE", MSG_DELETE)->deleted = (struct msg_deleted){id(8), 7, seqs, reasons};
    add(out, n, "CLAIM", MSG_CLAIM)->claim =
        (struct msg_claim){id(9), claim_no, CLAIM_COLLECT, 3000, {{0}}, {NULL, 0}, 2};
    add(out, n, "CLAIM_TOKEN", MSG_CLAIM)->claim =
        (struct msg_claim){id(9), claim_no, CLAIM_FREE, 0, id(0x44), {NULL, 0}, 0};
    add(out, n, "GRANT", MSG_GRANT)->grant =
        (struct msg_grant){id(10), claim_no, true, false, {0}};
    add(out, n, "DENY", MSG_DENY)->deny =
        (struct msg_deny){id(11), claim_no, DENY_EXPIRED, {0}};
    add(out, n, "RELEASE", MSG_RELEASE)->release = (struct msg_release){id(12), claim_no};
    add(out, n, "TAKEN", MSG_TAKEN)->taken = (struct msg_taken){2, items};
    add(out, n, "PAYLOAD_REQ", MSG_PAYLOAD_REQ)->payload_req =
        (struct msg_payload_req){id(13), claim_no, 262144, 1000000};
}

static void add_repair(struct sample *out, size_t *n)
{
    static const uint64_t seqs[] = {10, 11, 20};
    static const uint8_t bits[] = {0xff, 0x0f, 0x01};
    add(out, n, "DIGEST", MSG_DIGEST)->digest =
        (struct msg_digest){id(14), 100, 121, 101, 20, bytes_of(bits, 3), bytes_of(NULL, 0)};
    add(out, n, "FETCH", MSG_FETCH)->seqs = (struct msg_seqs){id(15), 3, seqs};
    add(out, n, "OFFER", MSG_OFFER)->seqs = (struct msg_seqs){id(15), 0, seqs};
    add(out, n, "EXEC", MSG_EXEC)->exec = (struct msg_exec){id(16), id(17), 70000, id(18), 2};
    add(out, n, "STREAM_ACK", MSG_STREAM_ACK)->stream_ack =
        (struct msg_stream_ack){LANE_BULK, 5000000000};
}

static void add_payloads(struct sample *out, size_t *n)
{
    struct msg *m = add(out, n, "PAYLOAD", MSG_PAYLOAD);
    m->payload = (struct msg_payload){.guid = id(19),
                                      .no = claim_no,
                                      .of = PAYLOAD_CLAIMED,
                                      .total = 11,
                                      .status = 404,
                                      .failed = true,
                                      .headers = bytes_text("X: y\r\n"),
                                      .chunk = bytes_text("chunk")};
    m = add(out, n, "PAYLOAD_NONE", MSG_PAYLOAD);
    m->payload = (struct msg_payload){.guid = id(19), .no = claim_no, .of = PAYLOAD_NONE};
    m = add(out, n, "PAYLOAD_REQUEST", MSG_PAYLOAD);
    m->payload = (struct msg_payload){.guid = id(19),
                                      .of = PAYLOAD_REQUEST,
                                      .offset = 262144,
                                      .total = 262149,
                                      .chunk = bytes_text("tail.")};
}

static void add_questions(struct sample *out, size_t *n)
{
    add(out, n, "STATUS_REQ", MSG_STATUS_REQ)->ask = (struct msg_ask){77, id(20), {NULL, 0}};
    struct msg_status status = {.request = 77,
                                .answer = ANSWER_STATUS,
                                .entry = entry_of(0x51, 2),
                                .function = bytes_text("score"),
                                .node_name = bytes_text("node-b"),
                                .client_id = bytes_text("mine"),
                                .state = INVOCATION_RUNNING,
                                .webhook = WEBHOOK_FAILED,
                                .result_status = 201,
                                .attempt = 2,
                                .created_ago_ms = 31,
                                .started_ago_ms = 21,
                                .completed_ago_ms = 11,
                                .ended_ago_ms = 9,
                                .expires_left_ms = 1234567890123,
                                .queue_position = 4,
                                .estimate_ms = 250};
    add(out, n, "STATUS", MSG_STATUS)->status = status;
    add(out, n, "STATUS_UNKNOWN", MSG_STATUS)->status =
        (struct msg_status){.request = 78, .answer = ANSWER_UNKNOWN};
    add(out, n, "CANCEL", MSG_CANCEL)->ask = (struct msg_ask){79, id(21), {NULL, 0}};
    add(out, n, "REGISTER", MSG_REGISTER)->registration = (struct msg_registration){
        80, REGISTER_ADD, ID_IDEMPOTENCY, bytes_text("f\nkey"), id(22), 0xabcdef, 65000};
    add(out, n, "REGISTERED", MSG_REGISTERED)->registered =
        (struct msg_registered){80, true, id(23), 0xfedcba};
    add(out, n, "SURVEY", MSG_SURVEY)->survey = (struct msg_survey){81, 'q'};
    add(out, n, "REPORT", MSG_REPORT)->report =
        (struct msg_report){81, bytes_text("q echo 1 2 3 4 5 6 7 8 9\n")};
}

/* What belongs to a tenant: one field more. */
static void add_tenants(struct sample *out, size_t *n)
{
    struct bytes tenant = bytes_text("acme");
    add(out, n, "ACCEPT_TENANT", MSG_ACCEPT)->accept =
        (struct msg_accept){.entry = entry_of(0x24, 2),
                            .function = bytes_text("f"),
                            .tenant = tenant,
                            .ttl_ms = 1,
                            .request = request_of(NULL)};
    add(out, n, "CREATE_TENANT", MSG_CREATE)->create =
        (struct msg_create){.entry = entry_of(0x34, 2),
                            .function = bytes_text("f"),
                            .tenant = tenant,
                            .status = 200};
    add(out, n, "CLAIM_TENANT", MSG_CLAIM)->claim =
        (struct msg_claim){id(9), claim_no, CLAIM_COLLECT, 3000, {{0}}, tenant, 0};
    add(out, n, "STATUS_REQ_TENANT", MSG_STATUS_REQ)->ask =
        (struct msg_ask){82, id(20), tenant};
    add(out, n, "STATUS_TENANT", MSG_STATUS)->status =
        (struct msg_status){.request = 82, .answer = ANSWER_STATUS, .tenant = tenant};
    add(out, n, "CANCEL_TENANT", MSG_CANCEL)->ask = (struct msg_ask){83, id(21), tenant};
}

static void add_seats(struct sample *out, size_t *n)
{
    static const struct guid nodes[] = {{{0x61}}, {{0x62}}};
    static const struct msg_place places[] = {
        {0, false, CLAIM_COLLECT, {{{2}}, 3}, {{4}}},
        {2, true, CLAIM_CANCEL, {{{5}}, 6}, {{0}}},
    };
    struct msg *m = add(out, n, "SEAT", MSG_SEAT);
    m->seat = (struct msg_seat){.guid = id(24),
                                .origin = id(0x0a),
                                .seq = 70000,
                                .seats = 5,
                                .ready = true,
                                .whole = true,
                                .bound_left_ms = 9000,
                                .count = 2,
                                .at = places};
    m = add(out, n, "SEAT_NO_CLAIMS", MSG_SEAT);
    m->seat = (struct msg_seat){.guid = id(25), .origin = id(0x0a), .seq = 1, .seats = 2};
    add(out, n, "SEAT_ACK", MSG_SEAT_ACK)->seat_ack =
        (struct msg_seat_ack){id(24), 5, SEAT_LACKING};
    add(out, n, "MOVED", MSG_MOVED)->moved = (struct msg_moved){id(0x0b), 2, nodes};
}

static void add_terms(struct sample *out, size_t *n)
{
    const struct msg_term term = {3, true, {id(0x0a), id(0x0b), id(0x0c)}};
    add(out, n, "TURN", MSG_TURN)->turn =
        (struct msg_turn){id(24), id(0x0a), 70000, TURN_CHOSEN, 3, true, term};
    add(out, n, "GRANT_TERM", MSG_GRANT)->grant =
        (struct msg_grant){id(10), claim_no, true, false, term};
    add(out, n, "DENY_TERM", MSG_DENY)->deny =
        (struct msg_deny){id(11), claim_no, DENY_HELD, term};
    add(out, n, "SEAT_TERM", MSG_SEAT)->seat = (struct msg_seat){
        .guid = id(25), .origin = id(0x0a), .seq = 1, .seats = 2, .term = term};
}

size_t samples_make(struct sample *out, size_t max)
{
    assert(max >= SAMPLES_MAX);
    size_t n = 0;
    add_members(out, &n);
    add_accepts(out, &n);
    add_creates(out, &n);
    add_claims(out, &n);
    add_payloads(out, &n);
    add_repair(out, &n);
    add_questions(out, &n);
    add_tenants(out, &n);
    add_seats(out, &n);
    add_terms(out, &n);
    return n;
}

void samples_drop(struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct msg *m = &samples[i].msg;
        if (m->kind == MSG_ACCEPT) {
            request_drop(&m->accept.request);
        } else if (m->kind == MSG_CREATE) {
            buf_drop(&m->create.headers);
            buf_drop(&m->create.body);
        }
    }
}
