"""A connection of one's own: ``async with r.dedicated() as c``.

It has all commands, those that change the connection's state included: SELECT, AUTH, WATCH, CLIENT TRACKING … It is
leased for the block and returned at its end: as it was, if what was done to it can be undone by UNWATCH and SELECT, and
closed otherwise. It never reconnects: after a loss every command is a ``NotSent``, and the block is to be run anew.

Nor is anything tried again here: what the server refuses for now, with READONLY, LOADING or BUSY, is raised, with
``outcome == "not_run"``. Its holder has state there, a key that is watched or a transaction that is open, and he alone
knows what a later try would still mean. As on the shared connection at most ``max_inflight`` commands are on their way;
further ones wait in their order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, Self, TypeVar, cast

from typing_extensions import override

from .base import Client, Owner
from .commands import QueuedStateCommands, StateCommands
from .errors import UsageError, WatchConflict
from .options import timeout as checked_timeout
from .pipeline import Pipeline
from .reconnect import Reconnect
from .routing.bound import Bound
from .routing.prefix import Prefix, is_known
from .routing.raw import classify
from .routing.standalone import Core
from .transaction import Transaction
from .types import Arg, Key, Many, S

T = TypeVar("T")

ATTEMPTS: Final = 16
"""How often ``watch_transaction`` tries."""

BACKOFF: Final = 0.005
"""Seconds that its first pause stays below."""

_LONGEST: Final = 0.25


class DedicatedPipeline(Pipeline[S], QueuedStateCommands[S]):
    """A batch on a connection of one's own, with the commands that change its state."""

    __slots__ = ()


class Dedicated(Client[S], StateCommands[S], Generic[S]):
    """A connection of one's own. Made by ``client.dedicated()``, and entered once."""

    __slots__ = ("_parent", "_wait")

    _parent: Core | None
    _wait: float | None

    def __init__(
        self,
        core: Core,
        owner: Owner | None,
        text: bool,
        timeout: float | None,
        replay: bool,
        prefix: Prefix | None,
        wait: float | None,
    ) -> None:
        """Begin without a connection; see ``Redis.dedicated`` and ``Pool.connection``."""
        self._core = Bound(core.settings, core.hooks)
        self._parent = core
        self._owner = owner
        self._text = text
        self._timeout = timeout
        self._replay = replay
        self._prefix = prefix
        self._wait = wait

    @classmethod
    def over(cls, bound: Bound, text: bool, timeout: float | None, prefix: Prefix | None) -> Self:
        """Return a face of a connection that is there already and is not the holder's to return."""
        face = cls.__new__(cls)
        face._core, face._parent, face._owner = bound, None, None
        face._text, face._timeout, face._replay, face._prefix, face._wait = text, timeout, False, prefix, None
        return face

    @override
    async def __aenter__(self) -> Self:
        if self._parent is not None:
            await self._parent.leasing.checkout(self._bound, "DEDICATED", self._wait)
        return self

    @override
    async def execute(self, *words: Arg) -> Any:
        """Run a command given as words, one that changes this connection's state too; see ``Client.execute``."""
        from .commands.table import FACTS

        spec, _ = classify(words, FACTS)
        if not is_known(spec, FACTS):
            self._bound.taint(spec.name)  # who knows what it does
        return await super().execute(*words)

    @override
    def pipeline(self, *, raise_on_error: bool = True) -> DedicatedPipeline[S]:
        """Begin a batch on this connection; see ``Client.pipeline``."""
        return DedicatedPipeline(self._core, self._text, self._timeout, self._replay, raise_on_error, self._prefix)

    async def watch_transaction(
        self,
        keys: Key | Many[Key],
        body: Callable[[Dedicated[S], Transaction[S]], Awaitable[T]],
        *,
        attempts: int = ATTEMPTS,
        backoff: float = BACKOFF,
    ) -> T:
        """Run a transaction on this connection, as ``Redis.watch_transaction`` does on one that it leases."""
        _check_attempts(attempts)
        pause = Reconnect(checked_timeout("backoff", backoff), _LONGEST)
        for attempt in range(1, attempts + 1):
            transaction = self.transaction()
            await self.watch(keys)
            value = await body(self, transaction)
            if not len(transaction):
                await self.unwatch()
                return value
            with contextlib.suppress(WatchConflict):
                await transaction.execute()
                return value
            if attempt < attempts:
                await asyncio.sleep(pause.delay(attempt) or 0.0)
        message = f"a watched key changed before EXEC, in each of {attempts} attempts"
        raise WatchConflict(message, address=self._core.address, command="EXEC", attempt=attempts)

    @override
    async def aclose(self) -> None:
        """Return the connection. A second time does nothing."""
        if self._parent is not None:
            await self._bound.aclose()

    @property
    def returned(self) -> bool:
        """Whether the connection was returned; also where it was lost before that."""
        return self._bound.returned

    def leased_from(self, core: Core) -> bool:
        """Tell whether the connection is one of a core's leased ones."""
        return self._parent is core

    @property
    def text(self) -> Dedicated[str]:
        """The same connection with replies as str."""
        return cast("Dedicated[str]", self._view(True, self._timeout, self._replay))

    @property
    def binary(self) -> Dedicated[bytes]:
        """The same connection with replies as bytes."""
        return cast("Dedicated[bytes]", self._view(False, self._timeout, self._replay))

    @property
    def _bound(self) -> Bound:
        return cast("Bound", self._core)

    @override
    def _view(self, text: bool, timeout: float | None, replay: bool) -> Self:
        view = super()._view(text, timeout, replay)
        view._parent, view._wait = self._parent, self._wait
        return view


def _check_attempts(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError("'attempts' must be a whole number above 0")
