/* Jube's balance rows: one a minute and node, or model of a node; each orphan in one row of one
 * node. */
#include "cmocka_first.h"

#include "balance.h"

static struct functions *functions;
static struct balance one, two;
static struct balance_model models[2];

static int open_functions(void **state)
{
    (void)state;
    const struct function_spec specs[2] = {{.name = bytes_text("a"), .concurrency = 1},
                                           {.name = bytes_text("b"), .concurrency = 1}};
    functions = functions_new(specs, 2, 7);
    models[1].is_one = true;
    int rc = guid_parse(&models[1].guid, bytes_text("90c425fd-101a-420b-91d1-cb7a24a969cc"));
    assert_int_equal(rc, 0);
    return functions == NULL || balance_init(&one, models, 2) != 0 ||
           balance_init(&two, models, 2) != 0;
}

static int close_functions(void **state)
{
    (void)state;
    functions_free(&functions);
    balance_fini(&one);
    balance_fini(&two);
    return 0;
}

static void read_both(struct balance_table *table, enum balance_kind kind)
{
    struct text report = {0};
    memset(table, 0, sizeof *table);
    table->kind = kind;
    balance_write(&one, kind, &report);
    balance_read(table, bytes_text("n1"), text_view(&report));
    text_clear(&report);
    balance_write(&two, kind, &report);
    balance_read(table, bytes_text("n2"), text_view(&report));
    text_fini(&report);
}

static void a_row_sums_the_functions(void **state)
{
    (void)state;
    functions_at(functions, 0)->queued = 3;
    functions_at(functions, 1)->queued = 4;
    functions_at(functions, 1)->stats.ready = 5;
    balance_add(&one, functions, 60000);
    const struct balance_row *row = &one.of[BALANCE_OF_NODES].rows[0];
    assert_int_equal(row->invoke, 7);
    assert_int_equal(row->callback, 5);
    assert_int_equal(row->timeout, 0);
}

static void each_model_has_a_row_of_its_own(void **state)
{
    (void)state;
    struct balance_table table;
    functions_at(functions, 0)->stats.expired = 9;
    functions_at(functions, 1)->queued = 4;
    functions_at(functions, 1)->stats.expired = 2;
    balance_add(&one, functions, 60000);
    functions_at(functions, 1)->stats.expired = 3;
    balance_add(&one, functions, 120000);
    read_both(&table, BALANCE_OF_MODELS);
    assert_int_equal(table.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(guid_equal(&table.at[i].row.model, &models[1].guid));
        assert_int_equal(table.at[i].row.invoke, 4);
    }
    assert_int_equal(table.at[0].row.timeout, 1);
    assert_int_equal(table.at[1].row.timeout, 2);
}

static void each_orphan_is_in_one_row_only(void **state)
{
    (void)state;
    struct balance_table table;
    functions_at(functions, 0)->stats.expired = 2;
    balance_add(&one, functions, 60000);
    balance_add(&one, functions, 120000);
    functions_at(functions, 1)->stats.expired = 1;
    balance_add(&one, functions, 180000);
    uint64_t sum = 0;
    read_both(&table, BALANCE_OF_NODES);
    for (uint32_t i = 0; i < table.count; i++) {
        sum += table.at[i].row.timeout;
    }
    assert_int_equal(table.count, 3);
    assert_int_equal(sum, 3);
    assert_int_equal(table.at[0].row.timeout, 1);
}

static void the_newest_60_of_all_nodes_come_first(void **state)
{
    (void)state;
    struct balance_table table;
    for (uint64_t minute = 1; minute <= 50; minute++) {
        balance_add(&one, functions, minute * BALANCE_EVERY_MS);
        balance_add(&two, functions, minute * BALANCE_EVERY_MS + 500);
    }
    read_both(&table, BALANCE_OF_NODES);
    assert_int_equal(table.count, BALANCE_ROWS_MAX);
    assert_string_equal(table.at[0].instance, "n2");
    assert_string_equal(table.at[1].instance, "n1");
    assert_int_equal(table.at[0].row.id, 50);
    for (uint32_t i = 1; i < table.count; i++) {
        assert_true(table.at[i].row.created_at_ms < table.at[i - 1].row.created_at_ms);
    }
    assert_int_equal(table.at[BALANCE_ROWS_MAX - 1].row.id, 21);
}

static void a_ring_keeps_the_newest_60_of_one_node(void **state)
{
    (void)state;
    struct balance_table table;
    for (uint64_t minute = 1; minute <= 61; minute++) {
        balance_add(&one, functions, minute * BALANCE_EVERY_MS);
    }
    read_both(&table, BALANCE_OF_NODES);
    assert_int_equal(table.count, BALANCE_ROWS_MAX);
    assert_int_equal(table.at[0].row.id, 61);
    assert_int_equal(table.at[BALANCE_ROWS_MAX - 1].row.id, 2);
}

static void what_is_no_row_is_passed_over(void **state)
{
    (void)state;
    struct balance_table table = {.count = 0};
    struct balance_table of_models = {.kind = BALANCE_OF_MODELS};
    struct bytes report = bytes_text("q score 1 2 3\nb 1 x 0 0 0\nb 1 2\n\nb 9 60000 1 2 3\n"
                                     "m 1 2 3 4 5\nm 1 2 3 4 5 no-guid\nb");
    balance_read(&table, bytes_text("n1"), report);
    balance_read(&of_models, bytes_text("n1"), report);
    assert_int_equal(of_models.count, 0);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.at[0].row.id, 9);
    assert_int_equal(table.at[0].row.timeout, 3);
}

static void it_prints_jubes_columns(void **state)
{
    (void)state;
    struct balance_table table;
    struct text out = {0};
    static const char *const columns[BALANCE_KINDS] = {
        [BALANCE_OF_NODES] = "",
        [BALANCE_OF_MODELS] = "\"entityAnalysisModelGuid\":"
                              "\"90c425fd-101a-420b-91d1-cb7a24a969cc\","
                              "\"archive\":0,\"activationWatcher\":0,",
    };
    balance_add(&one, functions, 60000);
    for (enum balance_kind kind = BALANCE_OF_NODES; kind < BALANCE_KINDS; kind++) {
        struct text wanted = {0};
        text_addf(&wanted,
                  "[{\"id\":1,%s\"asynchronousInvoke\":0,\"asynchronousCallback\":0,"
                  "\"asynchronousCallbackTimeout\":0,\"instance\":\"n1\","
                  "\"createdDate\":\"1970-01-01T00:01:00.000Z\"}]",
                  columns[kind]);
        read_both(&table, kind);
        text_clear(&out);
        balance_print(&table, &out);
        assert_true(bytes_equal(text_view(&out), text_view(&wanted)));
        text_fini(&wanted);
    }
    text_fini(&out);
}

#define WITH_FUNCTIONS(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, open_functions, close_functions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FUNCTIONS(a_row_sums_the_functions),
        WITH_FUNCTIONS(each_model_has_a_row_of_its_own),
        WITH_FUNCTIONS(each_orphan_is_in_one_row_only),
        WITH_FUNCTIONS(the_newest_60_of_all_nodes_come_first),
        WITH_FUNCTIONS(a_ring_keeps_the_newest_60_of_one_node),
        WITH_FUNCTIONS(what_is_no_row_is_passed_over),
        WITH_FUNCTIONS(it_prints_jubes_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
