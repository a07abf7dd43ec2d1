"""The least that speaks RESP2 over a blocking socket: enough to ask a test server something and to reset it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis

Word: TypeAlias = str | bytes | int | float
Call: TypeAlias = tuple[Word, ...]


def exchange(address: tuple[str, int], calls: Sequence[Call], timeout: float) -> list[Any]:
    """Send ``calls`` over a connection of their own and return their replies in order.

    Text is decoded as UTF-8 (undecodable bytes become surrogates); an error reply is a ``hiredis.ReplyError`` in the list.

    Args:
        address: host and port.
        calls: the commands, each a tuple of words.
        timeout: seconds for each wait on the socket.

    Raises:
        OSError: the server cannot be reached, is silent for ``timeout`` seconds, or hung up.
    """
    reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape", notEnoughData=Ellipsis)
    replies: list[Any] = []
    with socket.create_connection(address, timeout=timeout) as connection:
        for call in calls:
            connection.sendall(hiredis.pack_command(call))  # type: ignore[arg-type]  # its stub asks for one word only
        while len(replies) < len(calls):
            reply = reader.gets()
            if reply is not Ellipsis:
                replies.append(reply)
                continue
            data = connection.recv(65536)
            if not data:
                host, port = address
                raise ConnectionError(f"{host}:{port} hung up after {len(replies)} of {len(calls)} replies")
            reader.feed(data)
    return replies
