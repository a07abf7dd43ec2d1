"""The types that commands take. Nothing here runs on the way to a server."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol, TypeAlias

from typing_extensions import TypeVar

S = TypeVar("S", bound="str | bytes", covariant=True, default=str)
"""What the server's strings become: ``str`` on a client that decodes replies (the default), else ``bytes``."""

Text: TypeAlias = Any
"""``S`` where no class binds it: inside the constants that generated methods pass on."""

Key: TypeAlias = str | bytes | bytearray | memoryview
"""A key."""

Pattern: TypeAlias = str | bytes | bytearray | memoryview
"""A glob-style pattern of keys or channels."""

Value: TypeAlias = str | bytes | bytearray | memoryview | int | float | enum.Enum
"""A value, field or member. ``None``, ``bool``, ``Decimal``, ``UUID`` and ``datetime`` are refused at run time."""

Arg: TypeAlias = Value
"""One word of a command on its way to the server."""

Seconds: TypeAlias = int | dt.timedelta
"""A whole number of seconds, or a timedelta."""

Milliseconds: TypeAlias = int | dt.timedelta
"""A whole number of milliseconds, or a timedelta."""

UnixSeconds: TypeAlias = int | dt.datetime
"""A moment: seconds since 1970, or a datetime (a naive one is local time, as everywhere in Python)."""

UnixMilliseconds: TypeAlias = int | dt.datetime
"""A moment: milliseconds since 1970, or a datetime."""

Timestamp: TypeAlias = int | dt.datetime | str
"""A time series' moment: milliseconds since 1970, a datetime, or a word: ``"*"`` is now, ``"-"`` and ``"+"`` the ends."""

Aggregator: TypeAlias = Literal[
    "avg", "sum", "min", "max", "range", "count", "first", "last", "std.p", "std.s", "var.p", "var.s", "twa",
    "countnan", "countall",
]  # fmt: skip
"""What becomes of the samples of one time bucket, or of one timestamp in several series."""

DocumentPath: TypeAlias = str | bytes
"""A path in a JSON document: a JSONPath, which begins with ``$``, or a legacy path such as ``"."`` and ``".a[0]"``."""

Dumps: TypeAlias = Callable[[Any], str | bytes]
"""Turns a value into JSON text, as ``json.dumps`` does."""

Loads: TypeAlias = Callable[[Any], Any]
"""Turns JSON text, ``str`` or ``bytes`` as the client reads it, into a value, as ``json.loads`` does."""

ScoreBound: TypeAlias = float | str
"""A score, ``"(1.5"`` for an exclusive one, ``"-inf"`` or ``"+inf"``."""

Unit: TypeAlias = Literal["M", "KM", "FT", "MI", "m", "km", "ft", "mi"]
"""A unit of length: metres, kilometres, feet or miles."""

K_co = TypeVar("K_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class Pairs(Protocol[K_co, V_co]):
    """A mapping, taken covariantly: ``dict[str, int]`` fits where ``Pairs[Value, Value]`` is asked."""

    def items(self) -> Iterable[tuple[K_co, V_co]]:
        """Return the pairs."""
        ...

    def __len__(self) -> int: ...


class Many(Protocol[T_co]):
    """A list, tuple, set, deque … of ``T``; one ``str`` or ``bytes`` does not fit, nor does a generator."""

    def __contains__(self, value: object, /) -> bool: ...

    def __iter__(self) -> Iterator[T_co]: ...

    def __len__(self) -> int: ...
