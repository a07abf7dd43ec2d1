"""What each option of a client may be: one check an option, named in every refusal.

A check gets the option's name and value, and gives the value as ``Settings`` keeps it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, cast

from .credentials import read
from .errors import UsageError
from .keepalive import Keepalive
from .reconnect import Reconnect
from .tls import TLS, Contexts

_DAY: Final = 86_400  # seconds
_LONGEST: Final = 1e9  # seconds: more is no number that a timer takes


def timeout(name: str, value: object) -> float:
    """Check a number of seconds above 0.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise UsageError(f"option {name!r} must be a number of seconds above 0, up to 1e9, not {shown(value)}")
    return float(value)


def shown(value: object) -> str:
    """Return a value as errors show it: numbers as they are, of anything else the type."""
    small = value is None or isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64)
    return repr(value) if small else f"a {type(value).__name__}"


def text(name: str, value: object) -> str:
    """Check a name or a path."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"option {name!r} must be a non-empty str without NUL")
    return value


def whole(name: str, value: object, least: int, most: int) -> int:
    """Check a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"option {name!r} must be a whole number from {least} to {most}, not {shown(value)}")
    return value


def between(least: int, most: int) -> Callable[[str, object], int]:
    """Return the check for a whole number in limits."""
    return lambda name, value: whole(name, value, least, most)


def secret(name: str, value: object) -> str | None:
    """Check a user or a password."""
    if value is not None and not isinstance(value, str):
        raise UsageError(f"option {name!r} must be a str or None")
    if value is not None:
        encodable(name, value)
    return value


def encodable(name: str, value: str) -> None:
    """Check that UTF-8 can encode a text."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageError(f"option {name!r} must be text that UTF-8 can encode")


def protocol(name: str, value: object) -> Literal[2, 3]:
    """Check the version of RESP."""
    if value == 2 or value == 3:
        return 3 if value == 3 else 2
    raise UsageError(f"option {name!r} must be 2 or 3, not {shown(value)}")


def client_name(name: str, value: object) -> str | None:
    """Check the name of the connections."""
    if value is None:
        return None
    if not isinstance(value, str) or not value or not all("!" <= character <= "~" for character in value):
        raise UsageError(f"option {name!r} must be printable ASCII without spaces, or None")
    return value


def key_prefix(name: str, value: object) -> str | bytes | None:
    """Check what stands before every key; an empty one is none."""
    if value is not None and not isinstance(value, str | bytes):
        raise UsageError(f"option {name!r} must be str, bytes or None, not {shown(value)}")
    if isinstance(value, str):
        encodable(name, value)
    return value or None


def is_number(value: object) -> bool:
    """Tell whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def optional_timeout(name: str, value: object) -> float | None:
    """Check a number of seconds above 0, or None."""
    return None if value is None else timeout(name, value)


def observer(name: str, value: object) -> Any:
    """Check an observer."""
    if value is not None and not (hasattr(value, "started") and hasattr(value, "finished")):
        raise UsageError(f"option {name!r} must have the methods started and finished, or be None")
    return value


def middleware(name: str, value: object) -> tuple[Any, ...]:
    """Check the middleware."""
    given = tuple(cast("tuple[Any, ...]", value)) if isinstance(value, list | tuple) else (None,)
    if not all(map(callable, given)):
        raise UsageError(f"option {name!r} must be a list or tuple of callables")
    return given


def one_of(*words: str) -> Callable[[str, object], str]:
    """Return the check for one of some words."""

    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise UsageError(f"option {name!r} must be {' or '.join(map(repr, words))}")
        return value

    return check


def reconnect(name: str, value: object) -> Reconnect | None:
    """Check when to dial again."""
    if isinstance(value, bool):
        return Reconnect() if value else None
    if not isinstance(value, Reconnect):
        raise UsageError(f"option {name!r} must be a Reconnect, True or False, not {shown(value)}")
    for part, seconds in (("initial", value.initial), ("max", value.max)):
        if not is_number(seconds) or not 0 <= seconds < math.inf:
            raise UsageError(f"option '{name}.{part}' must be a number of seconds, 0 or above, not {shown(seconds)}")
    if value.attempts is not None:
        whole(f"{name}.attempts", value.attempts, 0, 2**31 - 1)
    return value


def codes(name: str, value: object) -> Any:
    """Check error codes, or a function that judges an error."""
    if callable(value):
        return value
    codes: list[object] = [None]
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        codes = list(cast("Collection[object]", value))
    if not all(isinstance(code, str) and code for code in codes):
        raise UsageError(f"option {name!r} must be a collection of error codes such as 'READONLY', or a function")
    return frozenset(codes)


def function(name: str, value: object) -> Any:
    """Check a function, or None."""
    if value is not None and not callable(value):
        raise UsageError(f"option {name!r} must be a function or None, not {shown(value)}")
    return value


def keepalive(name: str, value: object) -> Keepalive | None:
    """Check when the kernel gives up a peer that is gone."""
    if isinstance(value, bool):
        return Keepalive() if value else None
    if not isinstance(value, Keepalive):
        raise UsageError(f"option {name!r} must be a Keepalive, True or False, not {shown(value)}")
    whole(f"{name}.idle", value.idle, 1, 32767)
    whole(f"{name}.interval", value.interval, 1, 32767)
    whole(f"{name}.count", value.count, 1, 127)
    if value.unacknowledged is not None and timeout(f"{name}.unacknowledged", value.unacknowledged) > _DAY:
        raise UsageError(f"option '{name}.unacknowledged' must be at most {_DAY} s")
    return value


def tls(name: str, value: object) -> Contexts | None:
    """Check how a connection is encrypted, reading the files that it names."""
    if value is None or value is False:
        return None
    if not isinstance(value, TLS) and value is not True:
        raise UsageError(f"option {name!r} must be a TLS, True, False or None, not {shown(value)}")
    return Contexts(TLS() if value is True else value)


def credentials(name: str, value: object) -> Any:
    """Check who gives user and password: something to call, to ask, or the two themselves."""
    if value is None or callable(value) or hasattr(value, "get_credentials") or hasattr(value, "get_credentials_async"):
        return value
    with contextlib.suppress(ValueError):
        return read(value)
    wanted = "user and password, a function that gives them, or an object with get_credentials"
    raise UsageError(f"option {name!r} must be {wanted}, not {shown(value)}")
