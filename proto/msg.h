/* The words that nodes exchange (PROTOCOL.md, "Messages"), as plain values.
 *
 * The core of cluster/ makes and reads these structs and knows no encoding; the codec turns
 * them into msgpack and back and knows no meaning. The simulator may carry them either way.
 *
 * Ownership. Everything in a struct msg is borrowed: views, arrays, buffers and requests live
 * as long as the sender of the call says (cluster/links.h). Who needs a buffer or a request
 * for longer takes a reference of its own (buf_share, request_share): a body is never copied
 * to be sent, and a received one is put into a buffer once, charged to the node's budget.
 *
 * Decoding. Declared lengths and counts are checked against the bytes that are there and
 * against the limits below before anything is allocated. When the budget has no room for a
 * body, the message is still handed over, with `no_room` set and the buffers NULL, so that
 * the core can say so to the sender. A kind that is not known is skipped by its length.
 *
 * Times travel as spans at the moment of sending ("_ago_ms", "_left_ms"); the frame carries
 * the sender's monotonic clock, and the receiver ages spans by it. 0 means "not known" where
 * a comment says so. Node ids are GUIDs; an all-zero GUID means none.
 */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "proto/guid.h"
#include "proto/request.h"
#include "proto/result.h"
#include "proto/states.h"

#define MSG_VERSION_MIN 1 /* the oldest protocol this build speaks */
/* The newest. Tests build a node that speaks one more, to run it beside this one. */
#ifndef MSG_VERSION_MAX
#define MSG_VERSION_MAX 1
#endif

enum msg_limit {
    MSG_HELLO_MAX = 4 * 1024,                       /* bytes of a frame before HELLO_OK */
    MSG_CONTROL_MAX = 64 * 1024,                    /* bytes of a frame, control lane */
    MSG_CHUNK_MAX = 256 * 1024,                     /* bytes of body in one frame */
    MSG_BULK_MAX = MSG_CHUNK_MAX + MSG_CONTROL_MAX, /* bytes of a frame, bulk lane */
    MSG_ARBITERS_MAX = 3,
    MSG_SEQS_MAX = 4096,   /* DELETE, FETCH, OFFER */
    MSG_TAKEN_MAX = 512,   /* items of one TAKEN */
    MSG_PEERS_MAX = 128,   /* members in one PEERS; more go in further ones */
    MSG_BITS_MAX = 131072, /* numbers covered by one DIGEST */
    MSG_NAME_MAX = 255,    /* bytes of a node's, zone's, cluster's name, an address, a reason */
    MSG_FUNCTION_MAX = 255,
    MSG_TENANT_MAX = 64,
    MSG_KEY_MAX = 1024,         /* bytes of a client id, a registered key */
    MSG_URL_MAX = 8192,         /* bytes of a callback URL */
    MSG_REPORT_MAX = 60 * 1024, /* bytes of text in a REPORT */
    MSG_PLACES_MAX = 96,        /* claims at the seats of one SEAT */
    MSG_MOVED_MAX = 256,        /* nodes in one MOVED */
};

/* A control lane is never held up by bodies. Each pair of nodes has one link of each. */
enum msg_lane { LANE_CONTROL, LANE_BULK, LANE_COUNT };

/* Where a kind may travel. EITHER: the sender chooses (HELLO on its own lane; ACCEPT and
 * CREATE on control while they are small, else on bulk). */
enum msg_lanes { ON_CONTROL = 1, ON_BULK = 2, ON_EITHER = 3 };

