"""One call of a generated method on a real server, and everything that is to be known of its answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import hiredis
from typing_extensions import override

from codegen.ir import Method
from redpoll.commands import Commands, StateCommands
from redpoll.errors import ConnectionFailed, ConnectionLost, OutcomeUnknown, RedisError, ServerError, UsageError
from redpoll.options import settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.protocol.session import Session
from redpoll.spec import Spec
from redpoll.testing import EmbeddedServer
from redpoll.transport.connection import Connection, connect
from redpoll.types import Arg
from tests.live.proof.samples import Line

ECHO: Spec[Any] = Spec("ECHO")
WAIT = 5.0
"""Seconds that one answer may take; nothing here should wait."""


LAST = frozenset({"ACL DELUSER", "ACL LOAD", "CLIENT KILL", "FUNCTION KILL", "SCRIPT KILL", "SHUTDOWN"})
"""Commands behind which the server may hang up, or is still busy with what they end."""


@dataclass
class Answer:
    """What became of a call.

    Attributes:
        words: what was sent.
        keys: the keys that the command's ``Spec`` finds among them.
        value: what the method returned.
        binary: what it returns to a client of bytes, from the same received bytes.
        error: the message of the server's or the decoder's error; empty where there was none.
        refused: the error is the server's.
        lost: the connection ended instead of an answer.
        raw: the parsed reply before its decoder.
        out_of_step: the ECHO behind it was answered with something else.
    """

    words: tuple[Arg, ...] = ()
    keys: tuple[Any, ...] = ()
    value: Any = None
    binary: Any = None
    error: str = ""
    refused: bool = False
    lost: bool = False
    raw: Any = None
    out_of_step: bool = False


@dataclass
class Made:
    """One call and what each protocol answered.

    Attributes:
        method: the method.
        args: its positional arguments.
        keywords: its arguments by name.
        answers: by protocol.
    """

    method: Method
    args: list[Any]
    keywords: dict[str, Any]
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])

    @property
    def words(self) -> tuple[Any, ...]:
        return self.answers[3].words

    def __str__(self) -> str:
        return " ".join(repr(word) if isinstance(word, bytes) else str(word) for word in self.words)


class Heard(Session):
    """A session that keeps what it was fed, so that the same replies can be read again.

    Attributes:
        heard: the bytes; whoever wants them empties it before.
    """

    __slots__ = ("heard",)

    def __init__(self) -> None:
        super().__init__(_ignored)
        self.heard = b""

    @override
    def feed(self, data: bytes) -> None:
        self.heard += data
        super().feed(data)


def _ignored(_push: list[Any]) -> None:
    pass


def read_again(spec: Spec[Any], heard: bytes) -> Any:
    """Return what a client of bytes makes of a reply, and of what came behind it."""
    session = Session(_ignored)
    call, echo = Call(), Call()
    for each in (call, echo):
        each.fill(asyncio.get_running_loop(), spec, b"", text=False)
        session.give(each)
    echo.future.cancel()
    session.feed(heard)
    reply = call.future.result()
    return reply if spec.decode is None else spec.decode(reply)


class Probe(Commands[Any], StateCommands[Any]):
    """A connection that remembers its last call, and sees whether the server answers each call once.

    Each call is followed by an ECHO in the same write: an answer too few or too many would reach the wrong caller.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.session = connection.session = Heard()
        self.last = Answer()
        self.echoes = 0

    @override
    async def _run(self, spec: Spec[Any], words: tuple[Any, ...]) -> Any:
        self.last.words = words
        self.last.keys = tuple(words[index] for index in spec.key_positions(words))
        self.echoes += 1
        call, echo = self._call(spec, words), None
        self.session.heard = b""
        self.connection.send(call)
        if spec.name not in LAST:
            echo = self._call(ECHO, ("ECHO", f"echo-{self.echoes}"))
            self.connection.send(echo)
        async with asyncio.timeout(WAIT):
            try:
                reply = await call.future
            finally:
                if echo is not None:
                    echoed = await self._echoed(echo)
                    self.last.out_of_step = echoed != f"echo-{self.echoes}" and not echoed.startswith("BUSY ")
        self.last.raw = reply
        value = reply if spec.decode is None else spec.decode(reply)
        if not self.last.out_of_step:
            self.last.binary = read_again(spec, self.session.heard)
        return value

    async def raw(self, line: Line) -> None:
        """Send a raw command, whatever it answers."""
        call = self._call(Spec(str(line[0])), line)
        self.connection.send(call)
        await call.future

    def _call(self, spec: Spec[Any], words: tuple[Any, ...]) -> Call:
        call = Call()
        payload = encode(spec.name, words)
        call.fill(asyncio.get_running_loop(), spec, payload, text=spec.text)
        return call

    async def _echoed(self, echo: Call) -> str:
        try:
            return str(await echo.future)
        except RedisError as error:
            return str(error)


