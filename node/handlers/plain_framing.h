/* How the body of an answer is framed, and whether its connection may serve again: RFC 9112
 * 6.3 and 9.3 as one pure function. */
#ifndef NODE_HANDLERS_PLAIN_FRAMING_H
#define NODE_HANDLERS_PLAIN_FRAMING_H

#include "base/bytes.h"

enum framing {
    FRAMING_NONE,  /* no body */
    FRAMING_SIZED, /* `size` bytes, at least one */
    FRAMING_CHUNKS,
    FRAMING_TO_END, /* until the connection ends */
    FRAMING_BAD,    /* lengths that contradict each other: nobody knows where it ends */
};

struct answer_framing {
    enum framing framing;
    uint64_t size;
    bool may_stay;
};

/* Of a final answer (200 to 599) in HTTP/1.`minor`, with these header lines, to a request that
 * was HEAD or not. */
struct answer_framing plain_framing(struct bytes lines, unsigned status, unsigned minor,
                                    bool is_head);

#endif