/* X(NAME, member of the union, lanes, number on the wire). Only ever add at the end. */
#define MSG_KINDS(X)                                                                           \
    X(HELLO, hello, ON_EITHER, 1)      /* dialler -> listener, first frame of a link */        \
    X(HELLO_OK, hello, ON_EITHER, 2)   /* listener -> dialler: who I am; the link is up */     \
    X(REJECT, reject, ON_EITHER, 3)    /* and the link is closed */                            \
    X(PING, ping, ON_CONTROL, 4)       /* on an idle control lane every 250 ms */              \
    X(PONG, pong, ON_CONTROL, 5)       /* at once */                                           \
    X(PEERS, peers, ON_CONTROL, 6)     /* whom I know, when the hashes in PING differ */       \
    X(PROBE, probe, ON_CONTROL, 7)     /* do you hear from `node`? */                          \
    X(PROBE_ACK, probe, ON_CONTROL, 8) /* I do; no answer otherwise */                         \
    X(SUSPECT, verdict, ON_CONTROL, 9) /* I have not heard from `node` for too long */         \
    X(ALIVE, verdict, ON_CONTROL, 10)  /* I hear from `node` */                                \
    X(DEAD, verdict, ON_CONTROL, 11)   /* `node` is dead for me; final: for everybody */       \
    X(LEAVE, leave, ON_CONTROL, 12)    /* I drain; gone: I exit now */                         \
    X(ACCEPT, accept, ON_EITHER, 13)   /* home -> arbiter: the request's copy */               \
    X(ACCEPT_ACK, ack, ON_CONTROL, 14) /* arbiter -> sender of ACCEPT, EXEC */                 \
    X(ACCEPT_NAK, ack, ON_CONTROL, 15)                                                         \
    X(CREATE, create, ON_EITHER, 16)    /* the callback exists */                              \
    X(DELETE, deleted, ON_CONTROL, 17)  /* it is gone, with all its copies */                  \
    X(CLAIM, claim, ON_CONTROL, 18)     /* claimer -> arbiter */                               \
    X(GRANT, grant, ON_CONTROL, 19)     /* arbiter -> claimer: my vote is yours */             \
    X(DENY, deny, ON_CONTROL, 20)       /* arbiter -> claimer */                               \
    X(RELEASE, release, ON_CONTROL, 21) /* claimer -> arbiter: I did not finish */             \
    X(TAKEN, taken, ON_EITHER, 22)      /* claimer -> arbiters: I finished */                  \
    X(PAYLOAD_REQ, payload_req, ON_CONTROL, 23)                                                \
    X(PAYLOAD, payload, ON_BULK, 24)  /* a piece of a body */                                  \
    X(DIGEST, digest, ON_CONTROL, 25) /* what an origin has, every second */                   \
    X(FETCH, seqs, ON_CONTROL, 26)    /* send me these: ACCEPT or CREATE follow */             \
    X(OFFER, seqs, ON_CONTROL, 27) /* their origin is dead, I hold these: seq << 1 | ready */  \
    X(EXEC, exec, ON_CONTROL, 28)  /* I run this orphan now; ACCEPT_ACK it */                  \
    X(STREAM_ACK, stream_ack, ON_CONTROL, 29)                                                  \
    X(STATUS_REQ, ask, ON_CONTROL, 30) /* any node -> home; STATUS answers */                  \
    X(STATUS, status, ON_CONTROL, 31)  /* answers STATUS_REQ and CANCEL */                     \
    X(CANCEL, ask, ON_CONTROL, 32)     /* any node -> home; STATUS answers */                  \
    X(REGISTER, registration, ON_CONTROL, 33)                                                  \
    X(REGISTERED, registered, ON_CONTROL, 34) /* answers REGISTER */                           \
    X(SURVEY, survey, ON_CONTROL, 35)         /* any node -> all: your report, please */       \
    X(REPORT, report, ON_CONTROL, 36)         /* answers SURVEY */                             \
    X(SEAT, seat, ON_CONTROL, 37)         /* leaving arbiter -> heir: this vote is yours */    \
    X(SEAT_ACK, seat_ack, ON_CONTROL, 38) /* answers SEAT */                                   \
    X(MOVED, moved, ON_CONTROL, 39)       /* whose seats are where now */                      \
    X(TURN, turn, ON_CONTROL, 40)         /* a seat of a dead one is given again */

enum msg_kind {
    MSG_NONE = 0,
#define MSG_ENUM(NAME, member, lanes, number) MSG_##NAME = (number),
    MSG_KINDS(MSG_ENUM)
#undef MSG_ENUM
        MSG_KIND_END
};

