"""The client of one server: typed commands over one multiplexed connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

from typing_extensions import Unpack

from .base import Client, Owner
from .dedicated import ATTEMPTS, BACKOFF, Dedicated
from .errors import UsageError
from .options import DEFAULT_PORT, Options, Settings, parse_url, settings
from .routing.prefix import prefix_of
from .routing.standalone import Core
from .transaction import Transaction
from .types import Key, Many, S, Value

if TYPE_CHECKING:  # imported with the first use, so that a program pays for what it uses
    from .monitoring import MonitorLine
    from .pubsub import Gap, Gaps, GapSubscription, Subscription
    from .routing.inbox import Overflow
    from .streams import Consumer

T = TypeVar("T")

__all__ = ["Client", "Redis"]


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
        self._core = core = Core(checked)
        self._owner = Owner(core)
        limit, prefix = checked.command_timeout, prefix_of(checked.key_prefix)
        core.face = lambda bound: Dedicated.over(bound, decode_responses is True, limit, prefix)
        self._text = decode_responses
        self._timeout = checked.command_timeout
        self._replay = False
        self._prefix = prefix

    # Views.

    @property
    def text(self) -> Redis[str]:
        """The same connection with replies as str."""
        return cast("Redis[str]", self._view(True, self._timeout, self._replay))

    @property
    def binary(self) -> Redis[bytes]:
        """The same connection with replies as bytes."""
        return cast("Redis[bytes]", self._view(False, self._timeout, self._replay))

    # Connections.

    async def reauthenticate(self) -> None:
        """Ask for the credentials anew, and authenticate all standing connections with them.

        For a provider that cannot tell by itself when they change (see ``redpoll.credentials``). Commands wait meanwhile;
        a leased connection that is busy follows when its command is answered. A connection on which the server refuses
        them is closed.

        Raises:
            AuthenticationFailed: the provider failed, or the server refused what it gave.
            UsageError: the client has neither a password nor a provider.
        """
        await cast("Core", self._core).reauthenticate()

    def consumer(
        self,
        streams: Key | Many[Key],
        group: Value,
        name: Value,
        *,
        start: Value = "0",
        count: int = 10,
        block: float = 5.0,
        min_idle: float = 60.0,
        claim_interval: float | None = None,
        max_deliveries: int | None = None,
        dead_letter: Key | None = None,
    ) -> Consumer[S]:
        """Consume streams as a member of a group: ``async for entry in r.consumer("orders", group="g", name="c1")``.

        Group and streams are made where they are missing. See ``Consumer`` for how entries come, and what it survives.

        Args:
            streams: the stream's key, or several streams' keys.
            group: the group, of the same name in each stream.
            name: the consumer, as one of the group; no two that run at a time may have the same name.
            start: the id after which a group begins that is made here: ``"0"`` for all entries, ``"$"`` for those to come.
            count: how many entries are fetched at a time from each stream. A fetched one counts as delivered.
            block: seconds to wait for entries in one command.
            min_idle: seconds after which an entry that nobody acknowledged is delivered again, to any consumer.
            claim_interval: seconds between two looks for such entries; None for half of ``min_idle``.
            max_deliveries: how often an entry is delivered before it goes to ``dead_letter``; None for no limit.
            dead_letter: the stream for such entries: their fields, and ``redpoll:stream``, ``redpoll:id``,
                ``redpoll:group`` and ``redpoll:deliveries``.

        Raises:
            UsageError: an option is out of its limits.
        """
        from .streams import Consumer
        from .streams.entries import plan
        from .streams.membership import Membership

        asked = plan(
            streams,
            group,
            name,
            start=start,
            count=count,
            block=block,
            min_idle=min_idle,
            claim_interval=claim_interval,
            max_deliveries=max_deliveries,
            dead_letter=dead_letter,
        )
        commands, safe = self._view(False, self._timeout, self._replay), self._view(False, self._timeout, True)
        membership = Membership(cast("Redis[bytes]", commands), cast("Redis[bytes]", safe), asked)
        return Consumer(self._core, membership, self._text)

    def monitor(self) -> AsyncGenerator[MonitorLine[S]]:
        """Iterate over all commands that the server runs: ``async for line in r.monitor(): print(line.words)``.

        For debugging: it costs the server a good part of its speed. It has a connection of its own until the iterator is
        left or closed, and ends when the client is closed. The PINGs by which a silent connection is checked show up.

        Raises:
            NoPermission: the user may not.
            PoolTimeout: ``max_leased`` connections were in use, for as long as a command of this client may take.
            Overloaded: lines came faster than they were taken, and too many waited.
            OutcomeUnknown: the connection was lost.
        """
        from .monitoring import monitored

        return monitored(cast("Core", self._core), self._text, self._timeout)

    def dedicated(self) -> Dedicated[S]:
        """Lease a connection of one's own: ``async with r.dedicated() as c: await c.watch("balance")``.

        It has all commands, those too that change a connection's state. Its holder has it alone until the block ends; it
        counts towards ``max_leased``. Beyond them it waits, as long as a command of this client may take.
        """
        core = cast("Core", self._core)
        limit = self._timeout
        return Dedicated(core, self._owner, self._text, limit, self._replay, self._prefix, wait=limit)

    async def watch_transaction(
        self,
        keys: Key | Many[Key],
        body: Callable[[Dedicated[S], Transaction[S]], Awaitable[T]],
        *,
        attempts: int = ATTEMPTS,
        backoff: float = BACKOFF,
    ) -> T:
        """Run a transaction that depends on what it reads, anew whenever a key has changed in between.

        The keys are watched on a connection of its own. The body awaits what it reads there, queues the transaction
        and returns what it likes; what it queued has its results when this returns. Where it queues nothing, nothing
        runs. What it raises is raised, and nothing has run.

        Example:
            >>> async def deposit(c, tx):
            ...     balance = int(await c.get("balance") or 0)
            ...     return tx.set("balance", balance + 10, get=True)
            >>> before = (await r.watch_transaction(["balance"], deposit)).result()

        Args:
            keys: a key, or several.
            body: reads on the connection, and queues on the transaction. It may run several times.
            attempts: how often to try at most.
            backoff: seconds that the first pause between two attempts stays below; it doubles, up to 0.25, at random.

        Returns:
            What the body returned in the attempt that succeeded.

        Raises:
            WatchConflict: a watched key changed in each attempt; nothing ran.
            RedisError: the first error of a command.
        """
        async with self.dedicated() as c:
            return await c.watch_transaction(keys, body, attempts=attempts, backoff=backoff)

    # Subscriptions.

    @overload
    def subscribe(
        self,
        *channels: Key,
        patterns: Many[Key] = (),
        shards: Many[Key] = (),
        buffer: int = 1000,
        overflow: Overflow = "drop_oldest",
        gaps: Literal["ignore", "raise"] = "ignore",
        on_gap: Callable[[Gap], object] | None = None,
    ) -> Subscription[S]: ...
    @overload
    def subscribe(
        self,
        *channels: Key,
        patterns: Many[Key] = (),
        shards: Many[Key] = (),
        buffer: int = 1000,
        overflow: Overflow = "drop_oldest",
        gaps: Literal["yield"],
        on_gap: Callable[[Gap], object] | None = None,
    ) -> GapSubscription[S]: ...
    def subscribe(
        self,
        *channels: Key,
        patterns: Many[Key] = (),
        shards: Many[Key] = (),
        buffer: int = 1000,
        overflow: Overflow = "drop_oldest",
        gaps: Gaps = "ignore",
        on_gap: Callable[[Gap], object] | None = None,
    ) -> Subscription[S] | GapSubscription[S]:
        """Subscribe: ``async with r.subscribe("news", patterns=["x.*"]) as sub: async for message in sub: ...``.

        All subscriptions of a client share one connection of their own. When it is lost it is made again, and each of
        them has a gap: the server keeps no messages for who is not there. Names carry no key prefix.

        Args:
            channels: channels.
            patterns: glob-style patterns of channels; see ``keyspace`` and ``keyevent`` for those of events of keys.
            shards: shard channels.
            buffer: how many messages may wait to be read.
            overflow: what is done with more: ``"drop_oldest"``, ``"drop_newest"``, ``"wait"`` (nothing more is read from
                the connection, so all subscriptions of the client wait, and a server that cannot get rid of messages
                closes it; by what one read brought there may be more in the buffer), or ``"close"``: after what waits,
                ``Overloaded`` ends the subscription.
            gaps: what the iteration does where messages may have been lost: ``"ignore"``, ``"raise"`` a
                ``ConnectionLost`` or ``Overloaded`` (it can go on after that), or ``"yield"`` a ``Gap``.
            on_gap: is called with each ``Gap``, may be async. At that moment everything is subscribed again.

        Raises:
            UsageError: an option is out of its limits, or a name cannot be sent.
        """
        from .pubsub import GapSubscription, Subscription, names_of

        core, names = cast("Core", self._core), names_of(channels, patterns, shards)
        kind = cast("type[Subscription[S]]", GapSubscription if gaps == "yield" else Subscription)
        return kind(
            core,
            self._owner,
            names,
            text=self._text,
            timeout=self._timeout,
            buffer=buffer,
            overflow=overflow,
            gaps=gaps,
            on_gap=on_gap,
        )
