"""A plain blocking socket to a server: what it answers, before any of redpoll touches it."""

from __future__ import annotations

import socket
from typing import Any, Self

import hiredis

Word = str | bytes | int | float

_MISSING: object = object()  # hiredis' own word for "not yet a whole reply" is False, which is also RESP3's false


class Raw:
    """One connection that speaks RESP2 or RESP3 and reads text as ``str`` or as ``bytes``."""

    def __init__(self, port: int, *, protocol: int = 2, text: bool = True, timeout: float = 10.0) -> None:
        self.text = text
        self._reader = hiredis.Reader(
            notEnoughData=_MISSING, encoding="utf-8" if text else None, errors="strict" if text else None
        )
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if protocol == 3:
            self.call("HELLO", 3)

    def call(self, *words: Word) -> Any:
        """Send one command and return its parsed reply; an error reply is raised."""
        self.send(*words)
        reply = self.read()
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def send(self, *words: Word) -> None:
        """Send one command without reading its reply."""
        self._socket.sendall(hiredis.pack_command(words))

    def read(self) -> Any:
        """Return the next reply; pushes are passed over, an error reply is returned."""
        while True:
            reply = self._reader.gets()
            if reply is _MISSING:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._reader.feed(data)
            elif not isinstance(reply, hiredis.PushNotification):
                return reply

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
