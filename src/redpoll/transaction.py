"""Transactions: commands that are queued here, sent from MULTI to EXEC in one write, and run as a whole.

They go out on the shared connection: no other command stands between them, and nobody waits for a connection. What can
become of one, and what each of its commands tells then:

    EXEC gives an array   each command its own value or error; an error of one undoes nothing of the others
    EXECABORT             nothing ran; who was refused tells why, the others ``ExecAborted``
    EXEC gives null       nothing ran, as a watched key changed: ``WatchConflict``
    MULTI is refused      ``TransactionBroken``; found by a probe before the first transaction of a connection
    the connection goes   ``NotSent`` where none of it was sent, else ``OutcomeUnknown``: all of it ran, or nothing

A transaction that was sent is never sent again, whatever its commands are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, ClassVar, Final, Generic, cast

from hiredis import ReplyError
from typing_extensions import override

from .errors import (
    DecodeFailed,
    ProtocolViolation,
    RedisError,
    TransactionBroken,
    UsageError,
    WatchConflict,
    exec_error,
    safe_message,
    server_error,
)
from .pipeline import NO_WORDS, STRETCH, WAITS, Pipeline, fail_all
from .protocol.calls import NOT_TEXT
from .protocol.encode import encode
from .queued import Command
from .spec import Spec
from .types import Arg, S

_MULTI: Final[Spec[Any]] = Spec("MULTI")
_BEGIN: Final = encode("MULTI", ("MULTI",))
_END: Final = encode("EXEC", ("EXEC",))


class Transaction(Pipeline[S], Generic[S]):
    """A batch that runs as a whole. Made by ``client.transaction()``.

    Every command method queues and returns a ``Queued``. The transaction runs at the end of its ``async with`` block, or
    at ``execute``; a block that raises sends nothing. Commands that block, that change the state of their connection, or
    that wait for replicas do not belong here.
    """

    __slots__ = ()

    _kind: ClassVar[str] = "MULTI"

    @override
    def _admit(self, spec: Spec[Any], words: tuple[Arg, ...]) -> None:
        if spec.dedicated or spec.name in WAITS:
            raise UsageError("it has no place between MULTI and EXEC", command=spec.name)
        super()._admit(spec, words)

    @override
    async def _send(self, commands: list[Command[Any]]) -> None:
        try:
            payload = await _packed(commands)
            texts = [True] * (len(commands) + 1) + [False]
            group = self._core.submit_group(
                _MULTI, payload, texts, timeout=self._timeout, replay=False, batch=None, atomic=True
            )
            del payload
            replies = await group.future
        except UsageError:
            raise
        except RedisError as error:
            await fail_all(commands, deque(), error, self._core)
            return
        await self._settle(commands, replies)

    async def _settle(self, commands: list[Command[Any]], replies: list[Any]) -> None:
        executed, count = replies[-1], len(commands)
        ran = executed.__class__ is list and len(executed) == count
        for start in range(0, count, STRETCH):
            end = start + STRETCH
            part = commands[start:end]
            if ran:
                self._settle_run(part, executed[start:end])
            else:
                self._settle_not_run(part, replies[start + 1 : min(end, count) + 1], replies[0], executed)
            if end < count:
                await asyncio.sleep(0)

    def _settle_run(self, commands: list[Command[Any]], replies: list[Any]) -> None:
        if self._text:
            # Read as bytes, as only each command knows what is text.
            replies = [
                _as_text(reply) if command.spec.text else reply
                for command, reply in zip(commands, replies, strict=True)
            ]
        Command.settle_all(commands, replies, self._core, self._prefix)

    def _settle_not_run(
        self, commands: list[Command[Any]], queuing: list[Any], multi: object, executed: object
    ) -> None:
        address = self._core.address
        for command, reply in zip(commands, queuing, strict=True):
            command.fail(_reason(reply, multi, executed, address))


def _reason(reply: object, multi: object, executed: object, address: str) -> RedisError:
    """Return why a command gave nothing.

    Args:
        reply: what it was answered when it was queued.
        multi: what MULTI was answered.
        executed: what EXEC was answered.
        address: the server's.
    """
    refused = isinstance(reply, ReplyError)
    if isinstance(multi, ReplyError):
        what = "the command did not run" if refused else "the command ran by itself"
        message = f"MULTI was refused, so {what}: {safe_message(str(multi))}"
        return TransactionBroken(message, address=address, outcome="not_run" if refused else "ran")
    if executed is None:
        return WatchConflict("a watched key changed before EXEC", address=address)
    if not isinstance(executed, ReplyError):
        return ProtocolViolation("EXEC gave something else than one reply for each command", address=address)
    error = server_error(str(reply), address=address) if refused else exec_error(str(executed), address=address)
    error.outcome = "not_run"
    return error


async def _packed(commands: list[Command[Any]]) -> bytes:
    """Return all of it as bytes, from MULTI to EXEC.

    Raises:
        UsageError: a word cannot be sent.
    """
    payload = bytearray(_BEGIN)
    for start in range(0, len(commands), STRETCH):
        for command in commands[start : start + STRETCH]:
            payload += encode(command.spec.name, command.words)
            command.words = NO_WORDS
        if start + STRETCH < len(commands):
            await asyncio.sleep(0)
    payload += _END
    return cast("bytes", payload)  # nobody changes it, and to copy a long one would hold the loop


def _as_text(reply: Any) -> Any:
    """Return a reply that was read as bytes as a text reader gives it; ``DecodeFailed`` where it is not UTF-8."""
    try:
        return reply.decode() if reply.__class__ is bytes else _decoded(reply)
    except UnicodeDecodeError:
        return DecodeFailed(NOT_TEXT)


def _decoded(reply: Any) -> Any:
    kind = reply.__class__
    if kind is bytes:
        return reply.decode()
    if kind is list:
        return [_decoded(each) for each in reply]
    if kind is dict:
        return {_decoded(key): _decoded(value) for key, value in reply.items()}
    return reply
