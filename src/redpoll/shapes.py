"""From a raw reply to the promised value, and what is said of a reply that is something else.

Only kinds and counts are told, never what a reply holds. The promise is looked up when it was broken: the generated
constants carry it as their annotation, so that it costs nothing before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sized
from itertools import islice
from typing import Any, Final, TypeVar, cast

from hiredis import ReplyError

from .errors import DecodeFailed, ProtocolViolation, RedisError
from .spec import Decoder, Spec

T = TypeVar("T")

_COMMANDS: Final = f"{__package__}.commands."
_PROMISE: Final = re.compile(r"Final\[Spec\[(.*)\]\]")
_ELEMENTS: Final = 100  # of a reply, that are looked at
_KINDS: Final = 4  # of elements, that are named
_DEPTH: Final = 3
_TIMES: Final = "\u00d7"


def decoded(spec: Spec[T], reply: Any, address: str) -> T:
    """Return the value that a command's raw reply stands for.

    Raises:
        ProtocolViolation: the reply has another shape than the command's. The connection is in step.
        DecodeFailed: text in it is not UTF-8, or a function of the caller's could not read it.
    """
    decode = spec.decode
    if decode is None:
        value: T = reply
        return value
    try:
        return decode(reply)
    except RedisError as error:
        error.command, error.address = error.command or spec.name, error.address or address
        raise
    except Exception as error:
        is_text = not isinstance(error, UnicodeDecodeError)
    # Raised out here as the decoder's own error may quote the reply.
    if not is_text:
        raise DecodeFailed("the reply holds text that is not UTF-8", command=spec.name, address=address)
    message = f"the reply has an unexpected shape: expected {promised(spec)}, came {shape(reply)}"
    raise ProtocolViolation(message, outcome="ran", command=spec.name, address=address)


def promised(spec: Spec[Any]) -> str:
    """Return the type of the value that a command promises, as its method's annotation says it."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith(_COMMANDS):
            for constant, value in vars(module).items():
                if value is spec and (said := _PROMISE.fullmatch(str(module.__annotations__.get(constant)))):
                    return said[1].replace("Text", "str | bytes")
    return _result_of(spec.decode)


def _result_of(decode: Decoder[Any] | None) -> str:
    said = getattr(decode, "__annotations__", {}).get("return")
    return str(said or getattr(decode, "__name__", "another one"))


def shape(reply: Any, depth: int = _DEPTH) -> str:
    """Return a reply's shape: the kinds of what it holds, and how many there are."""
    kind = "error" if isinstance(reply, ReplyError) else "None" if reply is None else type(reply).__name__
    if not isinstance(reply, list | tuple | set | dict):
        return kind
    items = cast("Iterable[Any]", reply.values() if isinstance(reply, dict) else reply)
    more = len(cast("Sized", reply)) - _ELEMENTS
    if depth == 0:
        return f"{kind}[…]"
    counts: dict[str, int] = {}
    for item in islice(items, _ELEMENTS):
        found = shape(item, depth - 1)
        counts[found] = counts.get(found, 0) + 1
    parts = [f"{found} {_TIMES} {count}" for found, count in islice(counts.items(), _KINDS)]
    if len(counts) > _KINDS or more > 0:
        parts.append(f"… of {more + _ELEMENTS}")
    return f"{kind}[{', '.join(parts)}]"
