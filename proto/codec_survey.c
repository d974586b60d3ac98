/* Reports of nodes: SURVEY and REPORT. */
#include "proto/codec_fields.h"

enum { SURVEY_FIELDS = 2, REPORT_FIELDS = 2 };

void codec_put_survey(struct mp_out *out, const struct msg_survey *m)
{
    mp_out_array(out, SURVEY_FIELDS);
    mp_out_uint(out, m->request);
    mp_out_uint(out, m->topic);
}

void codec_get_survey(struct codec_in *c, struct msg_survey *m)
{
    size_t count = codec_open(&c->in, SURVEY_FIELDS);
    m->request = mp_in_uint(&c->in, UINT64_MAX);
    m->topic = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    codec_close(&c->in, count, SURVEY_FIELDS);
}

void codec_put_report(struct mp_out *out, const struct msg_report *m)
{
    mp_out_array(out, REPORT_FIELDS);
    mp_out_uint(out, m->request);
    mp_out_bin(out, m->text);
}

void codec_get_report(struct codec_in *c, struct msg_report *m)
{
    size_t count = codec_open(&c->in, REPORT_FIELDS);
    m->request = mp_in_uint(&c->in, UINT64_MAX);
    m->text = mp_in_bin(&c->in, MSG_REPORT_MAX);
    codec_close(&c->in, count, REPORT_FIELDS);
}
