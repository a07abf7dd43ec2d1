"""The commands of a batch: each with its facts and words, and then its result; and the scripts that they call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol

from hiredis import ReplyError
from typing_extensions import TypeVar

from .commands.scripting import SCRIPT_LOAD
from .errors import DecodeFailed, ExecAborted, NoScript, RedisError, ServerError, server_error
from .faces import PENDING, Queued
from .routing.link import Link
from .routing.prefix import Prefix
from .shapes import decoded
from .spec import Spec
from .transport.connection import Connection
from .types import Arg

T = TypeVar("T")

_ERRORS: Final = frozenset((ReplyError, DecodeFailed))


class Command(Queued[T], Generic[T]):
    """A queued command: its facts and words, and then its result."""

    __slots__ = ("spec", "words")

    def __init__(self, spec: Spec[T], words: tuple[Arg, ...]) -> None:
        self._name = spec.name
        self._value = PENDING
        self._error = None
        self.spec: Spec[T] = spec
        self.words: tuple[Arg, ...] = words

    @staticmethod
    def settle_all(commands: Sequence[Command[Any]], replies: Sequence[Any], link: Link, prefix: Prefix | None) -> None:
        """Give each command its raw reply."""
        for command, reply in zip(commands, replies, strict=True):
            if prefix is None and command.spec.decode is None and reply.__class__ not in _ERRORS:
                command._value = reply
            else:
                command.settle(reply, link.address, prefix)

    @staticmethod
    def first_error(commands: Sequence[Command[Any]], first: BaseException | None = None) -> BaseException | None:
        """Return the first error of commands that have run, or rather what caused it.

        Args:
            commands: the commands.
            first: the first error of those before.
        """
        for error in [command._error for command in commands if command._error is not None]:
            if first is None or (isinstance(first, ExecAborted) and not isinstance(error, ExecAborted)):
                first = error
        return first

    @staticmethod
    def results(commands: Sequence[Command[Any]]) -> list[Any]:
        """Return each command's value or error."""
        return [command._value if command._error is None else command._error for command in commands]

    def settle(self, reply: Any, address: str, prefix: Prefix | None = None) -> None:
        """Take the raw reply."""
        if reply.__class__ is ReplyError:
            self._error = server_error(str(reply), command=self._name, address=address)
        elif reply.__class__ is DecodeFailed:
            self._error = DecodeFailed(reply.message, command=self._name, address=address)
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


class Scripts:
    """The scripts that one batch calls, and whether the server has them."""

    __slots__ = ("_calls", "_connection")

    def __init__(self) -> None:
        self._calls: list[tuple[Command[Any], Loadable]] = []
        self._connection: Connection | None = None

    def add(self, command: Command[Any], script: Loadable) -> None:
        """Take note of a call."""
        self._calls.append((command, script))

    def loads(self, connection: Connection | None) -> dict[str, Command[str]]:
        """Return what is to be sent ahead of the batch, by digest.

        Args:
            connection: what the batch goes out on, where that is known.
        """
        self._connection = connection
        known = set[str]() if connection is None else connection.scripts
        return {
            script.sha: Command(SCRIPT_LOAD, ("SCRIPT", "LOAD", script.script))
            for _, script in self._calls
            if script.sha not in known
        }

    def learn(self, loads: dict[str, Command[str]], connection: Connection | None) -> None:
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
