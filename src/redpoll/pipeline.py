"""Batches: commands that are queued, sent together and answered together.

A batch is no transaction: other clients' commands may run between its own. It goes out in chunks, each written at once
and answered as one whole; a few chunks are on their way at a time, so that neither a long batch nor its replies hold
the event loop. A connection lost on the way leaves each command that was answered with its result, each other one with
its own error, and nothing of the batch runs after it, unless every command of it may run twice.

A long batch is held once: a command's words are let go as it is encoded, its bytes as it is answered.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias

from typing_extensions import TypeVar, override

from .arguments import milliseconds
from .commands import QueuedCommands
from .commands.generic import WAIT, WAITAOF
from .errors import (
    SCRIPTS,
    NotSent,
    OutcomeUnknown,
    RedisError,
    UsageError,
)
from .faces import Queued
from .protocol.calls import Group
from .protocol.encode import encode
from .queued import Command, Loadable, Scripts
from .routing.bound import OTHER_USER, Bound
from .routing.link import Link
from .routing.prefix import UNKNOWN, Prefix, is_known
from .routing.raw import classify
from .routing.standalone import Core
from .spec import Spec
from .types import Arg, Milliseconds, S

T = TypeVar("T")

WAITS: Final = frozenset(("WAIT", "WAITAOF"))
STRETCH: Final = 1000  # commands that are worked on before others get their turn, and those in a chunk
_ENDED: Final = "its `async with` block has ended, so it would not be sent"
_BYTES: Final = 256 << 10  # bytes in a chunk; one command may be longer
_ON_THE_WAY: Final = 4  # chunks given to the connection and not answered
_PIPELINE: Final[Spec[Any]] = Spec("PIPELINE")
_READS: Final[Spec[Any]] = Spec("PIPELINE", replay=True)
NO_WORDS: Final[tuple[Arg, ...]] = ()


class _Chunk(NamedTuple):
    """Commands that go out together: their bytes, how many of these each has, and the commands."""

    payload: bytes
    sizes: Sequence[int]
    commands: list[Command[Any]]


class _Packed(NamedTuple):
    """A whole batch, packed: its chunks, taken out as they are sent, and what kinds of commands it has."""

    chunks: deque[_Chunk]
    specs: set[Spec[Any]]


_Way: TypeAlias = deque[tuple[Group, list[Command[Any]]]]
"""The chunks that are queued or on their way, with the calls that wait for their replies."""


class Pipeline(QueuedCommands[S]):
    """A batch of commands. Made by ``client.pipeline()``.

    Every command method queues and returns a ``Queued``. The batch runs at the end of its ``async with`` block, or at
    ``execute``; a block that raises sends nothing.
    """

    __slots__ = (
        "_commands",
        "_core",
        "_entered",
        "_prefix",
        "_raise",
        "_replay",
        "_scripts",
        "_shut",
        "_text",
        "_timeout",
    )

    _kind: ClassVar[str] = "PIPELINE"

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
        self._commands: list[Command[Any]] = []
        self._scripts: Scripts | None = None
        self._entered = False
        self._shut: str | None = None  # why nothing more may be queued

    @override
    def _queue(self, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        if spec.special or self._shut is not None:
            self._check(spec, words)
        if self._prefix is not None:
            words = self._prefix.put_on(spec, words)
        command = Command(spec, words)
        self._commands.append(command)
        return command

    def queue_script(self, script: Loadable, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        """Queue an EVALSHA whose script is loaded ahead of the batch; see ``Script``."""
        queued = self._queue(spec, words)
        self._scripts = self._scripts or Scripts()
        self._scripts.add(self._commands[-1], script)
        return queued

    def _check(self, spec: Spec[Any], words: tuple[Arg, ...]) -> None:
        if self._shut is not None:
            raise UsageError(self._shut, command=spec.name)
        if spec.special:
            self._admit(spec, words)

    def _admit(self, spec: Spec[Any], words: tuple[Arg, ...]) -> None:
        if spec.name in WAITS:
            if not self._commands and not isinstance(self._core, Bound):
                message = "it speaks of the writes of its own connection: put it behind them in the same batch"
                raise UsageError(message, command=spec.name)
            self._shut = f"nothing may follow {spec.name} in a batch, as it would wait for it"
        elif spec.blocking is not None and spec.blocking.seconds(words) is not None:
            raise UsageError(
                "it may block, and would hold up every other command; await it on its own", command=spec.name
            )
        elif spec.name in OTHER_USER:
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
        if not is_known(spec, FACTS):
            if self._prefix is not None:
                raise UsageError(UNKNOWN, command=spec.name)
            if isinstance(self._core, Bound):
                self._core.taint(spec.name)  # who knows what it does
        return self._queue(spec, words)

    def __len__(self) -> int:
        return len(self._commands)

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("the batch's `async with` block is open already: take another batch to nest it")
        self._entered, self._shut = True, None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        commands, scripts = self._taken()
        self._entered, self._shut = False, _ENDED
        if error is None and commands:
            await self._run(commands, scripts, None, self._raise)

    async def execute(self, *, raise_on_error: bool | None = None) -> list[Any]:
        """Send what is queued, wait for all replies, and begin anew.

        Args:
            raise_on_error: raise the first command's error, after all results are set; else errors stand in the list.
                The default is what the batch was made with.

        Returns:
            The results in the order of the commands.

        Raises:
            RedisError: the first error of a command.
            UsageError: an argument cannot be sent; nothing was.
        """
        results: list[Any] = []
        if self._commands:
            commands, scripts = self._taken()
            await self._run(commands, scripts, results, self._raise if raise_on_error is None else raise_on_error)
        return results

    def _taken(self) -> tuple[list[Command[Any]], Scripts | None]:
        """Take out what is queued."""
        commands, self._commands, self._shut = self._commands, [], None
        scripts, self._scripts = self._scripts, None
        return commands, scripts

    async def _run(
        self, commands: list[Command[Any]], scripts: Scripts | None, results: list[Any] | None, raising: bool
    ) -> None:
        def send() -> Awaitable[None]:
            return self._send(commands) if scripts is None else self._send_scripts(commands, scripts)

        hooks = self._core.hooks
        if hooks is None:
            await send()
        else:
            await hooks.batch(self._kind, len(commands), send, lambda: Command.first_error(commands))
        first: BaseException | None = None
        commands.reverse()
        while commands:
            # From its end, so that neither this nor letting go of the commands holds the loop.
            part = commands[: -STRETCH - 1 : -1]
            del commands[-STRETCH:]
            first = Command.first_error(part, first)
            if results is not None:
                results += Command.results(part)
            if commands:
                await asyncio.sleep(0)
        if raising and first is not None:
            raise first

    async def _send_scripts(self, commands: list[Command[Any]], scripts: Scripts) -> None:
        """Send the commands behind the SCRIPT LOADs that they need on this connection, or on one not known yet."""
        loads = scripts.loads(None if commands[-1].spec.name in WAITS else self._core.connection)
        await self._send([*loads.values(), *commands])
        scripts.learn(loads, self._core.connection)

    async def _send(self, commands: list[Command[Any]]) -> None:
        """Send the commands and set their results."""
        try:
            last = self._limit(commands[-1])
            packed = await _pack(commands)
            if commands[-1].spec.name in WAITS:
                await self._send_and_wait(commands, packed, last)
            else:
                await self._send_on(self._core, commands, packed, last)
        except UsageError:
            raise
        except RedisError as error:
            await fail_all(commands, deque(), error, self._core)

    async def _send_and_wait(self, commands: list[Command[Any]], packed: _Packed, last: float | None) -> None:
        """Send a batch that ends with WAIT on one connection that is not shared."""
        bound = self._core if isinstance(self._core, Bound) else Bound(self._core.settings, None)
        if isinstance(self._core, Core):
            await self._core.leasing.checkout(bound, "PIPELINE", self._timeout)
        try:
            with bound.silence():
                await self._send_on(bound, commands, packed, last)
        finally:
            if bound is not self._core:
                bound.finish()

    async def _send_on(self, link: Link, commands: list[Command[Any]], packed: _Packed, last: float | None) -> None:
        """Send the chunks, a few at a time; the last one may take ``last`` seconds."""
        way: _Way = deque()
        chunks = packed.chunks
        send = _Sender(link, packed.specs, len(commands), self._text, self._replay)
        try:
            while chunks or way:
                while chunks and len(way) < _ON_THE_WAY:
                    chunk = chunks.popleft()
                    way.append((send.submit(chunk, self._timeout if chunks else last), chunk.commands))
                    del chunk
                group, chunked = way[0]
                replies = await group.future
                way.popleft()
                Command.settle_all(chunked, replies, link, self._prefix)
        except RedisError as error:
            await fail_all(commands, way, error, link, self._prefix)
        finally:
            for group, _ in way:
                if not group.future.cancel() and not group.future.cancelled():
                    group.future.exception()  # known by now

    def _limit(self, last: Command[Any]) -> float | None:
        """Return how long the last chunk may take, by its last command."""
        if self._timeout is None or last.spec.name not in WAITS or last.spec.blocking is None:
            return self._timeout
        block = last.spec.blocking.seconds(last.words)
        return self._timeout + block if block else None


class _Sender:
    """Gives the chunks of one batch to a link."""

    __slots__ = ("_batch", "_link", "_refusable", "_replay", "_spec", "_text", "_uniform")

    def __init__(self, link: Link, specs: set[Spec[Any]], count: int, text: bool, replay: bool) -> None:
        self._link = link
        self._text = text
        self._uniform = all(spec.text for spec in specs)
        reads = all(spec.replay for spec in specs)
        self._replay = replay
        self._refusable = not any(spec.name in SCRIPTS for spec in specs)
        self._spec = next(iter(specs)) if count == 1 else _READS if reads else _PIPELINE
        self._batch = object()

    def submit(self, chunk: _Chunk, limit: float | None) -> Group:
        if self._uniform:
            texts = [self._text] * len(chunk.commands)
        else:
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


async def fail_all(
    commands: list[Command[Any]], way: _Way, error: RedisError, link: Link, prefix: Prefix | None = None
) -> None:
    """Give each command without a result its own, after the first chunk on the way failed with ``error``."""
    for group, chunk in way:
        future = group.future
        own = future.exception() if future.done() and not future.cancelled() else None
        count = len(group.replies)
        Command.settle_all(chunk[:count], group.replies, link, prefix)  # answered before the rest was lost
        for command in chunk[count:]:
            if isinstance(own, RedisError):
                command.fail(own)
            else:
                # Given to the connection behind the chunk that failed, it may run still.
                command.fail(error, OutcomeUnknown if group.given else NotSent)
    kind = NotSent if way else None
    for at in range(0, len(commands), STRETCH):
        for command in commands[at : at + STRETCH]:
            if not command.done():
                command.fail(error, kind)
        if at + STRETCH < len(commands):
            await asyncio.sleep(0)


async def _pack(commands: list[Command[Any]]) -> _Packed:
    """Pack all commands before the first is sent, so that a bad argument stops the whole batch."""
    whole = _Packed(deque(), set())
    packed: list[bytes] = []
    size = start = 0
    for end, command in enumerate(commands, 1):
        payload = encode(command.spec.name, command.words)
        command.words = NO_WORDS
        packed.append(payload)
        size += len(payload)
        if size >= _BYTES or len(packed) >= STRETCH or end == len(commands):
            part = commands[start:end]
            whole.chunks.append(_Chunk(b"".join(packed), array("Q", map(len, packed)), part))
            whole.specs.update([command.spec for command in part])
            packed, size, start = [], 0, end
            if end < len(commands):
                await asyncio.sleep(0)
    return whole
