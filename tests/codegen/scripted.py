"""A server that answers COMMAND and COMMAND DOCS from a script, and replies in their shape."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import hiredis


def encoded(value: Any) -> bytes:
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, Exception):
        return f"-{value}\r\n".encode()
    data = value if isinstance(value, bytes) else value.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


@contextlib.contextmanager
def serving(answer: Callable[[list[str]], bytes | None]) -> Iterator[str]:
    """Run a server that answers each command with raw bytes, or hangs up on None; yield its host:port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(ConnectionError):
                reader = hiredis.Reader(encoding="utf-8")
                while chunk := peer.recv(65536):
                    reader.feed(chunk)
                    words: Any = reader.gets()
                    reply = answer(words) if words else None
                    if reply is None:
                        break
                    peer.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


KEY_SPEC_REPLY = [
    *("flags", ["RW", "update"]),
    *("begin_search", ["type", "index", "spec", ["index", 1]]),
    *("find_keys", ["type", "range", "spec", ["lastkey", 0, "keystep", 1, "limit", 0]]),
]


def row(name: str, subcommands: list[Any] | None = None) -> list[Any]:
    return [name, -2, ["write", "fast"], 1, 1, 1, ["@write"], ["tip"], [KEY_SPEC_REPLY], subcommands or []]


def docs(arguments: list[Any], **more: Any) -> list[Any]:
    facts: list[Any] = ["summary", 'A "quoted" {braced}\nsummary', "since", "7.0.0", "group", "string"]
    for name, value in more.items():
        facts += [name, value]
    return [*facts, "arguments", arguments]


def server_of(
    table: list[Any], described: list[Any], info: str = "redis_version:8.0.0"
) -> Callable[[list[str]], bytes]:
    replies: dict[str, Any] = {"INFO server": info, "COMMAND": table, "COMMAND DOCS": described, "AUTH u s3/cr@t": "OK"}

    def answer(words: list[str]) -> bytes:
        return encoded(replies.get(" ".join(words), ValueError("ERR unknown command with a secret")))

    return answer
