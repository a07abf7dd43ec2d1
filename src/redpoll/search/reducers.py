"""What a ``GroupBy`` makes of a group's rows: ``GroupBy("@country", reducers.count(as_="visits"))``.

Fields are named with their ``@``. ``as_`` names the result; without it the server makes a name of the function and field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from redpoll.arguments import no_collection, not_a_collection, refused
from redpoll.types import Arg, Many, Value

from .common import SortKey, counted, flags, limiting, listed, no_number, some, sorting

_COMMAND: Final = "FT.AGGREGATE"
"""Whose error it is that a reducer cannot be made."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """A function over a group's rows; the functions of this module make the known ones.

    Attributes:
        function: its name, ``"COUNT"`` …
        args: its arguments.
        as_: what the result is called.
    """

    function: str
    args: tuple[Value, ...] = ()
    as_: Value | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the reducer's words.

        Raises:
            UsageError: its arguments are no collection.
        """
        if no_collection(self.args):
            raise not_a_collection(command, f"{self.function}: args")
        return ["REDUCE", *counted(self.function, self.args), *(("AS", self.as_) if self.as_ is not None else ())]


def keys(command: str, name: str, given: SortKey | Many[SortKey]) -> list[Arg]:
    """Return the words of one sort key or several.

    Raises:
        UsageError: none.
    """
    return [word for key in some(command, name, listed(given)) for word in sorting(key)]


def count(*, as_: Value | None = None) -> Reducer:
    """The number of rows."""
    return Reducer("COUNT", (), as_)


def count_distinct(field: Value, *, as_: Value | None = None) -> Reducer:
    """The number of different values."""
    return Reducer("COUNT_DISTINCT", (field,), as_)


def count_distinctish(field: Value, *, as_: Value | None = None) -> Reducer:
    """The number of different values, to about 3%, in little memory."""
    return Reducer("COUNT_DISTINCTISH", (field,), as_)


def sum(field: Value, *, as_: Value | None = None) -> Reducer:
    """The sum of the numbers."""
    return Reducer("SUM", (field,), as_)


def min(field: Value, *, as_: Value | None = None) -> Reducer:
    """The least value."""
    return Reducer("MIN", (field,), as_)


def max(field: Value, *, as_: Value | None = None) -> Reducer:
    """The largest value."""
    return Reducer("MAX", (field,), as_)


def avg(field: Value, *, as_: Value | None = None) -> Reducer:
    """The mean of the numbers."""
    return Reducer("AVG", (field,), as_)


def stddev(field: Value, *, as_: Value | None = None) -> Reducer:
    """The standard deviation of the numbers."""
    return Reducer("STDDEV", (field,), as_)


def quantile(field: Value, quantile: float, *, as_: Value | None = None) -> Reducer:
    """The value below which a share of the values lies: 0.5 for the median.

    Raises:
        UsageError: a share that is not from 0 to 1.
    """
    if no_number(quantile) or not 0 <= quantile <= 1:
        raise refused(_COMMAND, "quantile must be from 0 to 1")
    return Reducer("QUANTILE", (field, quantile), as_)


def tolist(field: Value, *, as_: Value | None = None) -> Reducer:
    """All different values, as a list."""
    return Reducer("TOLIST", (field,), as_)


def first_value(field: Value, by: SortKey | None = None, *, as_: Value | None = None) -> Reducer:
    """The value of the first row, in the order of another field where that is given."""
    return Reducer("FIRST_VALUE", (field,) if by is None else (field, "BY", *sorting(by)), as_)


def random_sample(field: Value, size: int, *, as_: Value | None = None) -> Reducer:
    """Some of the values, as a list, at most ``size``."""
    return Reducer("RANDOM_SAMPLE", (field, size), as_)


def collect(
    fields: Many[Value] | None = None,
    *,
    sortby: SortKey | Many[SortKey] | None = None,
    limit: tuple[int, int] | None = None,
    distinct: bool = False,
    as_: Value | None = None,
) -> Reducer:
    """The rows themselves, as a list (Redis 8.8, where unstable features are enabled).

    Args:
        fields: what of each row; all by default.
        sortby: in which order.
        limit: how many to leave out, and how many to take.
        distinct: no row twice.
        as_: what the result is called.

    Raises:
        UsageError: no field, no sort key, or a limit that cannot be right.
    """
    words: list[Arg] = ["FIELDS", "*"]
    if fields is not None:
        words = counted("FIELDS", some(_COMMAND, "collect: fields", fields))
    if sortby is not None:
        words += counted("SORTBY", keys(_COMMAND, "collect: sortby", sortby))
    words += (*limiting(_COMMAND, limit), *flags(("DISTINCT", distinct)))
    return Reducer("COLLECT", tuple(words), as_)
