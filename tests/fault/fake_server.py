"""A RESP server that follows a script: what to expect, and what to answer, when, in what pieces, or not at all.

    with FakeServer(answers={"HELLO": [NOPROTO]}) as server:                 # for all connections
    with FakeServer(scripts=[[On("GET", b"$5\\r\\nhel", Close("fin"))]]) as server:   # for the first connection

A connection's script is a list of steps. A command that the first step of the list matches is answered by it and takes
it off; any other is answered by ``answers``, else by the server's own little sense: the handshake, PING, ECHO and a few
commands on strings and lists. What arrived stands in ``received`` as soon as it is parsed, and in ``applied`` when the
server's own sense has run it: so a test can tell "never left", "received" and "ran" apart.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from tests.fault.background import Background, delivered, reset, settle, stop_accepting

Words: TypeAlias = tuple[bytes, ...]

_KEEP = 4096  # bytes of a word that the records keep


# What a step does.


@dataclass(frozen=True)
class Gate:
    """Wait until the test opens the gate of this name with ``server.open_gate``."""

    name: str


@dataclass(frozen=True)
class Pause:
    """Wait some seconds."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Answer nothing, to this command and all later ones of the connection; they are still received."""


@dataclass(frozen=True)
class Nothing:
    """Give no answer to this command, and go on with the next."""


@dataclass(frozen=True)
class Close:
    """End the connection, after all that was sent has been delivered."""

    how: Literal["rst", "fin"] = "fin"


@dataclass(frozen=True)
class Own:
    """Answer as the server would by itself."""


@dataclass(frozen=True)
class Pieces:
    """Send bytes in pieces of a size, each in a write of its own."""

    data: bytes
    size: int


class Times:
    """Answer the first ``count`` commands, of whatever connections, by some actions and later ones by others."""

    def __init__(self, count: int, first: Sequence[Action], later: Sequence[Action] = (Own(),)) -> None:
        self.left = count
        self.first, self.later = first, later


Action: TypeAlias = bytes | Gate | Pause | Hang | Nothing | Close | Own | Pieces | Times
Answers: TypeAlias = Mapping[str, Sequence[Action]]


class On:
    """A step: a command to expect and what to do then.

    ``match`` is the beginning of the command in words (``"CLIENT KILL"``), in upper case, or a predicate of its words.
    """

    def __init__(self, match: str | Callable[[Words], bool], *actions: Action) -> None:
        self.match, self.actions = match, actions

    def matches(self, words: Words) -> bool:
        if callable(self.match):
            return self.match(words)
        wanted = self.match.split()
        return [_token(word) for word in words[: len(wanted)]] == wanted


NO_HELLO = b"-ERR unknown command 'HELLO', with args beginning with: '3' \r\n"
NOPROTO = b"-NOPROTO unsupported protocol version\r\n"
OK = b"+OK\r\n"
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
MAX_CLIENTS = b"-ERR max number of clients reached\r\n"
HELLO_3 = b"%4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.0.0\r\n$5\r\nproto\r\n:3\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"


def bulk(data: bytes) -> bytes:
    """Return a bulk string."""
    return b"$%d\r\n%s\r\n" % (len(data), data)


def push(*words: bytes) -> bytes:
    """Return a push of bulk strings."""
    return b">%d\r\n%s" % (len(words), b"".join(map(bulk, words)))


class BadCommand(Exception):
    """What the client sent is no RESP command."""


class CommandParser:
    """Commands out of bytes, strictly: arrays of bulk strings and nothing else."""

    _HEAD = re.compile(rb"([*$])(0|[1-9][0-9]{0,9})\r\n")

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._words: list[bytes] = []
        self._count = 0  # words that the command being read has
        self._length = -1  # length of the word being read; -1 before its head

    @property
    def partial(self) -> bool:
        """Whether the bytes so far end within a command."""
        return bool(self._count or len(self._data) > self._at)

    def feed(self, data: bytes) -> Iterable[Words]:
        """Take bytes; yield the commands that are whole.

        Raises:
            BadCommand: it is none.
        """
        self._data += data
        while True:
            if self._length >= 0:
                end = self._at + self._length
                if len(self._data) < end + 2:
                    break
                if self._data[end : end + 2] != b"\r\n":
                    raise BadCommand("a word is longer than its head says")
                self._words.append(bytes(self._data[self._at : end]))
                self._at, self._length = end + 2, -1
                if len(self._words) == self._count:
                    words, self._words, self._count = tuple(self._words), [], 0
                    yield words
            elif (head := self._head(b"$" if self._count else b"*")) is None:
                break
            elif self._count:
                self._length = head
            elif head == 0:
                raise BadCommand("a command without words")
            else:
                self._count = head
        del self._data[: self._at]
        self._at = 0

    def _head(self, kind: bytes) -> int | None:
        found = self._HEAD.match(self._data, self._at)
        if found is None:
            line = bytes(self._data[self._at : self._at + 16])
            if b"\n" in line or len(line) == 16 or (line and not line.startswith(kind)):
                raise BadCommand(f"expected {kind!r} and a length, got {line!r}")
            return None
        if found[1] != kind:
            raise BadCommand(f"expected {kind!r}, got {found[1]!r}")
        self._at = found.end()
        return int(found[2])