/* --- links and members ------------------------------------------------------------------ */

struct msg_hello {
    uint32_t version_min, version_max; /* HELLO_OK: both are the one chosen */
    struct bytes cluster_name;
    struct guid node_id;
    struct bytes node_name, zone, address; /* address: where others may dial me */
    uint8_t lane;                          /* enum msg_lane */
    bool available;                        /* cluster.claim; must be the same everywhere */
    bool leaving;
    bool takes_seats; /* knows SEAT and MOVED */
    bool takes_terms; /* knows TURN, and counts votes by term */
};

enum msg_reject_code {
    REJECT_VERSION = 1,
    REJECT_CLUSTER,   /* another cluster's name, or the other claim mode */
    REJECT_SELF,      /* you have dialled yourself */
    REJECT_DUPLICATE, /* this pair has a link of that lane: keep it */
    REJECT_BURIED,    /* that node id is known to be dead for good */
    REJECT_FULL,      /* too many members */
    REJECT_MALFORMED,
};

struct msg_reject {
    uint8_t code;        /* enum msg_reject_code; others are possible from newer nodes */
    struct bytes reason; /* for a human's log */
};

/* What a REJECT of that code means, for a log: the text of the other side is not trusted to be
 * short or clean. Static. */
const char *msg_refusal_text(uint8_t code);

struct msg_ping {
    uint64_t members_hash; /* of the ids I believe alive, in no order */
};

struct msg_pong {
    uint64_t ping_sent_ms; /* the frame time of the PING, echoed: gives the round trip */
    uint64_t members_hash;
};

enum msg_member_state { MEMBER_ALIVE = 1, MEMBER_SUSPECT, MEMBER_DEAD, MEMBER_LEAVING };

struct msg_peer {
    struct guid node_id;
    struct bytes node_name, zone, address;
    uint8_t state; /* enum msg_member_state */
};

struct msg_peers {
    uint32_t count; /* <= MSG_PEERS_MAX */
    const struct msg_peer *at;
};

struct msg_probe {
    struct guid node;
};

struct msg_verdict {
    struct guid node;
    bool final; /* DEAD: proven (it left, or its successor is at its address) */
};

struct msg_leave {
    bool gone;
};

/* --- invocations and callbacks ---------------------------------------------------------- */

/* Who an entry is and who decides about it; immutable, in all that can create one. */
struct msg_entry {
    struct guid guid;
    struct guid origin; /* the home: arbiters[0] as well */
    uint64_t seq;       /* of its origin, from 1 */
    uint8_t arbiter_count;
    struct guid arbiters[MSG_ARBITERS_MAX];
};

/* What one needs to run it. A body over MSG_CHUNK_MAX is not in `request`: it follows in
 * PAYLOADs of PAYLOAD_REQUEST on the same link. */
struct msg_accept {
    struct msg_entry entry;
    struct bytes function;
    struct bytes tenant;                  /* whose it is; empty: no tenant's. Likewise below */
    uint64_t created_ago_ms, run_left_ms; /* run_left_ms 0: no limit */
    uint32_t ttl_ms;
    uint8_t attempt, max_attempts;
    uint8_t on_node_loss; /* enum on_node_loss */
    uint8_t id_space;     /* enum id_space */
    bool drop_result;
    struct bytes client_id, callback_url; /* empty: none */
    struct request *request;              /* decoded: refs 1, `body` NULL if it follows */
    uint64_t body_size;
    bool no_room; /* decoder only: `request` is NULL */
};

enum msg_nak { NAK_NONE, NAK_FULL, NAK_LEAVING, NAK_ENDED };

struct msg_ack {
    struct guid guid;
    uint8_t attempt; /* which one is confirmed; 0: the copy */
    uint8_t why;     /* ACCEPT_NAK: enum msg_nak */
};

/* The callback. Without a body where the receiver needs none: then `headers` is NULL too and
 * body_size tells what there is. A body over MSG_CHUNK_MAX follows in PAYLOADs of
 * PAYLOAD_RESULT on the same link; `body` is NULL then and `body_follows` set. */
