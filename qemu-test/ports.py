"""Ports of this machine for those who listen a moment later, or again after a pause."""

import contextlib
import random
import socket


def bind(sock):
    """To a port that the kernel gives to nobody by itself: those begin at 32768, and whoever
    connects to anywhere is given one."""
    while True:
        with contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", random.randrange(20000, 32000)))
            return


def free(count):
    """All are held until the last is found, so that none comes twice."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            bind(each)
        return [each.getsockname()[1] for each in sockets]
