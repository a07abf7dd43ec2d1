"""Dials a server: TCP or a Unix socket. TLS will wrap the same two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final

from redpoll.errors import ConnectionFailed
from redpoll.options import Address

_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 15),  # seconds
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", 15),  # as macOS calls it
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 30_000),  # milliseconds
)


async def dial(address: Address, make: Callable[[], asyncio.Protocol]) -> None:
    """Connect a protocol to an address. Names are resolved anew each time.

    Args:
        address: where to.
        make: makes the protocol; its ``connection_made`` gets the transport.

    Raises:
        ConnectionFailed: nothing listens there, or it cannot be reached.
    """
    loop = asyncio.get_running_loop()
    try:
        if address.path is not None:
            await loop.create_unix_connection(make, address.path)
        else:
            transport, _ = await loop.create_connection(make, address.host, address.port)
            keep_alive(transport)
    except OSError as error:
        reason = f"{why(error)}"
    else:
        return
    raise ConnectionFailed(f"cannot connect: {reason}", address=str(address))


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel notice a peer's host that is gone: while nothing is sent, and while what is sent is not taken.

    It does not notice a process that has stopped; see ``Liveness`` for that.
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        for level, name, value in _KEEP_ALIVE:
            option: int | None = getattr(socket, name, None)
            if option is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(level, option, value)


def why(error: BaseException | None) -> str:
    """Say in a few words why a connection could not be made, or ended."""
    if error is None:
        return "the server closed it"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0 and not error.args[2:]:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
