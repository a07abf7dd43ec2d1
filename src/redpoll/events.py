"""What a client tells those who watch it, and how they may step in.

An observer is told when a command (or a batch) starts and when it finishes; a middleware wraps the call itself. Neither
costs anything where there is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from .types import Arg


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A command was called.

    Attributes:
        name: the command, such as ``"CLIENT LIST"``; ``"PIPELINE"`` for a batch, ``"MULTI"`` for a transaction.
        address: the server's ``host:port`` or socket path.
        db: number of the database.
        batch: how many commands a batch has; None for a single command.
    """

    name: str
    address: str
    db: int
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class CommandFinished:
    """A command ended.

    Attributes:
        started: the event of its start; the same object.
        seconds: from call to end.
        error: what the caller gets raised, None for success. A cancelled call has its ``CancelledError`` here.
    """

    started: CommandStarted
    seconds: float
    error: BaseException | None = None


class Observer(Protocol):
    """Is told of every command. It is called on the event loop, so it must not block; what it raises is logged."""

    def started(self, event: CommandStarted, /) -> None:
        """Take note of a start."""
        ...

    def finished(self, event: CommandFinished, /) -> None:
        """Take note of an end."""
        ...


class Facts(Protocol):
    """What a middleware may know of a command (``redpoll.spec.Spec`` has more)."""

    @property
    def name(self) -> str:
        """The command, such as ``"CLIENT LIST"``."""
        ...

    @property
    def replay(self) -> bool:
        """Whether running it twice does no harm."""
        ...

    @property
    def cacheable(self) -> bool:
        """Whether its reply depends on nothing but the keys' values."""
        ...


Call: TypeAlias = Callable[[Facts, tuple[Arg, ...]], Awaitable[Any]]
"""Runs one command, given by its facts and its words, and gives its decoded reply."""

Middleware: TypeAlias = Callable[[Call], Call]
"""Makes a call out of the call that it wraps."""
