#include "handlers/answer_text.h"

int answer_text_headers(struct buf **out, struct budget *budget)
{
    return buf_copy(out, budget, bytes_text("Content-Type: text/plain; charset=utf-8\r\n"));
}

void answer_text(struct execution_outcome *out, struct budget *budget, uint16_t status,
                 const char *text)
{
    *out = (struct execution_outcome){.end = EXECUTION_ANSWERED};
    out->result.status = status;
    out->result.failed = status >= 400;
    if (answer_text_headers(&out->result.headers, budget) != 0 ||
        buf_copy(&out->result.body, budget, bytes_text(text)) != 0) {
        result_drop(&out->result);
        *out = (struct execution_outcome){.end = EXECUTION_NO_MEMORY,
                                          .detail = "no memory for the answer"};
    }
}
