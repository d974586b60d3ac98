/* Statuses, cancellations and names, asked at any node and answered by the one that knows. */
#ifndef CLUSTER_QUESTIONS_H
#define CLUSTER_QUESTIONS_H

#include "cluster/state.h"

void questions_timeout(struct cluster *c, struct op *op);

/* Messages from node `from`. */
void questions_on_status_req(struct cluster *c, uint16_t from, const struct msg_ask *m);
void questions_on_cancel(struct cluster *c, uint16_t from, const struct msg_ask *m);
void questions_on_status(struct cluster *c, uint16_t from, const struct msg_status *m);
void questions_on_registration(struct cluster *c, uint16_t from,
                               const struct msg_registration *m);
void questions_on_registered(struct cluster *c, uint16_t from, const struct msg_registered *m);

/* The client of a ticket has left. */
void questions_leave(struct cluster *c, struct op *op);

/* Names whose time is over: kept on while what they name is known. */
void questions_tick(struct cluster *c, uint32_t limit);

/* Names follow their registrars when members come and go: begins anew; and goes on, true when
 * all have been told. */
void register_members_changed(struct cluster *c);
bool register_sweep(struct cluster *c);

#endif
