"""What a server runs, as it runs it: ``async for line in r.monitor()``.

The server sends its lines as ordinary replies, so a connection that monitors is good for nothing else, and is closed
at the end. Lines wait here until they are taken; a limit keeps a slow reader of a busy server from filling the memory.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final, Generic

from .errors import Overloaded, ProtocolViolation
from .protocol.calls import as_text
from .routing.bound import Bound
from .routing.standalone import Core
from .spec import Spec
from .types import S

_MONITOR: Final[Spec[Any]] = Spec("MONITOR", dedicated=True)
_MOST: Final = 100_000  # lines that wait
_LINE: Final = re.compile(rb'(\d+\.\d+) \[(\d+) (.*?)\] (?=")')
_WORD: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


@dataclass(frozen=True, slots=True)
class MonitorLine(Generic[S]):
    """One command that the server ran.

    Attributes:
        time: when, in seconds since 1970.
        db: number of the database.
        client: the address of who sent it, such as ``"127.0.0.1:40123"``; ``"lua"`` for a script,
            ``"unix:"`` and the socket's path for a Unix socket.
        words: the command and its arguments. Text that is not UTF-8 holds lone surrogates on a client of str.
    """

    time: float
    db: int
    client: str
    words: tuple[S, ...]


def line_of(reply: bytes, text: bool) -> MonitorLine[Any]:
    """Return a line as a record.

    Args:
        reply: the line as the server sends it, its words quoted and escaped.
        text: whether the words become str.

    Raises:
        ProtocolViolation: it is no such line.
    """
    head = _LINE.match(reply)
    if head is None:
        raise ProtocolViolation("a line of MONITOR has another form than expected", command="MONITOR", outcome="ran")
    words: list[bytes] = [_ESCAPE.sub(_unescaped, word) for word in _WORD.findall(reply, head.end())]
    told = tuple(map(as_text, words) if text else words)
    return MonitorLine(float(head[1]), int(head[2]), as_text(head[3]), told)


def _unescaped(found: re.Match[bytes]) -> bytes:
    what = found[1]
    return bytes([int(what[1:], 16)]) if len(what) == 3 else _CONTROLS.get(what, what)


async def monitored(core: Core, text: bool, limit: float | None) -> AsyncGenerator[MonitorLine[Any]]:
    """Yield the lines of a server on a leased connection; see ``Redis.monitor``.

    Args:
        core: the client's connections.
        text: whether words become str.
        limit: seconds to wait for a connection; None for no limit.
    """
    lines: deque[bytes] = deque()
    news = asyncio.Event()
    bound = Bound(core.settings, None)

    def take(line: bytes) -> None:
        if len(lines) < _MOST:
            lines.append(line)
            news.set()
        elif not ended.done():
            message = f"{_MOST} lines wait to be taken"
            ended.set_exception(Overloaded(message, command="MONITOR", address=core.address, outcome="ran"))

    def end(ended: asyncio.Future[Any]) -> None:
        if not ended.cancelled():
            ended.exception()  # who has left need not know
        news.set()

    await core.leasing.checkout(bound, "MONITOR", limit)
    try:
        ended = bound.feed(_MONITOR, ("MONITOR",), take)
        ended.add_done_callback(end)
        while True:
            while lines:
                yield line_of(lines.popleft(), text)
            if ended.done():
                break
            news.clear()
            await news.wait()
        if not ended.cancelled():
            ended.result()
    finally:
        bound.finish()
