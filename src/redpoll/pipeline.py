"""Batches: commands that are queued, sent together and answered together.

A batch is no transaction: other clients' commands may run between its own. It goes out in chunks, each written at once
and answered as one whole; a few chunks are on their way at a time, so that neither a long batch nor its replies hold
the event loop. A connection lost on the way leaves each command with its own error, and nothing of the batch runs after
it, unless every command of it may run twice.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias

from hiredis import ReplyError
from typing_extensions import TypeVar, override

from .commands import QueuedCommands
from .errors import DecodeFailed, NotSent, OutcomeUnknown, RedisError, UsageError, server_error
from .faces import PENDING, Queued
from .protocol.calls import Group
from .protocol.encode import encode
from .routing.raw import DEDICATED, classify
from .routing.standalone import Core
from .spec import Spec
from .types import Arg, S

T = TypeVar("T")

_ERRORS: Final = frozenset((ReplyError, DecodeFailed))
_COUNT: Final = 1000  # commands in a chunk
_BYTES: Final = 256 << 10  # bytes in a chunk; one command may be longer
_ON_THE_WAY: Final = 4  # chunks given to the connection and not answered
_PIPELINE: Final[Spec[Any]] = Spec("PIPELINE")


class _Command(Queued[T], Generic[T]):
    """A queued command: its facts and words, and then its result."""

    __slots__ = ("spec", "words")

    def __init__(self, spec: Spec[T], words: tuple[Arg, ...]) -> None:
        self._name = spec.name
        self._value = PENDING
        self._error = None
        self.spec = spec
        self.words = words

    def settle(self, reply: Any, address: str) -> None:
        """Take the raw reply."""
        if self.spec.decode is None and reply.__class__ not in _ERRORS:
            self._value = reply
            return
        if reply.__class__ is ReplyError:
            self._error = server_error(str(reply), command=self._name, address=address)
            return
        if reply.__class__ is DecodeFailed:
            self._error = DecodeFailed(reply.message, command=self._name, address=address)
            return
        decode = self.spec.decode
        if decode is None:
            self._value = reply
            return
        try:
            self._value = decode(reply)
        except Exception as error:
            self._error = undecodable(error, self._name, address)

    def fail(self, reason: RedisError, kind: type[RedisError] | None = None) -> None:
        """Take an error, as an instance of the command's own."""
        error = (kind or type(reason))(reason.message, address=reason.address, command=self._name)
        if kind is None:
            error.outcome, error.attempt, error.elapsed = reason.outcome, reason.attempt, reason.elapsed
        self._error = error


def undecodable(error: Exception, command: str, address: str) -> RedisError:
    """Return the error for a reply that a decoder could not read."""
    if isinstance(error, RedisError):
        return error
    failed = DecodeFailed(
        f"the reply has an unexpected shape ({type(error).__name__})", command=command, address=address
    )
    failed.__cause__ = error
    return failed


_Way: TypeAlias = deque[tuple[Future[Any], list[_Command[Any]]]]
"""The chunks that are queued or on their way, with the calls that wait for their replies."""


class Pipeline(QueuedCommands[S]):
    """A batch of commands. Made by ``client.pipeline()``.

    Every command method queues and returns a ``Queued``. The batch runs at the end of its ``async with`` block, or at
    ``execute``; a block that raises sends nothing.
    """

    __slots__ = ("_commands", "_core", "_raise", "_replay", "_text", "_timeout")

    def __init__(
        self, core: Core, text: bool, timeout: float | None, replay: bool, raise_on_error: bool = True
    ) -> None:
        """Begin empty; see ``Client.pipeline``."""
        self._core = core
        self._text = text
        self._timeout = timeout
        self._replay = replay
        self._raise = raise_on_error
        self._commands: list[_Command[Any]] = []

    @override
    def _queue(self, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        if spec.special:
            self._refuse(spec, words)
        command = _Command(spec, words)
        self._commands.append(command)
        return command

    def _refuse(self, spec: Spec[Any], words: tuple[Arg, ...]) -> None:
        if spec.dedicated:
            raise UsageError(DEDICATED, command=spec.name)
        if spec.blocking is not None and spec.blocking.seconds(words) is not None:
            raise UsageError(
                "it may block, and would hold up every other command; await it on its own", command=spec.name
            )

    def raw(self, *words: Arg) -> Queued[Any]:
        """Queue a command given as words, such as ``raw("OBJECT", "FREQ", key)``. Its reply is not converted.

        Raises:
            UsageError: the command changes the state of its connection, or may block.
        """
        from .commands.table import FACTS

        spec, words = classify(words, FACTS)
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
        if not commands:
            return []
        await self._run(commands)
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

    async def _send(self, commands: list[_Command[Any]]) -> None:
        replay = self._replay or all(command.spec.replay for command in commands)
        spec = commands[0].spec if len(commands) == 1 else _PIPELINE
        way: _Way = deque()
        chunks = deque(await _chunks(commands))
        batch = object()
        try:
            while chunks or way:
                while chunks and len(way) < _ON_THE_WAY:
                    payload, chunk = chunks.popleft()
                    texts = [self._text and command.spec.text for command in chunk]
                    way.append((self._submit(spec, payload, texts, replay, batch), chunk))
                group, chunk = way[0]
                replies = await group
                way.popleft()
                for command, reply in zip(chunk, replies, strict=True):
                    command.settle(reply, self._core.address)
        except RedisError as error:
            _fail_all(commands, way, error)
        finally:
            for group, _ in way:
                if not group.cancel() and not group.cancelled():
                    group.exception()  # known by now

    def _submit(self, spec: Spec[Any], payload: bytes, texts: list[bool], replay: bool, batch: object) -> Future[Any]:
        submit = self._core.submit_group
        try:
            return submit(spec, payload, texts, timeout=self._timeout, replay=replay, batch=batch)
        except RedisError as error:
            # The client was closed meanwhile. What is on its way is still to be waited for, in its order.
            refused: Future[Any] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused


def _fail_all(commands: list[_Command[Any]], way: _Way, error: RedisError) -> None:
    """Give each command without a result its own error, after the first chunk on the way failed with ``error``."""
    for group, chunk in way:
        own = group.exception() if group.done() and not group.cancelled() else None
        for command in chunk:
            if isinstance(own, RedisError):
                command.fail(own)
            else:
                # Given to the connection behind the chunk that failed, it may run still.
                command.fail(error, OutcomeUnknown if isinstance(group, Group) and group.given else NotSent)
    for command in commands:
        if not command.done():
            command.fail(error, NotSent if way else None)


async def _chunks(commands: list[_Command[Any]]) -> list[tuple[bytes, list[_Command[Any]]]]:
    """Pack all commands before the first is sent, so that a bad argument stops the whole batch."""
    chunks: list[tuple[bytes, list[_Command[Any]]]] = []
    packed: list[bytes] = []
    size = start = 0
    for end, command in enumerate(commands, 1):
        payload = encode(command.spec.name, command.words)
        packed.append(payload)
        size += len(payload)
        if size >= _BYTES or len(packed) >= _COUNT or end == len(commands):
            chunks.append((b"".join(packed), commands[start:end]))
            packed, size, start = [], 0, end
            if end < len(commands):
                await asyncio.sleep(0)
    return chunks


def _first_error(commands: list[_Command[Any]]) -> BaseException | None:
    return next((error for command in commands if (error := command.exception()) is not None), None)
