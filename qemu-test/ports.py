"""Free ports of this machine for servers that start a moment later, or restart."""

import contextlib
import random
import socket


def free(count):
    """COUNT free ports below 32768, where the kernel's ephemeral ports begin: an outgoing
    connection cannot take one. All are held until the last is found, so that they
    differ."""
    with contextlib.ExitStack() as held:
        sockets = []
        while len(sockets) < count:
            each = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                each.bind(("127.0.0.1", random.randrange(20000, 32000)))
                sockets.append(each)
        return [each.getsockname()[1] for each in sockets]