struct msg_create {
    struct msg_entry entry;
    struct bytes function;
    struct bytes tenant;
    uint64_t created_ago_ms, started_ago_ms,
        completed_ago_ms; /* started: plus one; 0: not known */
    uint32_t ttl_left_ms;
    uint16_t status;
    bool failed;
    uint8_t attempt;
    uint8_t webhook;  /* enum webhook_state */
    bool has_payload; /* headers and body are here, or follow */
    bool body_follows;
    struct buf *headers, *body; /* NULL: empty, or not here */
    uint64_t body_size;
    bool no_room; /* decoder only: has_payload is false then */
};

/* Batched; the n-th reason belongs to the n-th seq. */
struct msg_deleted {
    struct guid origin;
    uint32_t count; /* <= MSG_SEQS_MAX */
    const uint64_t *seqs;
    const uint8_t *reasons; /* enum invocation_state of the end | enum webhook_state << 4 */
};

/* --- the one collection (rules A and R) --------------------------------------------------- */

/* Fresh for every CLAIM to every arbiter. */
struct msg_claim_no {
    struct guid node;
    uint64_t counter;
};

enum msg_claim_for {
    CLAIM_COLLECT = 1,
    CLAIM_CANCEL,
    CLAIM_FREE, /* DELETE with its token */
    CLAIM_COPY, /* reserved */
};

struct msg_claim {
    struct guid guid;
    struct msg_claim_no no;
    uint8_t purpose; /* enum msg_claim_for */
    uint32_t wait_left_ms;
    struct guid token;   /* hash of the Claim-Token; zero: none */
    struct bytes tenant; /* who claims */
    uint8_t seat;        /* which of the arbiters is asked, from 1; 0: the receiver itself */
};

/* Who votes for the seats of an entry once one of them was given again (cluster/terms.h). A
 * vote counts only together with others of its term. */
struct msg_term {
    uint8_t number;                       /* 0: as accepted; the rest is not told then */
    bool is_chosen;                       /* the sender knows that no other has its votes */
    struct guid voters[MSG_ARBITERS_MAX]; /* as many as there are seats; the rest is zero */
};

struct msg_grant {
    struct guid guid;
    struct msg_claim_no no;
    bool ready; /* the callback exists here; before, it is a promise, and said again then */
    bool has_payload; /* and its body is here: PAYLOAD_REQ may come */
    struct msg_term term;
};

enum msg_deny_why {
    DENY_HELD = 1, /* another has the vote; you stand in line */
    DENY_FULL,     /* another has it, and the line is full: ask again later */
    DENY_COLLECTED,
    DENY_EXPIRED,
    DENY_CANCELED,
    DENY_UNKNOWN,
    DENY_DEFER,   /* reserved */
    DENY_UNBOUND, /* to CLAIM_FREE: no token has it */
};

struct msg_deny {
    struct guid guid;
    struct msg_claim_no no;
    uint8_t why; /* enum msg_deny_why */
    struct msg_term term;
};

struct msg_release {
    struct guid guid;
    struct msg_claim_no no;
};

struct msg_taken_item {
    struct guid guid;
    struct msg_claim_no no;
    uint8_t state;     /* INVOCATION_COLLECTED or INVOCATION_CANCELED */
    uint8_t webhook;   /* enum webhook_state */
    struct guid token; /* not zero: kept for this token for redeliver_ms more */
    uint32_t redeliver_ms;
};

struct msg_taken {
    uint32_t count; /* <= MSG_TAKEN_MAX */
    const struct msg_taken_item *at;
};

struct msg_payload_req {
    struct guid guid;
    struct msg_claim_no no; /* must hold the vote here */
    uint64_t offset;
    uint32_t size; /* bytes wanted, may be several chunks */
};

enum msg_payload_of {
    PAYLOAD_REQUEST = 1, /* follows ACCEPT */
    PAYLOAD_RESULT,      /* follows CREATE */
    PAYLOAD_CLAIMED,     /* answers PAYLOAD_REQ */
    PAYLOAD_NONE,        /* answers PAYLOAD_REQ: it is not here (any more) */
};

