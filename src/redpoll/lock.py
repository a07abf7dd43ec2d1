"""A lock that many programs share: ``async with r.lock("report", ttl=30): …``.

A lock is a key with a random token that only its holder knows, and a time after which the server deletes it. Whoever
sets the key has the lock; only who knows the token gives it back or extends it. Nobody else gets the lock as long as the
key is there, whatever becomes of the holder's connection: SET may be sent again without harm, since it says whose token
it found, and each attempt has a token of its own.

How long it is held is reckoned by this side's clock from before the first SET went out, so the holder's time is up
before the server's. An attempt that is cancelled or fails after it was sent is taken back in the background; should that
fail too, the key lives no longer than ``ttl``.

It guards on one server. Where a primary fails before its replica got the key, a second holder may come in: where that
must not be, let the guarded resource check a number that grows with each holder.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
import random
import secrets
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from typing_extensions import override

from .commands import Commands
from .commands.generic import EXISTS
from .commands.string import GET
from .errors import CommandTimeout, LockLost, OutcomeUnknown, RedisError, UsageError
from .faces import run
from .scripting import Script
from .spec import KeyRange, Spec
from .types import Key

_RELEASE: Final = Script(
    None,
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])",
    returns=bool,
)
_PROLONG: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local left = redis.call('PTTL', KEYS[1])
local to = tonumber(ARGV[2])
if ARGV[3] == 'ADD' then to = left + to end
if ARGV[3] == 'MAX' and left > to then return left end
redis.call('PEXPIRE', KEYS[1], to)
return to
"""  # by or to so many milliseconds; returns those that are left, and -1 where it is not the holder's
_EXTEND: Final = Script(None, _PROLONG, returns=int)
_RENEW: Final = Script(None, _PROLONG, returns=int, retry=True)  # with MAX only: twice does no harm, however late
_SET: Final[Spec[Any]] = Spec("SET", keys=(KeyRange(1, 1),), replay=True, text=False)
_GET: Final[Spec[Any]] = Spec("GET", keys=GET.keys, replay=True, text=False)
_TTL: Final = 30.0  # seconds
_TRIES: Final = 3  # of a release whose outcome is not known
_RENEWALS: Final = 3  # in the lifetime of a lock
_RETRIES: Final = 12  # in that time, of a renewal that fails
_SOONEST: Final = 0.01  # seconds between attempts to renew that fail

_background: Final[set[asyncio.Task[None]]] = set()


