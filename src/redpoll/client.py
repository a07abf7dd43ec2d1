"""The client: typed commands over one multiplexed connection.

``Client[S]`` is what functions take that work with any client; ``Redis[S]`` is a client of one server. ``S`` is what the
server's strings become: ``str``, or ``bytes`` with ``decode_responses=False``.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Generic, Literal, NoReturn, Self, cast, overload

from typing_extensions import TypeVar, Unpack, override

from .commands import Commands
from .errors import UsageError
from .events import Facts
from .faces import Queued
from .options import DEFAULT_PORT, Options, Settings, parse_url, settings
from .options import timeout as checked_timeout
from .pipeline import Pipeline, undecodable
from .routing.raw import DEDICATED, classify
from .routing.standalone import Core
from .spec import Spec
from .types import Arg, S

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")

_SAME: Final = -1.0


class _Owner:
    """Held by a client and its views; warns when the last of them goes without a close."""

    __slots__ = ("core",)

    def __init__(self, core: Core) -> None:
        self.core = core

    def __del__(self) -> None:
        if self.core.connected and not self.core.closed:
            message = f"unclosed client of {self.core.address}: use `async with`, or await its aclose()"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)


class Client(Commands[S], Generic[S]):
    """The typed commands, and what all clients have in common."""

    __slots__ = ("__weakref__", "_core", "_owner", "_replay", "_text", "_timeout")

    _core: Core
    _owner: _Owner
    _text: bool
    _timeout: float | None
    _replay: bool

    # Commands.

    @override
    def _run(self, spec: Spec[T], words: tuple[Arg, ...]) -> Awaitable[T]:
        # Every command passes here. Where the reply is the value already, the caller awaits the call itself.
        core = self._core
        if spec.special or core.hooks is not None:
            return self._run_specially(spec, words)
        call = core.submit(spec, words, self._text, self._timeout, self._replay)
        return call if spec.decode is None else self._decoded(spec, call)

    async def _decoded(self, spec: Spec[T], call: Awaitable[Any]) -> T:
        reply = await call
        if spec.decode is None:
            value: T = reply
            return value
        try:
            return spec.decode(reply)
        except Exception as error:
            failed = undecodable(error, spec.name, self._core.address)
            raise failed from failed.__cause__

    async def _run_specially(self, spec: Spec[T], words: tuple[Arg, ...]) -> T:
        if spec.dedicated:
            raise UsageError(DEDICATED, command=spec.name)
        hooks = self._core.hooks
        if hooks is None:
            return await self._send(spec, words)

        async def run(facts: Facts, words: tuple[Arg, ...]) -> T:
            # Middleware may change the words; the facts stay the command's own.
            return await self._send(spec, words)

        value: T = await hooks.call(spec, words, run)
        return value

    async def _send(self, spec: Spec[T], words: tuple[Arg, ...]) -> T:
        core = self._core
        if spec.special and (spec.blocking is None or spec.blocking.seconds(words) is not None):
            return await self._decoded(spec, core.lease(spec, words, self._text, self._timeout))
        return await self._decoded(spec, core.submit(spec, words, self._text, self._timeout, self._replay))

    async def execute(self, *words: Arg) -> Any:
        """Run a command given as words: ``await r.execute("OBJECT", "FREQ", "key")``.

        The reply is not converted, beside text to ``str`` where the client decodes. A blocking command runs on a
        connection of its own, as its method would.

        Raises:
            ServerError: the server's error reply.
            UsageError: the command changes the state of its connection, or a word cannot be sent.
        """
        from .commands.table import FACTS

        spec, words = classify(words, FACTS)
        return await self._run(spec, words)

    # Batches.

    def pipeline(self, *, raise_on_error: bool = True) -> Pipeline[S]:
        """Begin a batch: ``async with r.pipeline() as p: a = p.incr("n")``, then ``a.result()``.

        Args:
            raise_on_error: raise the first command's error at the end, after all results are set.
        """
        return Pipeline(self._core, self._text, self._timeout, self._replay, raise_on_error)

    @overload
    async def batch(self, body: Callable[[Pipeline[S]], tuple[Queued[A]]], /) -> tuple[A]: ...
    @overload
    async def batch(self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B]]], /) -> tuple[A, B]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C]]], /
    ) -> tuple[A, B, C]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D]]], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E]]], /
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    async def batch(
        self, body: Callable[[Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F]]], /
    ) -> tuple[A, B, C, D, E, F]: ...
    @overload
    async def batch(
        self,
        body: Callable[
            [Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F], Queued[G]]
        ],
        /,
    ) -> tuple[A, B, C, D, E, F, G]: ...
    @overload
    async def batch(
        self,
        body: Callable[
            [Pipeline[S]], tuple[Queued[A], Queued[B], Queued[C], Queued[D], Queued[E], Queued[F], Queued[G], Queued[H]]
        ],
        /,
    ) -> tuple[A, B, C, D, E, F, G, H]: ...
    @overload
    async def batch(self, body: Callable[[Pipeline[S]], list[Queued[T]]], /) -> list[T]: ...
    async def batch(self, body: Callable[[Pipeline[S]], Any], /) -> Any:
        """Run the commands that ``body`` queues as one batch: ``await r.batch(lambda p: (p.incr("n"), p.get("k")))``.

        Args:
            body: queues commands and returns what ``Queued`` it wants the values of, in a tuple or list.

        Returns:
            The values, in a tuple or list as ``body`` returned them.

        Raises:
            RedisError: the first error of a command.
        """
        pipeline = self.pipeline()
        wanted = body(pipeline)
        if not isinstance(wanted, tuple | list):
            raise UsageError("the body of a batch returns a tuple or list of what its command methods returned")
        await pipeline.execute()
        values = [queued.result() for queued in cast("list[Queued[Any]]", wanted)]
        return values if isinstance(wanted, list) else tuple(values)

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


class Redis(Client[S], Generic[S]):
    """A client of one server. It connects at the first command, and again after a loss.

    Example:
        >>> async with Redis("localhost") as r:
        ...     await r.set("greeting", "hello")
        ...     print(await r.get("greeting"))
    """

    __slots__ = ()

    @overload
    def __init__(
        self: Redis[str],
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        decode_responses: Literal[True] = True,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Redis[bytes],
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        decode_responses: Literal[False],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self, host: str = "localhost", port: int = DEFAULT_PORT, *, decode_responses: bool = True, **options: Any
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            host: the server's name or address.
            port: its port.
            decode_responses: give the server's strings as str; else as bytes.
            options: see ``redpoll.options.Options``.

        Raises:
            UsageError: an option is unknown or out of its limits.
        """
        self._begin(settings(host, port, cast("Options", options)), decode_responses)

    @overload
    @classmethod
    def from_url(
        cls, url: str, *, decode_responses: Literal[True] = True, **options: Unpack[Options]
    ) -> Redis[str]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[False], **options: Unpack[Options]) -> Redis[bytes]: ...
    @classmethod
    def from_url(cls, url: str, *, decode_responses: bool = True, **options: Any) -> Any:
        """Make a client of the server that a URL names: ``redis://user:password@host:6379/0``, ``unix:///path?db=0``.

        Args:
            url: see ``redpoll.options.parse_url``.
            decode_responses: give the server's strings as str; else as bytes.
            options: further options; what is in the URL must not be here.

        Raises:
            UsageError: the URL is malformed, or an option unknown or out of its limits.
        """
        client = cls.__new__(cls)
        client._begin(parse_url(url, cast("Options", options)), decode_responses)
        return client

    def _begin(self, checked: Settings, decode_responses: object) -> None:
        if not isinstance(decode_responses, bool):
            raise UsageError("option 'decode_responses' must be True or False")
        self._core = Core(checked)
        self._owner = _Owner(self._core)
        self._text = decode_responses
        self._timeout = checked.command_timeout
        self._replay = False

    # Views.

    @property
    def text(self) -> Redis[str]:
        """The same connection with replies as str."""
        return cast("Redis[str]", self._view(True, self._timeout, self._replay))

    @property
    def binary(self) -> Redis[bytes]:
        """The same connection with replies as bytes."""
        return cast("Redis[bytes]", self._view(False, self._timeout, self._replay))

    def using(self, *, timeout: float | None = _SAME, retry: bool | None = None) -> Self:
        """Return a view of the same connection with other settings.

        Args:
            timeout: seconds a command may take; None for no limit.
            retry: run commands again whose connection was lost, though they may have run: for those of which you know
                that twice does no harm. False takes it back.
        """
        if timeout is _SAME:
            timeout = self._timeout
        elif timeout is not None:
            timeout = checked_timeout("timeout", timeout)
        return self._view(self._text, timeout, self._replay if retry is None else retry)

    def _view(self, text: bool, timeout: float | None, replay: bool) -> Self:
        view = type(self).__new__(type(self))
        if hasattr(self, "__dict__"):  # a subclass's own attributes
            view.__dict__.update(self.__dict__)
        view._core, view._owner = self._core, self._owner
        view._text, view._timeout, view._replay = text, timeout, replay
        return view
