/* The scoring function as a plugin: an example of everything a plugin needs. Compare
 * tests/functions/score_http.py, which answers the same bytes over HTTP. */
#include "../functions/score.h"

#include <callbackd/plugin.h>

static int invoke(void *instance, const struct callbackd_request *request,
                  struct callbackd_response *response)
{
    (void)instance; /* keeps nothing between requests, so threads share nothing */
    char answer[SCORE_ANSWER_MAX];
    size_t size = score_transaction(answer, request->body.at, request->body.size);
    if (size == 0) {
        static const char text[] = "{\"error\":\"one flat JSON object is expected\"}\n";
        return callbackd_status(response, 400) |
               callbackd_header(response, "Content-Type", "application/json") |
               callbackd_write(response, text, sizeof text - 1);
    }
    return callbackd_header(response, "Content-Type", "application/json") |
           callbackd_write(response, answer, size);
}

const struct callbackd_plugin *callbackd_plugin(void)
{
    static const struct callbackd_plugin plugin = {
        .abi = CALLBACKD_PLUGIN_ABI,
        .struct_size = sizeof plugin,
        .invoke = invoke,
    };
    return &plugin;
}
