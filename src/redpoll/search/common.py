"""What the builders of search commands share: lists with their counts, sort keys, parameters, and the errors for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from redpoll.arguments import empty, no_collection, no_mapping, no_tuple, not_a_collection, not_a_mapping, refused
from redpoll.types import Arg, Many, Pairs, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Direction:
    """A key to sort by, and in which direction: ``Asc`` or ``Desc``.

    Attributes:
        field: the field.
    """

    field: Value


class Asc(Direction):
    """A key to sort by, the smallest first."""

    __slots__ = ()


class Desc(Direction):
    """A key to sort by, the largest first."""

    __slots__ = ()


SortKey: TypeAlias = Value | Direction
"""A field to sort by: as it is (ascending), or in ``Asc`` or ``Desc``."""

Named: TypeAlias = Value | tuple[Value, Value]
"""A field or JSONPath; with another name for the result, a tuple of both."""


def listed(values: object) -> list[Any]:
    """Return the values of a collection, or a list of the single value that was given."""
    return [values] if no_collection(values) else list(cast("Many[Any]", values))


def some(command: str, name: str, values: Many[T]) -> list[T]:
    """Return the values of a collection.

    Raises:
        UsageError: it is none, or empty.
    """
    if no_collection(values):
        raise not_a_collection(command, name)
    if not values:
        raise empty(command, name)
    return list(values)


def counted(token: str, words: Iterable[Arg]) -> list[Arg]:
    """Return a token, how many words follow, and these."""
    inner = list(words)
    return [token, len(inner), *inner]


def naming(command: str, name: str, fields: Many[Named]) -> list[Arg]:
    """Return the words of fields, each with ``AS`` and its other name where it has one.

    Raises:
        UsageError: no field, or a tuple that is not a field and a name.
    """
    words: list[Arg] = []
    for each in some(command, name, fields):
        if not isinstance(each, tuple | list):
            words.append(each)
        elif no_tuple(each, 2):
            raise refused(command, f"{name}: a field with another name is a tuple of both")
        else:
            words += (each[0], "AS", each[1])
    return words


def sorting(key: SortKey) -> tuple[Arg, ...]:
    """Return the words of a sort key."""
    if isinstance(key, Direction):
        return (key.field, "DESC" if isinstance(key, Desc) else "ASC")
    return (key,)


def limiting(command: str, limit: tuple[int, int] | None) -> tuple[Arg, ...]:
    """Return the words of a page: how many to leave out, and how many to take.

    Raises:
        UsageError: anything but two whole numbers from 0.
    """
    if limit is None:
        return ()
    if no_tuple(limit, 2):
        raise refused(command, "limit must be a tuple of an offset and a number")
    for name, value in zip(("offset", "num"), limit, strict=True):
        whole(command, f"limit: {name}", value)
    return ("LIMIT", *limit)


def whole(command: str, name: str, value: int, least: int = 0) -> None:
    """Check that a value is a whole number.

    Raises:
        UsageError: it is none, or below ``least``.
    """
    if value.__class__ is bool or not hasattr(value, "__index__") or value < least:
        raise refused(command, f"{name} must be a whole number from {least}")


def parameters(command: str, params: Pairs[str, Value] | None) -> list[Arg]:
    """Return the words of a query's parameters.

    Raises:
        UsageError: no mapping, or an empty one.
    """
    if params is None:
        return []
    if no_mapping(params):
        raise not_a_mapping(command, "params")
    if not len(params):
        raise empty(command, "params")
    return counted("PARAMS", [word for pair in params.items() for word in pair])


def options(*pairs: tuple[str, Value | None]) -> list[Arg]:
    """Return the tokens and values of the options that were given."""
    return [word for token, value in pairs if value is not None for word in (token, value)]


def flags(*pairs: tuple[str, bool]) -> list[Arg]:
    """Return the tokens that were chosen."""
    return [token for token, chosen in pairs if chosen]


def no_number(value: object) -> bool:
    """Tell whether a value is no number, which could not be compared."""
    return not isinstance(value, int | float)


def only(command: str, name: str, value: object, *kinds: type[object]) -> None:
    """Check that a value is of one of some classes.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise refused(command, f"{name} must be a {wanted}, not {type(value).__name__}")
