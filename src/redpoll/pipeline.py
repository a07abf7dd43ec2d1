"""Batches: commands that are queued, sent together and answered together.

A batch is no transaction: other clients' commands may run between its own. It goes out in chunks, each written at once
and answered as one whole; a few chunks are on their way at a time, so that neither a long batch nor its replies hold
the event loop. A connection lost on the way leaves each command that was answered with its result, each other one with
its own error, and nothing of the batch runs after it, unless every command of it may run twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Protocol, Self, TypeAlias

from hiredis import ReplyError
from typing_extensions import TypeVar, override

from .arguments import milliseconds
from .commands import QueuedCommands
from .commands.generic import WAIT, WAITAOF
from .commands.scripting import SCRIPT_LOAD
from .errors import (
    SCRIPTS,
    DecodeFailed,
    NoScript,
    NotSent,
    OutcomeUnknown,
    RedisError,
    ServerError,
    UsageError,
    server_error,
)
from .faces import PENDING, Queued
from .protocol.calls import Group
from .protocol.encode import encode
from .routing.bound import ALONE, Bound
from .routing.link import Link
from .routing.prefix import UNKNOWN, Prefix, is_known
from .routing.raw import classify
from .routing.standalone import Core
from .shapes import decoded
from .spec import Spec
from .transport.connection import Connection
from .types import Arg, Milliseconds, S

T = TypeVar("T")

_WAITS: Final = frozenset(("WAIT", "WAITAOF"))
_COUNT: Final = 1000  # commands in a chunk
_BYTES: Final = 256 << 10  # bytes in a chunk; one command may be longer
_ON_THE_WAY: Final = 4  # chunks given to the connection and not answered
_PIPELINE: Final[Spec[Any]] = Spec("PIPELINE")
_READS: Final[Spec[Any]] = Spec("PIPELINE", replay=True)


class _Command(Queued[T], Generic[T]):
    """A queued command: its facts and words, and then its result."""

    __slots__ = ("spec", "words")

    def __init__(self, spec: Spec[T], words: tuple[Arg, ...]) -> None:
        self._name = spec.name
        self._value = PENDING
        self._error = None
        self.spec = spec
        self.words = words

    def settle(self, reply: Any, address: str, prefix: Prefix | None = None) -> None:
        """Take the raw reply."""
        if reply.__class__ is ReplyError:
            self._error = server_error(str(reply), command=self._name, address=address)
        elif reply.__class__ is DecodeFailed:
            self._error = DecodeFailed(reply.message, command=self._name, address=address)
        elif self.spec.decode is None and prefix is None:
            self._value = reply
        else:
            try:
                if prefix is not None:
                    reply = prefix.take_off(self.spec, reply)
                self._value = decoded(self.spec, reply, address)
            except RedisError as error:
                self._error = error.with_traceback(None)  # which would hold this command in a cycle

    def fail(self, reason: RedisError, kind: type[RedisError] | None = None) -> None:
        """Take an error, as an instance of the command's own."""
        error = (kind or type(reason))(reason.message, address=reason.address, command=self._name)
        if kind is None:
            error.outcome, error.attempt, error.elapsed = reason.outcome, reason.attempt, reason.elapsed
        self._error = error

    def fail_with(self, error: RedisError) -> None:
        """Take an error that is the command's own already."""
        self._error = error


class Loadable(Protocol):
    """A script that is loaded ahead of the batch that calls it; see ``Script``."""

    script: bytes
    sha: str

    def explained(self, error: ServerError) -> ServerError:
        """Return an error that says which script does not compile."""
        ...


