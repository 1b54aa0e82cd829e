/* Streams that libxl could have written, and others. */
#include "tests/base/harness.h"

#include <fcntl.h>

#include "hv/stream.h"
#include "tests/hv/stream_write.h"

static void fault_is(const struct buf *stream, const char *expected)
{
    char *path = xasprintf("%s/a.save", scratch);
    char *fault;
    int fd;

    assert_int_equal(write_file(path, stream->s, stream->len, 0600), 0);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    fault = stream_fault(fd);
    if (expected)
        assert_string_equal(fault, expected);
    else
        assert_null(fault);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    free(fault);
    close(fd);
    (void)unlink(path);
    free(path);
}

static void whole(void **state)
{
    struct buf stream = {0};

    (void)state;
    stream_write(&stream);
    fault_is(&stream, NULL);
    /* A newer Xen may write unknown record types. */
    buf_drop(&stream, stream.len);
    stream_write_head(&stream);
    stream_write_record(&stream, 77, 3);
    stream_write_record(&stream, 0, 0);
    fault_is(&stream, NULL);
    buf_dispose(&stream);
}

/* Wherever it is cut. */
static void cut_off(void **state)
{
    struct buf stream = {0};
    size_t len;
    char expected[64];

    (void)state;
    stream_write(&stream);
    for (len = stream.len; len-- > 0;) {
        stream.len = len;
        snprintf(expected, sizeof(expected), "truncated after %zu bytes", len);
        fault_is(&stream, expected);
    }
    buf_dispose(&stream);
}

static void something_else(void **state)
{
    struct buf stream = {0};

    (void)state;
    stream_write(&stream);
    stream.s[0] = 'X';
    fault_is(&stream, "it is not a stream of libxl");
    stream.s[0] = 'L';
    fault_is(&stream, NULL);
    stream.s[11] = 3;
    fault_is(&stream, "it is not a stream of libxl");
    stream.s[11] = 2;
    stream.s[24] = 0; /* of the marker */
    fault_is(&stream, "its memory image has no header");
    buf_dispose(&stream);
}

static void what_cannot_be_read_is_not_bad(void **state)
{
    int fd = open(scratch, O_RDONLY | O_DIRECTORY);

    (void)state;
    assert_true(fd >= 0);
    assert_null(stream_fault(fd));
    close(fd);
    assert_null(stream_fault(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(something_else),
        cmocka_unit_test(what_cannot_be_read_is_not_bad),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_drop);
}
