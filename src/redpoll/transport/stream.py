"""Dials a server: TCP, TLS over it, or a Unix socket; and says why that failed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final

from redpoll.errors import ConnectionFailed
from redpoll.keepalive import Keepalive
from redpoll.options import Settings

_FINAL: Final = ("ALERT", "CERTIFICATE", "CIPHER", "PROTOCOL", "VERSION")
"""Words in OpenSSL's reasons that speak of how the two sides are set up."""

_PASSING: Final = ("BAD_RECORD", "DECRYPT", "INTERNAL", "UNEXPECTED")
"""Words in them that speak of a fault on the way."""

_NO_TLS: Final = frozenset(("HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"))


async def dial(settings: Settings, make: Callable[[], asyncio.Protocol]) -> None:
    """Connect a protocol to the server. Names are resolved and certificate files looked at anew each time.

    Args:
        settings: where to, and how.
        make: makes the protocol; its ``connection_made`` gets the transport, once the server's certificate is accepted.

    Raises:
        ConnectionFailed: nothing listens there, it cannot be reached, or the two do not agree on TLS.
    """
    loop = asyncio.get_running_loop()
    address, tls = settings.address, settings.tls
    context = None if tls is None else tls.context()
    try:
        if address.path is not None:
            await loop.create_unix_connection(make, address.path)
            return
        if tls is None or context is None:
            transport, _ = await loop.create_connection(make, address.host, address.port)
        else:
            transport, _ = await loop.create_connection(
                make,
                address.host,
                address.port,
                ssl=context,
                server_hostname=tls.value.server_name or address.host,
                ssl_handshake_timeout=settings.connect_timeout,
            )
        if settings.keepalive is not None:
            keep_alive(transport, settings.keepalive)
        return
    except (OSError, ValueError) as error:
        failed = ConnectionFailed(f"cannot connect: {why(error)}", address=str(address))
        failed.final = is_final(error)
    raise failed


def keep_alive(transport: asyncio.BaseTransport, keepalive: Keepalive) -> None:
    """Let the kernel notice a peer's host that is gone: while nothing is sent, and while what is sent is not taken.

    It does not notice a process that has stopped; see ``Liveness`` for that.
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    options = [
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", keepalive.idle),
        (socket.IPPROTO_TCP, "TCP_KEEPALIVE", keepalive.idle),  # as macOS calls it
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", keepalive.interval),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", keepalive.count),
    ]
    if keepalive.unacknowledged is not None:
        options.append((socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", max(1, round(keepalive.unacknowledged * 1000))))
    if sock is not None:
        for level, name, value in options:
            option: int | None = getattr(socket, name, None)
            if option is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(level, option, value)


def why(error: BaseException | None) -> str:
    """Say in a few words why a connection could not be made, or ended."""
    if error is None:
        return "the server closed it"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or type(error).__name__
        return f"TLS failed: {'the server does not speak it here, ' if reason in _NO_TLS else ''}{reason}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0 and not error.args[2:]:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def is_final(error: BaseException | None) -> bool:
    """Tell whether dialling again will hardly help.

    That is so where the two sides do not agree on TLS or on each other's certificate, and where no host can have the name.
    """
    if not isinstance(error, ssl.SSLError):
        return isinstance(error, ValueError)
    reason = error.reason or ""
    if any(word in reason for word in _PASSING):
        return False
    return (
        isinstance(error, ssl.SSLCertVerificationError) or reason in _NO_TLS or any(word in reason for word in _FINAL)
    )