@dataclass
class Received:
    """A command that arrived: on which connection, counted from 0, and its words, the long ones cut."""

    connection: int
    words: Words
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = _token(self.words[0])


class Store:
    """The server's own sense: a few commands, so that what was applied can be counted."""

    def __init__(self) -> None:
        self.strings: dict[bytes, bytes] = {}
        self.lists: dict[bytes, list[bytes]] = {}

    def run(self, words: Words) -> bytes | None:
        """Run a command; return its reply, None for one it does not know."""
        name, *rest = words
        method = getattr(self, f"_{_token(name).lower()}", None)
        return None if method is None else cast("bytes", method(*rest))

    def _get(self, key: bytes) -> bytes:
        value = self.strings.get(key)
        return b"_\r\n" if value is None else bulk(value)

    def _set(self, key: bytes, value: bytes) -> bytes:
        self.strings[key] = value
        return OK

    def _incr(self, key: bytes) -> bytes:
        value = int(self.strings.get(key, b"0")) + 1
        self.strings[key] = b"%d" % value
        return b":%d\r\n" % value

    def _rpush(self, key: bytes, *values: bytes) -> bytes:
        found = self.lists.setdefault(key, [])
        found += values
        return b":%d\r\n" % len(found)

    def _llen(self, key: bytes) -> bytes:
        return b":%d\r\n" % len(self.lists.get(key, []))


def small_talk(words: Words) -> bytes | None:
    """Return the reply to a command of the handshake, PING or ECHO; None for another."""
    name = _token(words[0])
    if name == "HELLO":
        return HELLO_3 if words[1:2] == (b"3",) else OK
    if name in {"CLIENT", "AUTH", "SELECT"}:
        return OK
    if name == "PING":
        return b"+PONG\r\n"
    return bulk(words[1]) if name == "ECHO" else None


