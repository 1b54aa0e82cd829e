/* A process that looks like a device model of libxl. It waits until it is
 * killed, or until the test ends. */
#ifndef DOMD_TESTS_HV_XL_DEVICE_MODEL_H
#define DOMD_TESTS_HV_XL_DEVICE_MODEL_H

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct device_model {
    pid_t pid;
    int input;
};

static inline struct device_model device_model_start(const char *domid)
{
    struct device_model dm;
    int input[2];
    int begun[2]; /* ends with exec */
    char c;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
    dm.pid = fork();
    assert_true(dm.pid >= 0);
    if (!dm.pid) {
        dup2(input[0], 0);
        execl("/bin/sh", "sh", "-c", "read x", "qemu", "-xen-domid", domid,
              "-nodefaults", (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(begun[1]);
    assert_int_equal(read(begun[0], &c, 1), 0);
    close(begun[0]);
    dm.input = input[1];
    return dm;
}

static inline void device_model_kill(struct device_model *dm)
{
    if (!dm->pid) return;
    kill(dm->pid, SIGKILL);
    waitpid(dm->pid, NULL, 0);
    close(dm->input);
    dm->pid = 0;
}

#endif
