"""Ports of this machine for those who listen a moment later, or again after a pause."""

import contextlib
import random
import socket


def free(count):
    """None that the kernel gives to somebody by itself: those begin at 32768, and whoever
    connects to anywhere is given one. All are held until the last is found, so that none
    comes twice."""
    with contextlib.ExitStack() as held:
        sockets = []
        while len(sockets) < count:
            each = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                each.bind(("127.0.0.1", random.randrange(20000, 32000)))
                sockets.append(each)
        return [each.getsockname()[1] for each in sockets]
