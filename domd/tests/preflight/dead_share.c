/*
 * A share whose server does not answer: whoever looks at a FIFO waits until
 * somebody opens it to write, and has seen a file then. The linker puts this
 * in the place of stat(), which waits for nothing but file systems.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);

int __wrap_stat(const char *path, struct stat *st)
{
    int r = __real_stat(path, st);
    int fd;

    if (r || !S_ISFIFO(st->st_mode)) return r;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
    st->st_mode = S_IFREG | 0644;
    return 0;
}
