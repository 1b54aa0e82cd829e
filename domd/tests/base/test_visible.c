/* The visible form of text from guests. */
#include "tests/base/harness.h"

#include "base/visible.h"

static void assert_visible(const char *text, const char *expected)
{
    char *shown = visible(text, VISIBLE_MAX);

    assert_string_equal(shown, expected);
    free(shown);
}

static void test_plain_text_stays(void **state)
{
    (void)state;
    assert_visible("", "");
    assert_visible("-drive file=/x: Could not open",
                   "-drive file=/x: Could not open");
    assert_visible("Tür 5 €, \xf0\x9f\x98\x80", "Tür 5 €, \xf0\x9f\x98\x80");
    assert_visible("C:\\u", "C:\\u");
}

static void test_controls_are_spelled(void **state)
{
    (void)state;
    assert_visible("\033]0;owned\007\033[2J",
                   "\\u001b]0;owned\\u0007\\u001b[2J");
    assert_visible("a\r\nb\tc\177", "a\\u000d\\u000ab\\u0009c\\u007f");
    /* CSI as one character, and the first one after the C1 set */
    assert_visible("\xc2\x9b"
                   "2J\xc2\xa0",
                   "\\u009b2J\xc2\xa0");
}

static void test_stray_bytes_are_spelled(void **state)
{
    (void)state;
    assert_visible("\x9b"
                   "2J \xff \xc3",
                   "\\x9b2J \\xff \\xc3");
    assert_visible("\xc0\x80 \xed\xa0\x80", "\\xc0\\x80 \\xed\\xa0\\x80");
    assert_visible("\xe2\x82(", "\\xe2\\x82(");
}

static void test_it_is_cut_off_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *expected;
    } cases[] = {
        {"123456", 6, "123456"},         {"1234567", 6, "123..."},
        {"ab\033cd", 10, "ab\\u001bcd"}, {"ab\033cd", 9, "ab..."},
        {"ab€de", 7, "ab€de"},           {"ab€de", 6, "ab..."},
        {"\033\033", 4, "..."},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        char *shown = visible(cases[i].text, cases[i].max);

        assert_string_equal(shown, cases[i].expected);
        free(shown);
    }
}

static void assert_lines(const char *text, bool more, size_t left,
                         const char *expected)
{
    struct buf out = {0};
    size_t len = strlen(text);

    buf_add(&out, "", 0);
    assert_int_equal(len - visible_lines(&out, text, len, more), left);
    assert_string_equal(out.s, expected);
    buf_dispose(&out);
}

static void test_lines(void **state)
{
    (void)state;
    assert_lines("one\r\n\ttwo\n\033[1mthree", false, 0,
                 "one\n\ttwo\n\\u001b[1mthree");
    assert_lines("50%\r60%", false, 0, "50%\\u000d60%");
}

static void test_a_stream_goes_on(void **state)
{
    (void)state;
    assert_lines("login: ", true, 0, "login: ");
    assert_lines("one\r", true, 1, "one");
    assert_lines("one\r", false, 0, "one\\u000d");
    assert_lines("5 \xe2\x82", true, 2, "5 ");
    assert_lines("5 \xe2\x82", false, 0, "5 \\xe2\\x82");
    assert_lines("5 \xe2(", true, 0, "5 \\xe2(");
    assert_lines("5 \xff", true, 0, "5 \\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays),
        cmocka_unit_test(test_controls_are_spelled),
        cmocka_unit_test(test_stray_bytes_are_spelled),
        cmocka_unit_test(test_it_is_cut_off_between_characters),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_stream_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