struct msg_payload {
    struct guid guid;
    struct msg_claim_no no; /* PAYLOAD_CLAIMED, PAYLOAD_NONE: the claim's */
    uint8_t of;             /* enum msg_payload_of */
    uint64_t offset, total; /* bytes */
    uint16_t status;        /* PAYLOAD_CLAIMED, offset 0 */
    bool failed;            /* likewise */
    struct bytes headers;   /* likewise */
    struct bytes chunk;     /* <= MSG_CHUNK_MAX; a view into `hold` when sent */
    struct buf *hold;       /* sending only: share it instead of copying `chunk` */
};

/* --- repair and takeover -------------------------------------------------------------------
 */

/* About the numbers [from, from + bit_count) of an origin; bit n of byte n/8, least first. All
 * below `low` are gone; none is at or above `high`. */
struct msg_digest {
    struct guid origin;
    uint64_t low, high, from;
    uint32_t bit_count;        /* <= MSG_BITS_MAX */
    struct bytes ended, ready; /* (bit_count + 7) / 8 bytes each; empty when no bit is set */
};

struct msg_seqs {
    struct guid origin;
    uint32_t count; /* <= MSG_SEQS_MAX */
    const uint64_t *seqs;
};

struct msg_exec {
    struct guid guid;
    struct guid origin;
    uint64_t seq;
    struct guid executor;
    uint8_t attempt;
};

/* Cumulative, since HELLO_OK of that lane's link: of msg_flow_size() of every message that came
 * over it. Opens the sender's window, and confirms its RELEASE and TAKEN. */
struct msg_stream_ack {
    uint8_t lane;
    uint64_t through_size;
};

/* --- questions from any node -----------------------------------------------------------------
 */

struct msg_ask {
    uint64_t request; /* the asker's own number, echoed */
    struct guid guid;
    struct bytes tenant; /* who asks */
};

enum msg_answer {
    ANSWER_STATUS = 1, /* to STATUS_REQ */
    ANSWER_UNKNOWN,
    ANSWER_CANCELED, /* to CANCEL, as the next two */
    ANSWER_CONFLICT,
    ANSWER_NO_QUORUM,
};

struct msg_status {
    uint64_t request;
    uint8_t answer;         /* enum msg_answer */
    struct msg_entry entry; /* arbiter_count 0: it has ended */
    struct bytes function, node_name, client_id;
    struct bytes tenant;    /* whose it is */
    uint8_t state;          /* enum invocation_state */
    uint8_t webhook;        /* enum webhook_state */
    uint16_t result_status; /* 0: no callback yet */
    uint32_t attempt;
    /* 0: not known; else the span plus one. */
    uint64_t created_ago_ms, started_ago_ms, completed_ago_ms, ended_ago_ms, expires_left_ms;
    uint32_t queue_position, estimate_ms;
};

enum msg_register_op { REGISTER_ADD = 1, REGISTER_REMOVE, REGISTER_FIND };

struct msg_registration {
    uint64_t request; /* 0: no answer wanted */
    uint8_t op;       /* enum msg_register_op */
    uint8_t space;    /* enum id_space */
    struct bytes key; /* of a name: its hash, 16 bytes (cluster/registry.h) */
    struct guid guid;
    uint64_t fingerprint;
    uint32_t keep_ms;
};

struct msg_registered {
    uint64_t request;
    bool found; /* ADD: was there before; `guid` and `fingerprint` are its owner's */
    struct guid guid;
    uint64_t fingerprint;
};

/* --- reports for operators --------------------------------------------------------------- */

struct msg_survey {
    uint64_t request; /* the asker's own number, echoed */
    uint8_t topic;    /* the cores' own word for what they report on */
};

struct msg_report {
    uint64_t request;
    struct bytes text; /* <= MSG_REPORT_MAX; lines, as the topic says */
};

/* --- leaving ------------------------------------------------------------------------------ */