class _Scripts:
    """The scripts that one batch calls, and whether the server has them."""

    __slots__ = ("_calls", "_connection")

    def __init__(self) -> None:
        self._calls: list[tuple[_Command[Any], Loadable]] = []
        self._connection: Connection | None = None

    def add(self, command: _Command[Any], script: Loadable) -> None:
        self._calls.append((command, script))

    def loads(self, connection: Connection | None) -> dict[str, _Command[str]]:
        """Return what is to be sent ahead of the batch, by digest.

        Args:
            connection: what the batch goes out on, where that is known.
        """
        self._connection = connection
        known = set[str]() if connection is None else connection.scripts
        return {
            script.sha: _Command(SCRIPT_LOAD, ("SCRIPT", "LOAD", script.script))
            for _, script in self._calls
            if script.sha not in known
        }

    def learn(self, loads: dict[str, _Command[str]], connection: Connection | None) -> None:
        """Take note of the replies, and give each call of a script that could not be loaded that error for its own."""
        if connection is not None and connection is self._connection:
            connection.scripts |= {sha for sha, load in loads.items() if load.exception() is None}
        for command, script in self._calls:
            if isinstance(command.exception(), NoScript):
                if connection is not None:
                    connection.scripts.discard(script.sha)
                load = loads.get(script.sha)
                if load is not None and isinstance(error := load.exception(), ServerError):
                    command.fail_with(script.explained(error))


_Way: TypeAlias = deque[tuple[Group, list[_Command[Any]]]]
"""The chunks that are queued or on their way, with the calls that wait for their replies."""


class _Chunk(NamedTuple):
    """Commands that go out together: their bytes, how many of these each has, and the commands."""

    payload: bytes
    sizes: list[int]
    commands: list[_Command[Any]]