class Lock:
    """A lock on one name. Made by ``client.lock()``.

    One object is one holder: it is not acquired again before it is released, by another task neither. Each task makes
    its own.

    Attributes:
        name: the key.
        ttl: seconds that it is held at most, unless it is extended.
        sleep: seconds between attempts to acquire it.
        blocking: whether ``acquire`` waits.
        blocking_timeout: seconds that it waits; None for ever.
        auto_renew: whether it is extended by itself as long as it is held.
    """

    __slots__ = (
        "_client",
        "_keeper",
        "_milliseconds",
        "_task",
        "_token",
        "_until",
        "auto_renew",
        "blocking",
        "blocking_timeout",
        "name",
        "sleep",
        "ttl",
    )

    def __init__(
        self,
        client: Commands[str | bytes],
        name: Key,
        ttl: float | dt.timedelta | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        *,
        auto_renew: bool = False,
    ) -> None:
        """Make a lock; nothing is sent yet. See ``Client.lock``."""
        self._client = client
        self.name: Key = name
        self.ttl: float = _seconds("ttl", _TTL if ttl is None else ttl)
        if not sleep > 0:
            raise UsageError(f"sleep must be above 0 seconds, not {sleep!r}")
        if blocking_timeout is not None and not blocking_timeout >= 0:
            raise UsageError(f"blocking_timeout must be 0 seconds or more, not {blocking_timeout!r}")
        self.sleep: float = sleep
        self.blocking: bool = blocking
        self.blocking_timeout: float | None = blocking_timeout
        self.auto_renew: bool = auto_renew
        self._milliseconds = _milliseconds(self.ttl)
        self._token: bytes | None = None  # until the reply shows that it was given back
        self._until = -math.inf  # by ``monotonic``
        self._keeper: asyncio.Task[None] | None = None
        self._task: _Guarded | None = None

    # Acquiring.

    async def acquire(self, *, blocking: bool | None = None, blocking_timeout: float | None = None) -> bool:
        """Acquire the lock; return whether it is held now.

        Args:
            blocking: wait for it; by default as the lock was made.
            blocking_timeout: seconds to wait for it; by default as the lock was made. An attempt that is under way then
                may still take as long as a command may.

        Raises:
            UsageError: this object holds it, or is about to.
            RedisError: an attempt failed. Nothing is held.
        """
        if self._token is not None:
            raise UsageError("this object holds the lock already; each holder makes a lock of its own", command="LOCK")
        blocking = self.blocking if blocking is None else blocking
        limit = self.blocking_timeout if blocking_timeout is None else blocking_timeout
        end = -math.inf if not blocking else math.inf if limit is None else monotonic() + limit
        try:
            while not await self._try():
                pause = self.sleep * random.uniform(0.75, 1.0)  # so that those who wait do not come all at once
                if monotonic() + pause > end:
                    self._forget()
                    return False
                await asyncio.sleep(pause)
        except BaseException:
            self._forget()
            raise
        if self.auto_renew:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(self._held()))
        return True

    async def _try(self) -> bool:
        self._token = token = secrets.token_bytes(16)
        begin = monotonic()
        words = ("SET", self.name, token, "NX", "GET", "PX", self._milliseconds)
        try:
            before = await run(self._client, _SET, words)
        except BaseException as error:
            if not isinstance(error, RedisError) or error.outcome != "not_run":
                await self._take_back(token)
            raise
        # The token is there already where SET ran on a connection that broke, and then once more.
        if before is not None and before != token:
            return False
        self._until = begin + self.ttl
        if monotonic() < self._until:
            return True
        await self._take_back(token)
        return False

    async def _take_back(self, token: bytes) -> None:
        """Have what may have been acquired given back in the background."""

        async def take_back() -> None:
            with contextlib.suppress(RedisError):
                try:
                    # EVAL is done with one command, which goes out though the client is being closed.
                    await self._client.eval(_RELEASE.script, [self.name], [token])
                except OutcomeUnknown:
                    await self._drop(token)

        task = asyncio.get_running_loop().create_task(take_back())
        _background.add(task)
        task.add_done_callback(_background.discard)
        await asyncio.sleep(0)  # it is queued now

    async def _abandon(self) -> None:
        """Have what is held given back in the background."""
        token = self._held()
        self._forget()
        await self._take_back(token)

    def _forget(self) -> None:
        self._token = None
        self._until = -math.inf

    async def _drop(self, token: bytes) -> bool:
        """Delete the key if it holds a token; return False where it surely did not."""
        lost: OutcomeUnknown | None = None
        for _ in range(_TRIES):
            try:
                deleted = await _RELEASE([self.name], [token], self._client)
            except OutcomeUnknown as error:
                lost = error
            else:
                return deleted or lost is not None
        assert lost is not None
        raise lost

    # Holding.

    async def release(self) -> None:
        """Give the lock back.

        Raises:
            LockLost: it was not held any more.
            UsageError: it was not acquired.
            RedisError: it could not be given back; ``release`` may be called again. It ends after ``ttl`` at the latest.
        """
        token = self._held()
        try:
            await self._stop_keeping()
            self._until = -math.inf  # the next one may have it before the reply is here
            held = await self._drop(token)
        except asyncio.CancelledError:
            await self._abandon()
            raise
        self._forget()
        if not held:
            raise self._lost()

    async def extend(self, additional_time: float | dt.timedelta, replace_ttl: bool = False) -> None:
        """Hold the lock longer.

        Args:
            additional_time: seconds.
            replace_ttl: hold it for so long from now on, instead of so much longer.

        Raises:
            LockLost: it is not held any more.
            UsageError: it was not acquired, or the time is not above 0.
            OutcomeUnknown: the connection was lost, and it may be held longer or not.
        """
        token, milliseconds = self._held(), _milliseconds(_seconds("additional_time", additional_time))
        if replace_ttl:  # it may be shorter from now on, whether the answer comes or not
            self._until = min(self._until, monotonic() + milliseconds / 1000)
        await self._prolong(token, _EXTEND, milliseconds, "SET" if replace_ttl else "ADD")

    async def reacquire(self) -> None:
        """Hold the lock for its whole ``ttl`` from now on, or longer where it was extended.

        Raises:
            LockLost: it is not held any more.
            UsageError: it was not acquired.
        """
        await self._renew(self._held())

    async def _renew(self, token: bytes) -> None:
        await self._prolong(token, _RENEW, self._milliseconds, "MAX")

    async def _prolong(self, token: bytes, script: Script[int], milliseconds: int, how: str) -> None:
        begin = monotonic()
        left = await script([self.name], [token, milliseconds, how], self._client)
        if left < 0:
            self._until = -math.inf
            raise self._lost()
        self._until = begin + left / 1000

    async def owned(self) -> bool:
        """Ask the server whether this object holds the lock."""
        token = self._token
        return token is not None and await run(self._client, _GET, ("GET", self.name)) == token

    async def locked(self) -> bool:
        """Ask the server whether anybody holds the lock."""
        return await run(self._client, EXISTS, ("EXISTS", self.name)) > 0

    @property
    def remaining(self) -> float:
        """Seconds that the lock is held for sure, by this side's clock; 0.0 where it is not."""
        return 0.0 if self._token is None else max(0.0, self._until - monotonic())

    def _held(self) -> bytes:
        if self._token is None:
            raise UsageError("the lock was not acquired, or was released", command="LOCK")
        return self._token

    def _lost(self) -> LockLost:
        return LockLost(
            f"the lock was not held any more: its {self.ttl:g} s were up, or its key was deleted or changed"
        )

    # Renewing.

    async def _keep(self, token: bytes) -> None:
        """Extend the lock in time, until it is lost."""
        pause = self.ttl / _RENEWALS
        while (left := self._until - monotonic()) > 0:
            await asyncio.sleep(max(min(left, pause), _SOONEST))
            try:
                async with asyncio.timeout(max(0.0, self._until - monotonic())):
                    await self._renew(token)
                pause = self.ttl / _RENEWALS
            except LockLost:
                break
            except (RedisError, TimeoutError):
                pause = self.ttl / _RETRIES  # as long as there is time
        if self._task is not None:
            self._task.interrupt()

    async def _stop_keeping(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None and not keeper.done():
            keeper.cancel()
            await asyncio.wait([keeper])

    # A block.

    async def __aenter__(self) -> Self:
        """Acquire the lock.

        Raises:
            CommandTimeout: somebody else held it all the time that it was waited for.
        """
        if not await self.acquire():
            waited = f"within {self.blocking_timeout:g} s" if self.blocking and self.blocking_timeout else "at once"
            raise CommandTimeout(f"the lock could not be had {waited}: it is held", outcome="not_run", command="LOCK")
        if self.auto_renew:
            self._task = _Guarded()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Release the lock. An error of the block is raised rather than one of the release.

        Raises:
            LockLost: it was lost meanwhile. Where it is renewed by itself, the block was cancelled then.
        """
        guarded, self._task = self._task, None
        if guarded is not None and guarded.ended(error):
            await self._abandon()
            raise self._lost()
        try:
            await self.release()
        except RedisError as failure:
            if self._token is not None:
                await self._abandon()
            if error is None:
                raise
            error.add_note(f"and the lock: {failure}")

    @override
    def __repr__(self) -> str:
        return f"<Lock {'held' if self.remaining else 'not held'}>"


class _Guarded:
    """A task whose block is cancelled when its lock is lost."""

    __slots__ = ("_before", "_interrupted", "_task")

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task: asyncio.Task[Any] = task
        self._before = task.cancelling()
        self._interrupted = False

    def interrupt(self) -> None:
        self._interrupted = True
        self._task.cancel()

    def ended(self, error: BaseException | None) -> bool:
        """Take back the cancellation; tell whether the block ended with it, rather than with an error of its own."""
        if not self._interrupted:
            return False
        left = self._task.uncancel()
        return error is None or (isinstance(error, asyncio.CancelledError) and left <= self._before)


def _seconds(name: str, value: float | dt.timedelta) -> float:
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    if isinstance(seconds, bool) or not 0.001 <= seconds < math.inf:
        raise UsageError(f"{name} must be at least 0.001 seconds, not {value!r}")
    return float(seconds)


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