class _Peer(asyncio.Protocol):
    """One connection of the fake server."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.number = -1
        self.ended = False
        self.protocol = 2
        self.parser = CommandParser()
        self.script: list[On] = []
        self.commands: asyncio.Queue[Words] = asyncio.Queue()
        self.drained = asyncio.Event()
        self.drained.set()
        self.transport: asyncio.Transport
        self.work: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.accepted(self)
        self.work = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        try:
            for words in self.parser.feed(data):
                self.server.received.append(Received(self.number, tuple(word[:_KEEP] for word in words)))
                self.commands.put_nowait(words)
        except BadCommand as error:
            self.server.malformed.append(str(error))
            self.transport.abort()
        self.server.changed()

    def pause_writing(self) -> None:
        self.drained.clear()

    def resume_writing(self) -> None:
        self.drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.drained.set()
        self.work.cancel()
        self.server.changed()

    async def _serve(self) -> None:
        going = await self._act(self.server.greeting, ())
        while going:
            words = await self.commands.get()
            going = await self._act(self._actions(words), words)
            self.server.changed()
        # Hanging, or closed: what still comes is received and nothing more.

    def _actions(self, words: Words) -> Sequence[Action]:
        if self.script and self.script[0].matches(words):
            return self.script.pop(0).actions
        for count in (2, 1):
            found = self.server.answers.get(" ".join(_token(word) for word in words[:count]))
            if found is not None:
                return found
        return (Own(),)

    async def _act(self, actions: Sequence[Action], words: Words) -> bool:
        """Do what the actions say; return False where nothing may follow."""
        for action in actions:
            if isinstance(action, Times):
                action.left -= 1
                if not await self._act(action.first if action.left >= 0 else action.later, words):
                    return False
            elif isinstance(action, Hang | Close):
                if isinstance(action, Close):
                    await self._end(action.how)
                return False
            elif isinstance(action, Gate):
                await self.server.gate(action.name).wait()
            elif isinstance(action, Pause):
                await asyncio.sleep(action.seconds)
            elif isinstance(action, Pieces):
                await self._send_pieces(action)
            elif not isinstance(action, Nothing):
                await self.send(self._own(words) if isinstance(action, Own) else action)
        return True

    async def send(self, data: bytes) -> None:
        self.transport.write(data)
        await self.drained.wait()

    async def _send_pieces(self, pieces: Pieces) -> None:
        for start in range(0, len(pieces.data), pieces.size):
            await self.send(pieces.data[start : start + pieces.size])
            await asyncio.sleep(0)

    async def _end(self, how: Literal["rst", "fin"]) -> None:
        await delivered(self.transport)
        if how == "rst":
            reset(self.transport)
        elif not self.transport.is_closing():
            self.transport.write_eof()  # not close: unread input would turn the FIN into an RST

    def _own(self, words: Words) -> bytes:
        if _token(words[0]) == "HELLO":
            self.protocol = int(words[1]) if words[1:] else self.protocol
        reply = small_talk(words)
        if reply is not None:
            return reply
        reply = self.server.store.run(words)
        if reply is None:
            return b"-ERR unknown command '%s'\r\n" % words[0]
        self.server.applied.append(Received(self.number, tuple(word[:_KEEP] for word in words)))
        return b"$-1\r\n" if reply == b"_\r\n" and self.protocol == 2 else reply


class FakeServer(Background):
    """The server, as a context manager, on a loop and thread of its own.

    Attributes:
        host: where it listens, 127.0.0.1.
        port: its port.
        store: what the commands it knows have changed.
        received: all commands that arrived, in their order. Take it through ``call`` while clients are at work, or use
            ``commands`` and ``count``.
        applied: those of them that changed or read ``store``.
        malformed: why bytes that arrived were no command; must stay empty.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        scripts: Sequence[Sequence[On]] = (),
        *,
        answers: Answers | None = None,
        greeting: Sequence[Action] = (),
    ) -> None:
        """Prepare a server.

        Args:
            scripts: one for each connection, in the order in which they come; further ones have none.
            answers: by the first one or two words of a command: what to do on every connection.
            greeting: what to do on a new connection before any command.
        """
        super().__init__("fake server")
        self.port = 0
        self.store = Store()
        self.answers: dict[str, Sequence[Action]] = dict(answers or {})
        self.greeting = greeting
        self.received: list[Received] = []
        self.applied: list[Received] = []
        self.malformed: list[str] = []
        self._scripts = [list(script) for script in scripts]
        self._peers: list[_Peer] = []
        self._gates: dict[str, asyncio.Event] = {}
        self._listener: asyncio.Server | None = None

    # What a test asks.

    def answer(self, command: str, *actions: Action) -> None:
        """Answer a command so from now on, on every connection."""
        self.call(lambda: self.answers.__setitem__(command, actions))

    def open_gate(self, name: str) -> None:
        """Let all go on that wait at a gate, now or later."""
        self.call(lambda: self.gate(name).set())

    def send(self, data: bytes, connection: int = -1) -> None:
        """Send bytes on a connection, unasked."""
        self.call(lambda: self._peers[connection].transport.write(data))

    def close_connection(self, how: Literal["rst", "fin"] = "rst", connection: int = -1) -> None:
        """End a connection."""
        transport = self.call(lambda: self._peers[connection].transport)
        self.call(lambda: reset(transport) if how == "rst" else transport.write_eof())

    def commands(self, connection: int | None = None) -> list[Words]:
        """Return the commands that arrived, without those of the handshake.

        Args:
            connection: of this one only.
        """
        handshake = {"HELLO", "CLIENT", "AUTH", "SELECT"}
        received = self.call(lambda: list(self.received))
        wanted = [each for each in received if connection is None or each.connection == connection]
        return [each.words for each in wanted if each.name not in handshake]

    def count(self, name: str) -> int:
        """Return how many commands of a name arrived."""
        return self.call(lambda: sum(each.name == name for each in self.received))

    def count_applied(self, name: str) -> int:
        """Return how many commands of a name the server ran."""
        return self.call(lambda: sum(each.name == name for each in self.applied))

    def connections(self) -> int:
        """Return how many connections were accepted so far."""
        return self.call(lambda: len(self._peers))

    def open_connections(self) -> int:
        """Return how many connections have not ended."""
        return self.call(lambda: sum(not peer.ended for peer in self._peers))

    async def wait_connections(self, count: int) -> None:
        """Wait until ``count`` connections were accepted in all."""
        await self.until(lambda: len(self._peers) >= count, f"{count} connections")

    async def wait_received(self, name: str, count: int = 1) -> None:
        """Wait until ``count`` commands of a name arrived."""

        def enough() -> bool:
            return sum(each.name == name for each in self.received) >= count

        await self.until(enough, f"{count} times {name}")

    async def wait_ended(self, connection: int = -1) -> None:
        """Wait until a connection has ended."""
        await self.until(lambda: self._peers[connection].ended, "the end of a connection")

    def state(self) -> str:
        """Say what has arrived so far; names only."""
        return self.call(
            lambda: f"{len(self._peers)} connections; received {[(r.connection, r.name) for r in self.received[-20:]]}"
        )

    # Its own machinery.

    def gate(self, name: str) -> asyncio.Event:
        """Return a gate; only on the server's loop."""
        return self._gates.setdefault(name, asyncio.Event())

    def accepted(self, peer: _Peer) -> None:
        """Take note of a new connection."""
        peer.number = len(self._peers)
        peer.transport.set_write_buffer_limits(0)
        if self._scripts:
            peer.script = self._scripts.pop(0)
        self._peers.append(peer)
        self.changed()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Peer(self), self.host, 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._listener is not None
        await stop_accepting(self._listener)
        work = [peer.work for peer in self._peers]
        for task in work:
            task.cancel()
        ended = await asyncio.gather(*work, return_exceptions=True)
        self._problems += [repr(error) for error in ended if isinstance(error, Exception)]
        await settle([peer.transport for peer in self._peers], lambda: all(peer.ended for peer in self._peers))
        self._problems += [f"malformed command: {each}" for each in self.malformed]


def _token(word: bytes) -> str:
    return word[:64].decode("latin-1").upper()
