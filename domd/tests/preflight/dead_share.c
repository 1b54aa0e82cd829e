/*
 * A share whose server does not answer: stat() of a FIFO blocks until somebody
 * opens the FIFO to write, and then reports a file. The linker puts this in
 * place of stat(), which blocks on file systems only.
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
