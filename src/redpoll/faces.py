"""The two faces of the generated commands: awaited on a client, queued on a batch.

Both pass the same ``Spec`` and the same words, so they cannot differ on the wire.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Generic

from typing_extensions import TypeVar, override

from .errors import UsageError
from .spec import Spec
from .types import Arg, S

T = TypeVar("T")
R = TypeVar("R", covariant=True)

PENDING: object = object()


class Queued(Generic[R]):
    """The result-to-be of one command in a pipeline or transaction.

    ``result()`` (or ``await``) gives the typed value once the batch has run, and raises the command's own error.
    """

    __slots__ = ("_error", "_name", "_value")

    def __init__(self, name: str) -> None:
        self._name: str = name
        self._value: object = PENDING
        self._error: BaseException | None = None

    def result(self) -> R:
        """Return the command's value.

        Raises:
            RedisError: the command's own error.
            UsageError: the batch has not run.
        """
        if self._error is not None:
            raise self._error
        if self._value is PENDING:
            raise UsageError(
                "the batch has not run: results are there after its `async with` block", command=self._name
            )
        return self._value  # type: ignore[return-value]  # _resolve got what the spec's decoder made

    def __await__(self) -> Generator[None, None, R]:
        yield from ()  # a generator that never waits
        return self.result()

    def done(self) -> bool:
        """Tell whether the batch has run."""
        return self._error is not None or self._value is not PENDING

    def exception(self) -> BaseException | None:
        """Return the command's error, or None where it succeeded or has not run."""
        return self._error

    @override
    def __repr__(self) -> str:
        state = "failed" if self._error is not None else "done" if self.done() else "pending"
        return f"<Queued {self._name} {state}>"


class AwaitedFace(Generic[S]):
    """Base of the command methods that a client awaits."""

    __slots__ = ()

    def _run(self, spec: Spec[T], words: tuple[Arg, ...]) -> Awaitable[T]:
        raise NotImplementedError


async def run(client: AwaitedFace[str | bytes], spec: Spec[T], words: tuple[Arg, ...]) -> T:
    """Run a command on a client, with the client's own settings."""
    return await client._run(spec, words)  # pyright: ignore[reportPrivateUsage]  # of this module


class QueuedFace(Generic[S]):
    """Base of the command methods that a batch queues."""

    __slots__ = ()

    def _queue(self, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        raise NotImplementedError


def queue(batch: QueuedFace[str | bytes], spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
    """Queue a command on a batch."""
    return batch._queue(spec, words)  # pyright: ignore[reportPrivateUsage]  # of this module
