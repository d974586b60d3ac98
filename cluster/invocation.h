/* One invocation as this node knows it: at its home, as a copy at an arbiter, or as a mere
 * header elsewhere. The store of cluster/ owns every one of them and is the only writer,
 * except of `work`, which is the core's.
 *
 * Public so that the core can read it. Kept small: a stored callback may cost 160 bytes
 * beyond body and headers, in all. Times: monotonic milliseconds of this node.
 */
#ifndef CLUSTER_INVOCATION_H
#define CLUSTER_INVOCATION_H

#include "cluster/cluster.h"

struct invocation;

struct guid invocation_guid(const struct invocation *inv);
struct bytes invocation_function(const struct invocation *inv); /* lives as long as inv */
struct bytes invocation_tenant(const struct invocation *inv); /* lives as long as the cluster */
struct bytes invocation_client_id(const struct invocation *inv);
uint8_t invocation_client_id_space(const struct invocation *inv); /* enum id_space */
struct bytes invocation_callback_url(const struct invocation *inv);
enum invocation_state invocation_state(const struct invocation *inv);
uint32_t invocation_attempt(const struct invocation *inv);
uint8_t invocation_max_attempts(const struct invocation *inv);
uint64_t invocation_created_at_ms(const struct invocation *inv);
uint64_t invocation_started_at_ms(const struct invocation *inv);
uint64_t invocation_completed_at_ms(const struct invocation *inv);
uint64_t invocation_run_deadline_ms(const struct invocation *inv); /* UINT64_MAX: none */

/* NULL once the callback is ready. Borrowed. */
struct request *invocation_request(const struct invocation *inv);

/* Bytes of the stored result (headers and body), for the queue view. */
size_t invocation_bytes(const struct invocation *inv);
uint16_t invocation_result_status(const struct invocation *inv);

void *invocation_work(const struct invocation *inv);
void invocation_set_work(struct invocation *inv, void *work);

#endif
