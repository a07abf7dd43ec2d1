"""What redpoll knows of a command at run time: one immutable ``Spec`` each, emitted by the generator.

A call is a ``Spec`` and its words (the command's name, then its arguments, in wire order). The spec says where the keys
stand among the words, whether the command blocks, whether it may run twice, whether its reply may be cached, how a
cluster routes it, and how its reply becomes the promised value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar, override

from .types import Arg

T = TypeVar("T")
R = TypeVar("R")

Decoder: TypeAlias = Callable[[Any], T]

RequestPolicy: TypeAlias = Literal["all_nodes", "all_shards", "multi_shard", "special"]
ResponsePolicy: TypeAlias = Literal[
    "one_succeeded",
    "all_succeeded",
    "agg_logical_and",
    "agg_logical_or",
    "agg_min",
    "agg_max",
    "agg_sum",
    "special",
]


KeyPatterns: TypeAlias = Literal["word", "match", "sort"]
"""Where patterns of keys stand: the second word, behind MATCH (missing: all keys), or behind SORT's BY and GET."""

KeyReplies: TypeAlias = Literal["each", "first", "map", "scan", "series"]
"""Which parts of a reply are keys: each element, the first one, a map's keys, each in what follows a cursor, or those in
the report on a time series."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys at ``first``, ``first + step`` … up to ``last``, inclusive.

    ``last`` below 0 counts from the last word (-1). ``share`` above 1 takes only the first 1/share of the words from
    ``first`` on (XREAD's keys are the first half of what follows STREAMS).
    """

    first: int
    last: int
    step: int = 1
    share: int = 1

    def positions(self, words: Sequence[Arg]) -> range:
        """Return the keys' indexes in ``words``."""
        last = self.last if self.last >= 0 else len(words) + self.last
        if self.share > 1:
            last = self.first + (last - self.first + 1) // self.share - 1
        return range(self.first, min(last, len(words) - 1) + 1, self.step)


@dataclass(frozen=True, slots=True)
class KeyCount:
    """``words[at]`` says how many keys there are; they stand at ``first``, then every ``step`` words."""

    at: int
    first: int
    step: int = 1

    def positions(self, words: Sequence[Arg]) -> range:
        """Return the keys' indexes in ``words``; none where the count is missing or not a number."""
        try:
            count = int(words[self.at])  # type: ignore[arg-type]  # a word that is no number raises, below
        except (IndexError, TypeError, ValueError):
            return range(0)
        stop = self.first + max(count, 0) * self.step
        return range(self.first, min(stop, len(words)), self.step)


@dataclass(frozen=True, slots=True)
class KeyAfter:
    """Keys that follow a token: ``span`` counts from the word behind it. ``start`` is where the search begins.

    A negative ``start`` searches backwards from that word, counted from the end.
    """

    token: str
    start: int
    span: KeyRange | KeyCount

    def positions(self, words: Sequence[Arg]) -> range:
        """Return the keys' indexes in ``words``; none where the token is missing."""
        step = 1 if self.start >= 0 else -1
        begin = self.start if self.start >= 0 else len(words) + self.start
        stop = len(words) if self.start >= 0 else 0
        for index in range(begin, stop, step):
            if token_of(words[index]) == self.token:
                found = self.span.positions(words[index + 1 :])
                return range(found.start + index + 1, found.stop + index + 1, found.step)
        return range(0)


Keys: TypeAlias = KeyRange | KeyCount | KeyAfter


@dataclass(frozen=True, slots=True)
class Block:
    """Where a blocking command says how long it may block.

    ``at`` is the word's index (negative: from the end), or the token before it (XREAD's ``"BLOCK"``: without the token
    the command does not block). ``unit`` is the number of seconds in one; 0 of it means for ever. The token is looked
    for from the word ``start`` on, and not behind the token ``until``: a key may be called BLOCK too.
    """

    at: int | str
    unit: float
    start: int = 1
    until: str | None = None

    def seconds(self, words: Sequence[Arg]) -> float | None:
        """Return how long the call may block, in seconds: 0.0 for ever or unknown, None where it does not block."""
        at = self._index(words)
        if at is None or at >= len(words) or -at > len(words):
            return None
        try:
            return float(words[at]) * self.unit  # type: ignore[arg-type]  # a word that is no number raises, below
        except (TypeError, ValueError):
            return 0.0  # the server reads more spellings of a number than Python does, and may well block

    def word(self, words: Sequence[Arg]) -> Arg | None:
        """Return the word that says how long the call may block; None where it does not block."""
        at = self._index(words)
        return None if at is None or not -len(words) <= at < len(words) else words[at]

    def with_seconds(self, words: Sequence[Arg], seconds: float) -> tuple[Arg, ...]:
        """Return the words of a call that blocks, with another block time: above 0, to the millisecond."""
        at = self._index(words)
        if at is None or not -len(words) <= at < len(words):
            return tuple(words)
        milliseconds = max(1, round(seconds * 1000))
        word = round(milliseconds / (self.unit * 1000), 3)
        changed = list(words)
        changed[at] = int(word) if word == int(word) else word
        return tuple(changed)

    def _index(self, words: Sequence[Arg]) -> int | None:
        if isinstance(self.at, int):
            return self.at
        for index in range(self.start, len(words)):
            token = token_of(words[index])
            if token == self.at:
                return index + 1
            if token == self.until:
                return None
        return None