/* A claim that has the vote of a seat, or stands in line there. */
struct msg_place {
    uint8_t seat; /* from 0 */
    bool waits;   /* in line; in the order of the line */
    uint8_t purpose;
    struct msg_claim_no no;
    struct guid token;
};

/* The votes of one entry that its sender held and will never give again. Which seats: bit n is
 * the n-th arbiter's. */
struct msg_seat {
    struct guid guid, origin;
    uint64_t seq;
    uint8_t seats;
    bool ready;             /* what has been given are votes; else promises */
    bool whole;             /* the sender has the request, or the callback with its body */
    uint32_t bound_left_ms; /* taken by a token, for so long; 0: it is not */
    uint32_t count;         /* <= MSG_PLACES_MAX */
    const struct msg_place *at;
    struct msg_term term;
};

enum msg_seat_why {
    SEAT_TAKEN = 1, /* the receiver votes there from now on; or the entry has ended */
    SEAT_LACKING,   /* the entry is not here, or not whole: send it, then this again */
    SEAT_FULL,      /* no memory now */
    SEAT_REFUSED, /* it never will: the receiver is leaving as well, or there is no such seat */
};

struct msg_seat_ack {
    struct guid guid;
    uint8_t seats;
    uint8_t why; /* enum msg_seat_why */
};

/* Who asks one of `nodes` for a vote shall ask `holder`. */
struct msg_moved {
    struct guid holder;
    uint32_t count; /* <= MSG_MOVED_MAX */
    const struct guid *nodes;
};

/* --- seats of the dead (cluster/terms.h) -------------------------------------------------- */

enum msg_turn_what {
    TURN_ASK = 1, /* move to this term; or, of one's own: has it been chosen? */
    TURN_MOVED,   /* answers ASK: I am in this term */
    TURN_LATER,   /* answers ASK: not now */
    TURN_CHOSEN,  /* a majority of the term before has moved: take the seats that are yours */
    TURN_TAKEN,   /* answers CHOSEN; or the entry has ended */
    TURN_LACKING, /* the entry is not here, or not whole: send it, then this again */
    TURN_COULD,   /* before ASK: could you take a seat of it? */
    TURN_CAN,     /* answers COULD */
    TURN_CANNOT,  /* answers COULD: it has ended here, or I am leaving */
};

struct msg_turn {
    struct guid guid, origin;
    uint64_t seq;
    uint8_t what;  /* enum msg_turn_what */
    uint8_t seats; /* bits: which the sender votes for */
    bool ready;    /* the callback exists at the sender */
    struct msg_term term;
};

/* --- the union
 * --------------------------------------------------------------------------------- */

struct msg {
    enum msg_kind kind;
    union {
        struct msg_hello hello;
        struct msg_reject reject;
        struct msg_ping ping;
        struct msg_pong pong;
        struct msg_peers peers;
        struct msg_probe probe;
        struct msg_verdict verdict;
        struct msg_leave leave;
        struct msg_accept accept;
        struct msg_ack ack;
        struct msg_create create;
        struct msg_deleted deleted;
        struct msg_claim claim;
        struct msg_grant grant;
        struct msg_deny deny;
        struct msg_release release;
        struct msg_taken taken;
        struct msg_payload_req payload_req;
        struct msg_payload payload;
        struct msg_digest digest;
        struct msg_seqs seqs;
        struct msg_exec exec;
        struct msg_stream_ack stream_ack;
        struct msg_ask ask;
        struct msg_status status;
        struct msg_registration registration;
        struct msg_registered registered;
        struct msg_survey survey;
        struct msg_report report;
        struct msg_seat seat;
        struct msg_seat_ack seat_ack;
        struct msg_moved moved;
        struct msg_turn turn;
    };
};

/* "CREATE"; static, never NULL, also for numbers this build does not know. */
const char *msg_kind_text(enum msg_kind kind);

/* What a message counts in a stream's window: both ends compute the same from the content,
 * so that no encoding is involved. 0 for the kinds that no window governs. */
uint32_t msg_flow_size(const struct msg *m);

#endif
