"""What all clients have in common: ``Client[S]``, the type for functions that work with any of them.

``S`` is what the server's strings become: ``str``, or ``bytes`` with ``decode_responses=False``.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, cast, overload

from typing_extensions import TypeVar, override

from .checks import key_prefix as checked_prefix
from .errors import UsageError
from .events import Facts
from .faces import Queued
from .options import timeout as checked_timeout
from .pipeline import Pipeline
from .routing.link import Link
from .routing.prefix import UNKNOWN, Prefix, is_known, prefix_of
from .routing.raw import classify
from .scanning import ScanIterators
from .shapes import decoded
from .spec import Spec
from .transaction import Transaction
from .types import Arg, Key, Many, S, Value

if TYPE_CHECKING:  # imported with the first use, so that a program pays for what it uses
    from .functions import Library
    from .lock import Lock
    from .scripting import Script

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
P = TypeVar("P")

_SAME: Final = -1.0
_AS_IT_IS: Final = bytes(bytearray(b"as it is"))  # told by its identity


class Owner:
    """Held by a client and its views; warns when the last of them goes without a close."""

    __slots__ = ("link",)

    def __init__(self, link: Link) -> None:
        self.link: Link = link

    def __del__(self) -> None:
        if self.link.connected and not self.link.closed:
            message = f"unclosed client of {self.link.address}: use `async with`, or await its aclose()"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)


class Client(ScanIterators[S], Generic[S]):
    """The typed commands, and what all clients have in common."""

    __slots__ = ("__weakref__", "_core", "_owner", "_prefix", "_replay", "_text", "_timeout")

    _core: Link
    _owner: Owner | None
    _text: bool
    _timeout: float | None
    _replay: bool
    _prefix: Prefix | None

    # Commands.

    @override
    def _run(self, spec: Spec[T], words: tuple[Arg, ...]) -> Awaitable[T]:
        # Every command passes here. Where the reply is the value already, the caller awaits the call itself.
        core = self._core
        if spec.special or core.hooks is not None or self._prefix is not None:
            return self._run_specially(spec, words)
        call = core.submit(spec, words, self._text, self._timeout, self._replay)
        return call if spec.decode is None else self._decoded(spec, call)

    async def _decoded(self, spec: Spec[T], call: Awaitable[Any]) -> T:
        return decoded(spec, await call, self._core.address)

    async def _run_specially(self, spec: Spec[T], words: tuple[Arg, ...]) -> T:
        if spec.special:
            self._core.admit(spec)
        hooks = self._core.hooks
        if hooks is None:
            return await self._send(spec, words)

        async def run(facts: Facts, words: tuple[Arg, ...]) -> T:
            # Middleware may change the words; the facts stay the command's own.
            return await self._send(spec, words)

        value: T = await hooks.call(spec, words, run)
        return value

    async def _send(self, spec: Spec[T], words: tuple[Arg, ...]) -> T:
        prefix = self._prefix
        if prefix is not None:
            words = prefix.put_on(spec, words)
        apart = spec.special and (spec.blocking is None or spec.blocking.seconds(words) is not None)
        run = self._core.lease if apart else self._core.submit
        reply = await run(spec, words, self._text, self._timeout, self._replay)
        return decoded(spec, reply if prefix is None else prefix.take_off(spec, reply), self._core.address)

    async def execute(self, *words: Arg) -> Any:
        """Run a command given as words: ``await r.execute("OBJECT", "FREQ", "key")``.

        The reply is not converted, beside text to ``str`` where the client decodes. A blocking command runs on a
        connection of its own, as its method would.

        Raises:
            ServerError: the server's error reply.
            UsageError: the command changes the state of its connection, or a word cannot be sent; or there is a key
                prefix, and where the command's keys stand is not known.
        """
        from .commands.table import FACTS

        spec, words = classify(words, FACTS)
        if self._prefix is not None and not is_known(spec, FACTS):
            raise UsageError(UNKNOWN, command=spec.name)
        return await self._run(spec, words)

    # Batches.

    def pipeline(self, *, raise_on_error: bool = True) -> Pipeline[S]:
        """Begin a batch: ``async with r.pipeline() as p: a = p.incr("n")``, then ``a.result()``.

        Args:
            raise_on_error: raise the first command's error at the end, after all results are set.
        """
        return self._pipeline(cast("type[Pipeline[S]]", Pipeline), raise_on_error)

    def _pipeline(
        self, kind: Callable[[Link, bool, float | None, bool, bool, Prefix | None], P], raise_on_error: bool
    ) -> P:
        """Begin a batch of another class: for the ``pipeline`` of a subclass whose batches have further commands."""
        return kind(self._core, self._text, self._timeout, self._replay, raise_on_error, self._prefix)

    def transaction(self, *, raise_on_error: bool = True) -> Transaction[S]:
        """Begin a transaction, from MULTI to EXEC in one write: ``async with r.transaction() as tx: a = tx.incr("n")``.

        It runs as a whole or not at all; see ``redpoll.transaction``. Its block only queues: where the commands depend
        on what was read before, take ``watch_transaction``.

        Args:
            raise_on_error: raise the first command's error at the end, after all results are set.
        """
        return Transaction(self._core, self._text, self._timeout, False, raise_on_error, self._prefix)

    @overload
    async def batch(self, body: Callable[[Pipeline[S]], tuple[Queued[A]]], /, *, atomic: bool = False) -> tuple[A]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B]]], /, *, atomic: bool = False
    ) -> tuple[A, B]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C]]], /, *, atomic: bool = False
    ) -> tuple[A, B, C]: ...
    @overload
    async def batch(
        self,
        body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D]]],
        /,
        *,
        atomic: bool = False,
    ) -> tuple[A, B, C, D]: ...
    @overload
    async def batch(
        self,
        body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E]]],
        /,
        *,
        atomic: bool = False,
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    async def batch(
        self,
        body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F]]],
        /,
        *,
        atomic: bool = False,
    ) -> tuple[A, B, C, D, E, F]: ...
    @overload
    async def batch(
        self,
        body: Callable[
            [Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F], Queued[G]]
        ],
        /,
        *,
        atomic: bool = False,
    ) -> tuple[A, B, C, D, E, F, G]: ...
    @overload
    async def batch(
        self,
        body: Callable[
            [Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F], Queued[G], Queued[H]]
        ],
        /,
        *,
        atomic: bool = False,
    ) -> tuple[A, B, C, D, E, F, G, H]: ...
    @overload
    async def batch(self, body: Callable[[Pipeline[S]], list[Queued[T]]], /, *, atomic: bool = False) -> list[T]: ...
    async def batch(self, body: Callable[[Pipeline[S]], Any], /, *, atomic: bool = False) -> Any:
        """Run the commands that ``body`` queues as one batch: ``await r.batch(lambda p: (p.incr("n"), p.get("k")))``.

        Args:
            body: queues commands and returns what ``Queued`` it wants the values of, in a tuple or list.
            atomic: run them as a transaction.

        Returns:
            The values, in a tuple or list as ``body`` returned them.

        Raises:
            RedisError: the first error of a command.
        """
        pipeline = self.transaction() if atomic else self.pipeline()
        wanted = body(pipeline)
        if not isinstance(wanted, tuple | list):
            raise UsageError("the body of a batch returns a tuple or list of what its command methods returned")
        await pipeline.execute()
        values = [queued.result() for queued in cast("list[Queued[Any]]", wanted)]
        return values if isinstance(wanted, list) else tuple(values)

    # Scripts, functions, locks.

    @overload
    def script(self, script: str | bytes, *, readonly: bool = False, retry: bool = False) -> Script[Any]: ...
    @overload
    def script(
        self, script: str | bytes, *, returns: type[list[Any]], readonly: bool = False, retry: bool = False
    ) -> Script[list[Any]]: ...
    @overload
    def script(
        self, script: str | bytes, *, returns: type[dict[Any, Any]], readonly: bool = False, retry: bool = False
    ) -> Script[dict[Any, Any]]: ...
    @overload
    def script(
        self, script: str | bytes, *, returns: type[set[Any]], readonly: bool = False, retry: bool = False
    ) -> Script[set[Any]]: ...
    @overload
    def script(
        self,
        script: str | bytes,
        *,
        returns: type[T] | Callable[[Any], T],
        readonly: bool = False,
        retry: bool = False,
    ) -> Script[T]: ...
    def script(
        self,
        script: str | bytes,
        *,
        returns: Callable[[Any], Any] | None = None,
        readonly: bool = False,
        retry: bool = False,
    ) -> Script[Any]:
        """Make a Lua script to be called: ``add = r.script(lua, returns=int)``, then ``await add(keys=["n"], args=[5])``.

        Args:
            script: its source.
            returns: what its reply is to become: ``int``, ``float``, ``bool`` (nil is False, a status True), ``str`` or
                ``bytes`` whatever the client decodes, ``list``, ``dict`` (a flat list on RESP2), ``set``, or a function
                of the reply. By default it is not converted.
            readonly: call it with EVALSHA_RO, since Redis 7.0: it can only read, runs on replicas too, and is run again
                if its connection is lost.
            retry: run it again if its connection is lost, since twice does no harm.
        """
        from .scripting import Script

        return Script(self, script, readonly=readonly, retry=retry, returns=returns)

    register_script = script

    async def evalsha_or_eval(self, script: str | bytes, keys: Many[Key] = (), args: Many[Value] = ()) -> Any:
        """Run a Lua script by its digest, and by its source where the server does not know it.

        Args:
            script: its source.
            keys: the keys that it touches.
            args: its further arguments.
        """
        from .scripting import Script

        return await Script[Any](self, script)(keys, args)

    def library(self, name: str, code: str | bytes | None = None) -> Library:
        """Name a library of functions: ``lib = r.library("mylib", code)``, then ``lib.function("f")``; see ``Library``.

        Args:
            name: its name.
            code: its source, for ``load``. It begins with a line such as ``#!lua name=mylib``.

        Raises:
            UsageError: the code is of another library.
        """
        from .functions import Library

        return Library(self, name, code)

    def lock(
        self,
        name: Key,
        timeout: float | dt.timedelta | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        *,
        ttl: float | dt.timedelta | None = None,
        auto_renew: bool = False,
    ) -> Lock:
        """Make a lock that many programs share: ``async with r.lock("report", ttl=30): …``. Needs Redis 7.0.

        Args:
            name: the key.
            timeout: another name of ``ttl``, as redis-py has it.
            sleep: seconds between attempts to acquire it.
            blocking: wait until it is free.
            blocking_timeout: seconds to wait at most; None for ever.
            ttl: seconds after which it ends, whatever becomes of its holder; 30 unless given.
            auto_renew: extend it by itself, to ``ttl`` each time, as long as it is held. If that fails, an ``async
                with`` block is cancelled and ends with ``LockLost``; without one, ``lock.remaining`` is 0.

        Raises:
            UsageError: a value is out of its limits.
        """
        if ttl is not None and timeout is not None:
            raise UsageError("ttl and timeout are two names of the same option")
        from .lock import Lock

        return Lock(
            self, name, timeout if ttl is None else ttl, sleep, blocking, blocking_timeout, auto_renew=auto_renew
        )

    # Life.

    async def aclose(self) -> None:
        """Close the connections, for all views of this client. What is in flight gets a second to finish."""
        await self._core.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    @override
    def __repr__(self) -> str:
        core = self._core
        state = " closed" if core.closed else ""
        return f"<{type(self).__name__} {core.address} db={core.settings.db}{state}>"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: it holds connections; make another one")

    # Views.

    def using(
        self, *, timeout: float | None = _SAME, retry: bool | None = None, prefix: str | bytes | None = _AS_IT_IS
    ) -> Self:
        """Return a view of the same connection with other settings.

        Args:
            timeout: seconds a command may take; None for no limit.
            retry: run commands again whose connection was lost, though they may have run: for those of which you know
                that twice does no harm. False takes it back.
            prefix: stands before the name of every key, instead of the one before; see ``Options``. None or empty for
                no prefix.

        Raises:
            UsageError: a value is out of its limits.
        """
        if timeout is _SAME:
            timeout = self._timeout
        elif timeout is not None:
            timeout = checked_timeout("timeout", timeout)
        view = self._view(self._text, timeout, self._replay if retry is None else retry)
        if prefix is not _AS_IT_IS:
            view._prefix = prefix_of(checked_prefix("prefix", prefix))
        return view

    @override
    def _view(self, text: bool, timeout: float | None, replay: bool) -> Self:
        view = type(self).__new__(type(self))
        if hasattr(self, "__dict__"):  # a subclass's own attributes
            view.__dict__.update(self.__dict__)
        view._core, view._owner = self._core, self._owner
        view._text, view._timeout, view._replay, view._prefix = text, timeout, replay, self._prefix
        return view
