#include "io/interface.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

static bool print(char out[INTERFACE_TEXT_MAX], const uv_interface_address_t *a)
{
    char text[INTERFACE_TEXT_MAX - 3];
    if (a->address.address4.sin_family == AF_INET) {
        return uv_ip4_name(&a->address.address4, out, INTERFACE_TEXT_MAX) == 0;
    }
    if (uv_ip6_name(&a->address.address6, text, sizeof text) != 0) {
        return false;
    }
    snprintf(out, INTERFACE_TEXT_MAX, "[%s]", text);
    return true;
}

/* 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291 2.5.6): means nothing on another link, or
 * without the name of an interface. */
static bool is_link_local(const uv_interface_address_t *a)
{
    if (a->address.address4.sin_family == AF_INET) {
        return ntohl(a->address.address4.sin_addr.s_addr) >> 16 == 0xa9fe;
    }
    return IN6_IS_ADDR_LINKLOCAL(&a->address.address6.sin6_addr);
}

static bool find(char out[INTERFACE_TEXT_MAX], const uv_interface_address_t *all, int count,
                 int family)
{
    for (int i = 0; i < count; i++) {
        if (!all[i].is_internal && all[i].address.address4.sin_family == family &&
            !is_link_local(&all[i]) && print(out, &all[i])) {
            return true;
        }
    }
    return false;
}

int interface_address(char out[INTERFACE_TEXT_MAX])
{
    uv_interface_address_t *all;
    int count;
    if (uv_interface_addresses(&all, &count) != 0) {
        return ERR_IO;
    }
    bool found = find(out, all, count, AF_INET) || find(out, all, count, AF_INET6);
    uv_free_interface_addresses(all, count);
    return found ? 0 : ERR_NOTFOUND;
}