@dataclass
class Prober:
    """Makes calls on one server over one protocol, on as few connections as will do."""

    server: EmbeddedServer
    protocol: Literal[2, 3]
    probe: Probe | None = None
    admin: Admin = field(init=False)

    def __post_init__(self) -> None:
        self.admin = Admin(self.server.port)

    async def call(self, name: str, args: Sequence[Any], keywords: dict[str, Any], here: Iterable[Line] = ()) -> Answer:
        """Call a method once.

        Args:
            name: the method.
            args: its arguments.
            keywords: its arguments by name.
            here: raw commands that go before it, over the same connection.
        """
        probe = await self.connected()
        answer = probe.last = Answer()
        try:
            for line in here:
                await probe.raw(line)
            answer.value = await getattr(probe, name)(*args, **keywords)
        except ServerError as error:
            answer.error, answer.refused = str(error), True
        except UsageError:
            raise  # the client itself says that this is no call
        except (ConnectionFailed, ConnectionLost, OutcomeUnknown, TimeoutError) as error:
            answer.error, answer.lost = f"{type(error).__name__}: {error}", True
            await self.close()
        except (RedisError, LookupError, TypeError, ValueError, AttributeError) as error:
            answer.error = f"{type(error).__name__}: {error}"
        return answer

    async def raw(self, line: Line) -> Answer:
        """Send a raw command as a method would."""
        probe = await self.connected()
        answer = probe.last = Answer()
        await probe._run(Spec(str(line[0])), line)
        return answer

    async def connected(self) -> Probe:
        if self.probe is None or self.probe.connection.lost:
            connection = await connect(settings(self.server.host, self.server.port, {"protocol": self.protocol}))
            self.probe = Probe(connection)
        return self.probe

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self.probe is not None:
            self.probe.connection.abort()
            await self.probe.connection.ended()
            self.probe = None


class Admin:
    """A plain blocking connection that prepares the server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape", notEnoughData=Ellipsis)

    def ask(self, lines: Sequence[Line]) -> list[Any]:
        """Send raw commands at once and return their replies on RESP2, errors among them.

        AUTH goes alone: Redis 8 does not answer one that fails while the reply to a command before it waits to be sent.
        """
        if len(lines) > 1 and any(line[0] == "AUTH" for line in lines):
            return [self.ask([line])[0] for line in lines]
        try:
            return self._ask(lines)
        except ConnectionError:  # a call before, such as ACL LOAD, made the server hang up
            self.close()
            return self._ask(lines)

    def _ask(self, lines: Sequence[Line]) -> list[Any]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
            self._reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape", notEnoughData=Ellipsis)
        self._socket.sendall(b"".join(hiredis.pack_command(line) for line in lines))  # type: ignore[arg-type]  # its stub
        replies: list[Any] = []
        while len(replies) < len(lines):
            reply = self._reader.gets()
            if reply is not Ellipsis:
                replies.append(reply)
                continue
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError(f"the server hung up after {len(replies)} of {len(lines)} replies")
            self._reader.feed(data)
        return replies

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


async def gone(server: EmbeddedServer) -> bool:
    """Tell whether the server has ended, as it was asked to; it gets a moment for it."""
    for _ in range(20):
        if not server.alive:
            return True
        await asyncio.sleep(0.005)
    return False
