/* The scoring function as a program: a transaction on standard input, its score on standard
 * output, exit status 1 for what is no transaction. For exec: targets. */
#include "score.h"

#include <stdio.h>

#define TRANSACTION_MAX (64u * 1024) /* bytes */

int main(void)
{
    static char text[TRANSACTION_MAX];
    char answer[SCORE_ANSWER_MAX];
    size_t size = fread(text, 1, sizeof text, stdin);
    size_t answer_size = score_transaction(answer, text, size);
    if (answer_size == 0) {
        puts("not a transaction: one flat JSON object is expected");
        return 1;
    }
    return fwrite(answer, 1, answer_size, stdout) == answer_size && fflush(stdout) == 0 ? 0 : 1;
}
