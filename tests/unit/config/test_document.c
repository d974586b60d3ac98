/* The table itself, and the document that is made from it. WRITE_DOCS=1 renews the document. */
#include "lib_config.h"

#include "config/config_print.h"
#include "config/settings.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT SOURCE_DIR "/docs/configuration.md"

static void the_document_says_what_the_table_says(void **state)
{
    (void)state;
    struct text wanted = {0}, found = {0};
    config_print_document(&wanted);
    if (getenv("WRITE_DOCS") != NULL) {
        FILE *out = fopen(DOCUMENT, "we");
        assert_non_null(out);
        assert_int_equal(fwrite(wanted.at, 1, wanted.size, out), wanted.size);
        assert_int_equal(fclose(out), 0);
    }
    FILE *in = fopen(DOCUMENT, "re");
    assert_non_null(in);
    text_commit(&found, fread(text_reserve(&found, 1 << 20), 1, 1 << 20, in));
    fclose(in);
    bool is_same = bytes_equal(text_view(&wanted), text_view(&found));
    text_fini(&wanted);
    text_fini(&found);
    if (!is_same) {
        fail_msg("docs/configuration.md is not what the table says; renew it: WRITE_DOCS=1");
    }
}

static void the_table_fits_and_names_each_key_once(void **state)
{
    (void)state;
    assert_true(setting_count <= SETTINGS_MAX);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &settings[i];
        assert_ptr_equal(setting_find(bytes_text(s->key), s->of_function), s);
        assert_true(strlen(s->help) > 0);
        assert_true(s->kind != SETTING_NUMBER || s->max <= UINT32_MAX);
        assert_true((s->kind == SETTING_CHOICE || s->kind == SETTING_CODE) ==
                    (s->words != NULL));
    }
    assert_int_equal(sizeof(enum config_claim), sizeof(uint32_t));
    assert_int_equal(sizeof(enum config_log_level), sizeof(uint32_t));
    for (size_t i = 0; i < setting_alias_count; i++) {
        const struct setting_alias *a = &setting_aliases[i];
        assert_non_null(setting_find(bytes_text(a->key), a->of_function));
    }
}

static void every_setting_comes_back_from_its_own_print(void **state)
{
    (void)state;
    struct config *c = config_new();
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &settings[i];
        if (s->of_function || setting_is_list(s) || s->fallback[0] == '\0') {
            continue;
        }
        struct text printed = {0};
        value_print(s, c, &printed);
        assert_int_equal(value_parse(s, text_view(&printed), c, NULL), 0);
        text_fini(&printed);
    }
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_says_what_the_table_says),
        cmocka_unit_test(the_table_fits_and_names_each_key_once),
        cmocka_unit_test(every_setting_comes_back_from_its_own_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