class Pipeline(QueuedCommands[S]):
    """A batch of commands. Made by ``client.pipeline()``.

    Every command method queues and returns a ``Queued``. The batch runs at the end of its ``async with`` block, or at
    ``execute``; a block that raises sends nothing.
    """

    __slots__ = ("_commands", "_core", "_last", "_prefix", "_raise", "_replay", "_scripts", "_text", "_timeout")

    def __init__(
        self,
        core: Link,
        text: bool,
        timeout: float | None,
        replay: bool,
        raise_on_error: bool = True,
        prefix: Prefix | None = None,
    ) -> None:
        """Begin empty; see ``Client.pipeline``."""
        self._core = core
        self._text = text
        self._timeout = timeout
        self._replay = replay
        self._raise = raise_on_error
        self._prefix = prefix
        self._commands: list[_Command[Any]] = []
        self._last: str | None = None  # WAIT or WAITAOF, behind which nothing may stand
        self._scripts: _Scripts | None = None

    @override
    def _queue(self, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        if self._last is not None:
            raise UsageError(f"nothing may follow {self._last} in a batch, as it would wait for it", command=spec.name)
        if spec.special:
            self._admit(spec, words)
        if self._prefix is not None:
            words = self._prefix.put_on(spec, words)
        command = _Command(spec, words)
        self._commands.append(command)
        return command

    def queue_script(self, script: Loadable, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        """Queue an EVALSHA whose script is loaded ahead of the batch; see ``Script``."""
        queued = self._queue(spec, words)
        self._scripts = self._scripts or _Scripts()
        self._scripts.add(self._commands[-1], script)
        return queued

    def _admit(self, spec: Spec[Any], words: tuple[Arg, ...]) -> None:
        if spec.name in _WAITS:
            if not self._commands and not isinstance(self._core, Bound):
                message = "it speaks of the writes of its own connection: put it behind them in the same batch"
                raise UsageError(message, command=spec.name)
            self._last = spec.name
        elif spec.blocking is not None and spec.blocking.seconds(words) is not None:
            raise UsageError(
                "it may block, and would hold up every other command; await it on its own", command=spec.name
            )
        elif spec.name in ALONE:
            raise UsageError("it must be the only command under way on its connection; await it", command=spec.name)
        else:
            self._core.admit(spec)

    def wait(self, numreplicas: int, timeout: Milliseconds) -> Queued[int]:
        """Queue WAIT as the last command: how many replicas have received the batch's writes.

        The batch then runs on a connection of its own, as WAIT speaks of its own connection's writes.

        Args:
            numreplicas: how many to wait for.
            timeout: whole milliseconds to wait for them, or a timedelta; 0 for ever.
        """
        return self._queue(WAIT, ("WAIT", numreplicas, milliseconds("WAIT", "timeout", timeout)))

    def waitaof(self, numlocal: int, numreplicas: int, timeout: Milliseconds) -> Queued[tuple[int, int]]:
        """Queue WAITAOF as the last command: whether the batch's writes are on disk here, and on how many replicas.

        The batch then runs on a connection of its own, as WAITAOF speaks of its own connection's writes.

        Args:
            numlocal: 1 to wait for this server's disk, else 0.
            numreplicas: how many replicas to wait for.
            timeout: whole milliseconds to wait for them, or a timedelta; 0 for ever.
        """
        return self._queue(WAITAOF, ("WAITAOF", numlocal, numreplicas, milliseconds("WAITAOF", "timeout", timeout)))

    def raw(self, *words: Arg) -> Queued[Any]:
        """Queue a command given as words, such as ``raw("OBJECT", "FREQ", key)``. Its reply is not converted.

        Raises:
            UsageError: the command changes the state of its connection, or may block.
        """
        from .commands.table import FACTS

        spec, words = classify(words, FACTS)
        if self._prefix is not None and not is_known(spec, FACTS):
            raise UsageError(UNKNOWN, command=spec.name)
        return self._queue(spec, words)

    def __len__(self) -> int:
        return len(self._commands)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if error is None:
            await self.execute()
        else:
            self._commands.clear()
            self._last = self._scripts = None

    async def execute(self, *, raise_on_error: bool | None = None) -> list[Any]:
        """Send what is queued, wait for all replies, and begin anew.

        Args:
            raise_on_error: raise the first command's error, after all results are set; else errors stand in the list.
                The default is what the pipeline was made with.

        Returns:
            The results in the order of the commands.

        Raises:
            RedisError: the first error of a command.
            UsageError: an argument cannot be sent; nothing was.
        """
        commands, self._commands = self._commands, []
        scripts, self._scripts = self._scripts, None
        own, self._last = self._last is not None, None
        if not commands:
            return []
        if scripts is None:
            await self._run(commands)
        else:
            await self._run_scripts(commands, scripts, None if own else self._core.connection)
        results: list[Any] = []
        first: BaseException | None = None
        for command in commands:
            error = command.exception()
            first = first or error
            results.append(command.result() if error is None else error)
        if first is not None and (self._raise if raise_on_error is None else raise_on_error):
            raise first
        return results

    async def _run(self, commands: list[_Command[Any]]) -> None:
        hooks = self._core.hooks
        if hooks is None:
            await self._send(commands)
        else:
            await hooks.batch(len(commands), lambda: self._send(commands), lambda: _first_error(commands))

    async def _run_scripts(
        self, commands: list[_Command[Any]], scripts: _Scripts, connection: Connection | None
    ) -> None:
        """Run a batch behind the SCRIPT LOADs that it needs on this connection, or on one not known yet."""
        loads = scripts.loads(connection)
        await self._run([*loads.values(), *commands])
        scripts.learn(loads, self._core.connection)

    async def _send(self, commands: list[_Command[Any]]) -> None:
        try:
            chunks = deque(await _chunks(commands))
            if commands[-1].spec.name in _WAITS:
                await self._send_and_wait(commands, chunks)
            else:
                await self._send_on(self._core, commands, chunks)
        except UsageError:
            raise
        except RedisError as error:
            _fail_all(commands, deque(), error, self._core.address)

    async def _send_and_wait(self, commands: list[_Command[Any]], chunks: deque[_Chunk]) -> None:
        """Send a batch that ends with WAIT on one connection that is not shared."""
        bound = self._core if isinstance(self._core, Bound) else Bound(self._core.settings, None)
        if isinstance(self._core, Core):
            await self._core.leasing.checkout(bound, "PIPELINE", self._timeout)
        try:
            with bound.silence():
                await self._send_on(bound, commands, chunks)
        finally:
            if bound is not self._core:
                bound.finish()

    async def _send_on(self, link: Link, commands: list[_Command[Any]], chunks: deque[_Chunk]) -> None:
        way: _Way = deque()
        send = _Sender(link, commands, self._text, self._replay)
        try:
            while chunks or way:
                while chunks and len(way) < _ON_THE_WAY:
                    chunk = chunks.popleft()
                    way.append((send.submit(chunk, self._limit(chunk.commands[-1])), chunk.commands))
                group, chunked = way[0]
                replies = await group.future
                way.popleft()
                for command, reply in zip(chunked, replies, strict=True):
                    command.settle(reply, link.address, self._prefix)
        except RedisError as error:
            _fail_all(commands, way, error, link.address)
        finally:
            for group, _ in way:
                if not group.future.cancel() and not group.future.cancelled():
                    group.future.exception()  # known by now

    def _limit(self, last: _Command[Any]) -> float | None:
        """Return how long a chunk may take, by its last command."""
        if self._timeout is None or last.spec.name not in _WAITS or last.spec.blocking is None:
            return self._timeout
        block = last.spec.blocking.seconds(last.words)
        return self._timeout + block if block else None


class _Sender:
    """Gives the chunks of one batch to a link."""

    __slots__ = ("_batch", "_link", "_refusable", "_replay", "_spec", "_text")

    def __init__(self, link: Link, commands: list[_Command[Any]], text: bool, replay: bool) -> None:
        self._link = link
        self._text = text
        reads = all(command.spec.replay for command in commands)
        self._replay = replay
        self._refusable = not any(command.spec.name in SCRIPTS for command in commands)
        self._spec = commands[0].spec if len(commands) == 1 else _READS if reads else _PIPELINE
        self._batch = object()

    def submit(self, chunk: _Chunk, limit: float | None) -> Group:
        texts = [self._text and command.spec.text for command in chunk.commands]
        try:
            return self._link.submit_group(
                self._spec,
                chunk.payload,
                texts,
                timeout=limit,
                replay=self._replay or self._spec.replay,
                batch=self._batch,
                sizes=chunk.sizes,
                refusable=self._refusable,
            )
        except RedisError as error:
            # The client was closed meanwhile. What is on its way is still to be waited for, in its order.
            refused = Group()
            refused.fill(asyncio.get_running_loop(), self._spec, b"")
            refused.fill_group(texts)
            refused.future.set_exception(error)
            return refused


def _fail_all(commands: list[_Command[Any]], way: _Way, error: RedisError, address: str) -> None:
    """Give each command without a result its own, after the first chunk on the way failed with ``error``."""
    for group, chunk in way:
        future = group.future
        own = future.exception() if future.done() and not future.cancelled() else None
        for command, reply in zip(chunk, group.replies, strict=False):
            command.settle(reply, address)  # answered before the rest was lost
        for command in chunk[len(group.replies) :]:
            if isinstance(own, RedisError):
                command.fail(own)
            else:
                # Given to the connection behind the chunk that failed, it may run still.
                command.fail(error, OutcomeUnknown if group.given else NotSent)
    for command in commands:
        if not command.done():
            command.fail(error, NotSent if way else None)


async def _chunks(commands: list[_Command[Any]]) -> list[_Chunk]:
    """Pack all commands before the first is sent, so that a bad argument stops the whole batch."""
    chunks: list[_Chunk] = []
    packed: list[bytes] = []
    size = start = 0
    for end, command in enumerate(commands, 1):
        payload = encode(command.spec.name, command.words)
        packed.append(payload)
        size += len(payload)
        if size >= _BYTES or len(packed) >= _COUNT or end == len(commands):
            chunks.append(_Chunk(b"".join(packed), [len(each) for each in packed], commands[start:end]))
            packed, size, start = [], 0, end
            if end < len(commands):
                await asyncio.sleep(0)
    return chunks


def _first_error(commands: list[_Command[Any]]) -> BaseException | None:
    return next((error for command in commands if (error := command.exception()) is not None), None)
