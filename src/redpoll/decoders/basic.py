"""The small decoders and the combinators that most replies are described with.

A decoder takes a reply as the parser left it and returns the promised value: the same one whether the server spoke RESP2
or RESP3 and whether text was read as ``str`` or as ``bytes``. An unexpected shape raises; the client turns whatever is
raised into ``ProtocolViolation``. As text can be iterated like a list, ``listed`` says where a list is expected. In a
combinator, a part that is None is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from redpoll.errors import UsageError
from redpoll.spec import Decoder, Spec
from redpoll.types import Loads, Text

A = TypeVar("A")
K = TypeVar("K")
V = TypeVar("V")

_TEXTS: Final[frozenset[object]] = frozenset((str, bytes))


def identity(reply: Any) -> Any:
    """Return the reply as it is."""
    return reply


def ok(reply: Any) -> bool:
    """Return False for nil, True for any status ("OK", "Background saving started" …)."""
    if reply.__class__ in _TEXTS:
        return True
    if reply is None:
        return False
    raise TypeError(f"a status was expected, not {type(reply).__name__}")


def listed(reply: Any) -> list[Any]:
    """Return a list or set as it is, ``()``, which decoders put where nothing came, as a list; anything else raises."""
    if reply.__class__ is list:
        found: list[Any] = reply
        return found
    if reply == ():
        return []
    raise TypeError(f"a list was expected, not {type(reply).__name__}")


def flag(reply: Any) -> bool:
    """Return the bool for 0 or 1, or for RESP3's own booleans."""
    if reply == 1:
        return True
    if reply == 0:
        return False
    raise ValueError(f"0 or 1 was expected, not {type(reply).__name__}")


def migrated(reply: Any) -> bool:
    """MIGRATE: False where there was no key to move (``NOKEY``)."""
    return to_str(reply) != "NOKEY"


to_float: Final[Decoder[float]] = float
"""A RESP3 double, or its text: ``"1.5"``, ``b"-inf"``, ``"nan"``."""

to_int: Final[Decoder[int]] = int
"""An integer, or its text (SCAN's cursors, TIME)."""


def to_str(reply: Any) -> str:
    """Return server-made text as ``str`` on every client."""
    return reply if isinstance(reply, str) else str(reply, "utf-8")


def readable(reply: Any) -> str:
    r"""Return text that may hold anything (arguments in logs) as ``str``; what is not UTF-8 becomes ``\xNN``."""
    return reply if isinstance(reply, str) else str(reply, "utf-8", "backslashreplace")


def opt(inner: Decoder[A]) -> Decoder[A | None]:
    """Return a decoder that keeps nil as None."""

    def decode(reply: Any) -> A | None:
        return None if reply is None else inner(reply)

    return decode


def list_of(inner: Decoder[A] | None) -> Decoder[list[A]]:
    """Return a decoder of a list whose elements ``inner`` decodes."""
    if inner is None:
        return listed
    element = inner

    def decode(reply: Any) -> list[A]:
        return [element(item) for item in listed(reply)]

    return decode


def set_of(inner: Decoder[A] | None) -> Decoder[set[A]]:
    """Return a decoder of a RESP3 set, or of a list, whose elements ``inner`` decodes."""
    if inner is None:
        return _as_set
    element = inner

    def decode(reply: Any) -> set[A]:
        return {element(item) for item in listed(reply)}

    return decode


def _as_set(reply: Any) -> set[Any]:
    return set(listed(reply))


def as_map(reply: Any) -> dict[Text, Text]:
    """Return a RESP3 map, or the flat list of keys and values that RESP2 has in its place, as a dict."""
    kind = reply.__class__
    if kind is dict:
        table: dict[Text, Text] = reply
        return table
    flat = iter(listed(reply))
    return dict(zip(flat, flat, strict=True))


def map_of(key: Decoder[K] | None, value: Decoder[V] | None) -> Decoder[dict[K, V]]:
    """Return a decoder of a map, from either protocol."""
    if key is None and value is None:
        return as_map
    to_key: Decoder[K] = key or identity
    to_value: Decoder[V] = value or identity

    def decode(reply: Any) -> dict[K, V]:
        return {to_key(k): to_value(v) for k, v in as_map(reply).items()}

    return decode


def twos(reply: Any) -> Iterable[Any]:
    """Return an iterable of pairs from a list of pairs, from a flat list, or from a map."""
    kind = reply.__class__
    if kind is dict:
        table: dict[Any, Any] = reply
        return table.items()
    pairs = listed(reply)
    if pairs and isinstance(pairs[0], list):
        return pairs
    flat = iter(pairs)
    return zip(flat, flat, strict=True)


def pairs_of(first: Decoder[K] | None, second: Decoder[V] | None) -> Decoder[list[tuple[K, V]]]:
    """Return a decoder of pairs, from nested lists (RESP3) or a flat one (RESP2)."""
    to_first: Decoder[K] = first or identity
    to_second: Decoder[V] = second or identity

    def decode(reply: Any) -> list[tuple[K, V]]:
        return [(to_first(a), to_second(b)) for a, b in twos(reply)]

    def plain(reply: Any) -> list[tuple[K, V]]:
        return [(a, b) for a, b in twos(reply)]

    return plain if first is None and second is None else decode


def tuple_of(*parts: Decoder[Any] | None) -> Decoder[Any]:
    """Return a decoder of a list of ``len(parts)`` values, each with its own decoder, as a tuple."""
    decoders = tuple(part or identity for part in parts)
    plain = all(part is None for part in parts)

    def decode(reply: Any) -> tuple[Any, ...]:
        if len(listed(reply)) != len(decoders):
            raise ValueError(f"{len(decoders)} values were expected, not {len(reply)}")
        if plain:
            return tuple(reply)
        return tuple([part(item) for part, item in zip(decoders, reply, strict=True)])

    return decode


def record_fields(reply: Any) -> dict[str, Any]:
    """Return a map, from either protocol, with its keys as ``str``: the names of a record's fields."""
    return {key if isinstance(key, str) else to_str(key): value for key, value in as_map(reply).items()}


def extra_fields(left: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a record does not name, with their text as ``str``."""
    return {key: _plain(value) for key, value in left.items()} if left else left


def _plain(value: Any) -> Any:
    kind = value.__class__
    if kind is bytes:
        return readable(value)
    if kind is list:
        return [_plain(item) for item in value]
    if kind is dict:
        table: dict[Any, Any] = value
        return {_plain(key): _plain(item) for key, item in table.items()}
    return value


def strings(reply: Any) -> list[str]:
    """Return a list, or a set, of server-made words, in the server's order."""
    return [to_str(item) for item in listed(reply)]


def through(spec: Spec[A], loads: Loads | None) -> Spec[A]:
    """Return a spec whose decoder, which takes ``loads``, turns JSON text into values by it.

    Raises:
        UsageError: ``loads`` is no function.
    """
    if loads is None:
        return spec
    if not callable(loads):
        raise UsageError("loads must be a function", command=spec.name)
    try:
        return _through(spec, loads)
    except TypeError:  # what cannot be hashed cannot be remembered
        return _through.__wrapped__(spec, loads)


@lru_cache(maxsize=64)
def _through(spec: Spec[A], loads: Loads) -> Spec[A]:
    decode: Any = spec.decode
    return spec.with_decoder(partial(decode, loads=loads))