def token_of(word: Arg) -> str:
    """Return a word as an upper-case token, or an empty string where it cannot be one."""
    if isinstance(word, bytes | bytearray | memoryview):
        word = bytes(word).decode("latin-1")
    return word.upper() if isinstance(word, str) else ""


ENDS_WHAT_BLOCKS: Final = frozenset(
    ("SCRIPT KILL", "FUNCTION KILL", "CLIENT KILL", "CLIENT UNBLOCK", "CLIENT UNPAUSE", "SHUTDOWN")
)
"""Commands that end what others wait for, so they must not queue up behind it."""


class Spec(Generic[T]):
    """The facts of one command and one shape of its reply.

    Attributes:
        name: the command as errors and telemetry name it: ``"HGET"``, ``"CLIENT LIST"``.
        keys: where the keys stand among the words.
        blocking: where the block time stands, for commands that may block; else None.
        replay: running it twice does no harm, so a call whose connection was lost is tried again.
        cacheable: the reply depends on nothing but the keys' values.
        dedicated: changes or consumes the state of its connection, so it never runs on a shared one.
        request_policy: how a cluster spreads it over nodes; None where its keys decide.
        response_policy: how the nodes' answers become one; None where it runs on one node.
        key_patterns: where patterns of keys stand among the words; None where there are none.
        key_replies: which parts of the reply are keys; None where there are none.
        special: must not simply go to the shared connection: it blocks, is ``dedicated``, or ends what blocks.
        text: False where the reply is read as bytes whatever the client decodes (DUMP).
        decode: turns the parsed reply into ``T``; None where it is one already.
    """

    __slots__ = (
        "blocking",
        "cacheable",
        "decode",
        "dedicated",
        "key_patterns",
        "key_replies",
        "keys",
        "name",
        "replay",
        "request_policy",
        "response_policy",
        "special",
        "text",
    )

    def __init__(
        self,
        name: str,
        decode: Decoder[T] | None = None,
        *,
        keys: tuple[Keys, ...] = (),
        blocking: Block | None = None,
        replay: bool = False,
        cacheable: bool = False,
        dedicated: bool = False,
        request_policy: RequestPolicy | None = None,
        response_policy: ResponsePolicy | None = None,
        key_patterns: KeyPatterns | None = None,
        key_replies: KeyReplies | None = None,
        text: bool = True,
    ) -> None:
        self.name: str = name
        self.decode: Decoder[T] | None = decode
        self.keys: tuple[Keys, ...] = keys
        self.blocking: Block | None = blocking
        self.replay: bool = replay
        self.cacheable: bool = cacheable
        self.dedicated: bool = dedicated
        self.request_policy: RequestPolicy | None = request_policy
        self.response_policy: ResponsePolicy | None = response_policy
        self.key_patterns: KeyPatterns | None = key_patterns
        self.key_replies: KeyReplies | None = key_replies
        self.text: bool = text
        self.special: bool = dedicated or blocking is not None or name in ENDS_WHAT_BLOCKS

    @override
    def __repr__(self) -> str:
        return f"Spec({self.name!r})"

    def with_decoder(self, decode: Decoder[R]) -> Spec[R]:
        """Return the same command with another decoder."""
        return Spec(
            self.name,
            decode,
            keys=self.keys,
            blocking=self.blocking,
            replay=self.replay,
            cacheable=self.cacheable,
            dedicated=self.dedicated,
            request_policy=self.request_policy,
            response_policy=self.response_policy,
            key_patterns=self.key_patterns,
            key_replies=self.key_replies,
            text=self.text,
        )

    def key_positions(self, words: Sequence[Arg]) -> Iterator[int]:
        """Yield the index in ``words`` of each key of this call."""
        for keys in self.keys:
            yield from keys.positions(words)


class Shapes(Generic[T]):
    """A command whose reply can only be read with the call's words at hand: one ``Spec`` a way to read it.

    Args:
        name: as in ``Spec``.
        decoder: takes the words of a call, and returns one of a few decoders.
        facts: the others of ``Spec``, for all of them.
    """

    __slots__ = ("_decoder", "_facts", "_made", "_name")

    def __init__(self, name: str, decoder: Callable[[Sequence[Arg]], Decoder[T]], **facts: Any) -> None:
        self._name = name
        self._decoder = decoder
        self._facts = facts
        self._made: dict[Decoder[T], Spec[T]] = {}

    def of(self, words: Sequence[Arg]) -> Spec[T]:
        """Return the spec for a call."""
        decode = self._decoder(words)
        spec = self._made.get(decode)
        if spec is None:
            spec = self._made[decode] = Spec(self._name, decode, **self._facts)
        return spec
