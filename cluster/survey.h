/* Surveys: what every node of the cluster has to report, asked at any of them. The reports
 * are text of the core's own; the cluster carries them. */
#ifndef CLUSTER_SURVEY_H
#define CLUSTER_SURVEY_H

#include "cluster/state.h"

#define SURVEY_MAX_MS 500u /* a node that has not answered by then is left out */

/* Messages from node `from`. */
void survey_on_survey(struct cluster *c, uint16_t from, const struct msg_survey *m);
void survey_on_report(struct cluster *c, uint16_t from, const struct msg_report *m);

void survey_timeout(struct cluster *c, struct op *op);

#endif
