"""Replies of the JSON commands: for a JSONPath a list of one value a match, for a legacy path the first match's value.

The methods always send a path, as the server's default for it differs between the protocols. Where a legacy path's value
is wrapped in a list (RESP3, some commands), it is taken out; numbers that come as JSON text (RESP2) are read.
"""

from __future__ import annotations

from typing import Any

from redpoll.errors import DecodeFailed, RedisError
from redpoll.types import Loads

from .basic import flag, to_str


def json_value(reply: Any, *, loads: Loads | None = None) -> Any:
    """One JSON text, as a value; None for nil, and for JSON's own null as well.

    Raises:
        DecodeFailed: ``loads`` was given and failed.
    """
    if reply is None:
        return None
    if loads is None:
        from json import loads as standard

        return standard(reply)
    try:
        return loads(reply)
    except RedisError:
        raise
    except Exception as error:
        kind = type(error).__name__
    # Raised out here as the function's own error may quote the document.
    raise DecodeFailed(f"loads failed with {kind}")


def json_values(reply: Any, *, loads: Loads | None = None) -> list[Any]:
    """Several JSON texts, as values; None for nil, and for JSON's own null as well."""
    return [json_value(item, loads=loads) for item in reply or ()]


def json_lengths(reply: Any) -> list[int | None]:
    """Integers, None for what is of another type."""
    return [None if item is None else int(item) for item in reply or ()]


def json_length(reply: Any) -> int | None:
    """The integer of a legacy path; None where nothing matches."""
    value = _first(reply)
    return None if value is None else int(value)


def json_numbers(reply: Any) -> list[int | float | None]:
    """Numbers, None for what is no number: a list, or its JSON text."""
    found = json_value(reply) if isinstance(reply, str | bytes) else reply
    return [_number(item) for item in found or ()]


def json_number(reply: Any) -> int | float | None:
    """The number of a legacy path: in a list, or as JSON text."""
    return _number(_first(reply))


def json_flags(reply: Any) -> list[bool | None]:
    """Booleans, None for what is none."""
    return [None if item is None else _flag(item) for item in reply or ()]


def json_flag(reply: Any) -> bool | None:
    """The boolean of a legacy path: 0 or 1, a boolean, or its JSON text."""
    value = _first(reply)
    return None if value is None else _flag(value)


def json_types(reply: Any) -> list[str]:
    """Names of types; RESP3 has them in a list for each path. None of a missing key."""
    found: list[str] = []
    for item in reply or ():
        kind = item.__class__
        names: list[Any] = item if kind is list else [item]
        found += [to_str(name) for name in names if name is not None]
    return found


def json_type(reply: Any) -> str | None:
    """The name of the type that a legacy path finds; None where there is nothing."""
    value = _first(reply)
    return None if value is None else to_str(value)


def _first(reply: Any) -> Any:
    """Return what a list, or a list in a list, holds first; anything else as it is."""
    value = reply
    while value.__class__ is list:
        value = value[0] if value else None
    return value


def _number(value: Any) -> int | float | None:
    number = json_value(value) if isinstance(value, str | bytes) else value
    if number is None or isinstance(number, int | float):
        return number
    raise ValueError(f"a number was expected, not {type(number).__name__}")


def _flag(value: Any) -> bool:
    return flag(json_value(value) if isinstance(value, str | bytes) else value)
