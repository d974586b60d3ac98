#include "cluster/locate.h"

bool locate_ask(struct cluster *c, struct op *op)
{
    (void)c;
    (void)op;
    return false;
}
