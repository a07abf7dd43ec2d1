"""From a command's words to the bytes on the wire.

Every word goes out as a RESP bulk string with its length in front, so no content of a word can end it or begin another.
Almost every call has only plain str, bytes and int words; these are packed as they are. Anything else takes the slow
path, which turns it into a plain word or refuses it: what hiredis would pack wrongly (a memoryview with a stride), what
no server value can mean (NaN, None, bool), and types whose text form is a guess (Decimal, UUID, datetime).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, cast

import hiredis

from redpoll.errors import UsageError
from redpoll.types import Arg

# Its stub names neither a tuple of more than one word nor a result.
_pack = cast("Callable[[tuple[Arg, ...]], bytes]", hiredis.pack_command)  # pyright: ignore[reportUnknownMemberType]
_LARGE: Final = 256 << 10  # bytes of a word
_WIDE: Final = 1 << 64
_WIDEST: Final = 4096  # bits; from some 14,000 on the packer does not fail but crashes the process
_BUFFERS: Final = (bytes, bytearray, memoryview)
_WHY: Final = {
    "NoneType": "None has no value on the server",
    "bool": "write 1 or 0, or the text meant",
    "Decimal": "write str(value)",
    "UUID": "write str(value) or value.bytes",
    "datetime": "write value.timestamp() or value.isoformat()",
    "date": "write value.isoformat()",
    "timedelta": "write value.total_seconds()",
    "float": "NaN is no value",
}


def encode(name: str, words: tuple[Arg, ...]) -> bytes:
    """Return one command as RESP.

    Args:
        name: the command's name, for errors.
        words: the command's words, its name first.

    Raises:
        UsageError: a word is of a type that has no plain meaning as a value, NaN, or text that UTF-8 cannot encode.
    """
    pack = _pack
    word: Any
    for word in words:
        kind = word.__class__
        if kind is str or (kind is bytes and len(word) < _LARGE) or (kind is int and -_WIDE < word < _WIDE):
            continue
        words = plain(name, words)
        if any(isinstance(word, bytes) and len(word) >= _LARGE for word in words):
            pack = _join
        break
    try:
        packed = pack(words)
    except (UnicodeEncodeError, ValueError, TypeError, OverflowError):
        packed = b""
    # Raised out here as the packer's own error would carry the argument.
    if not packed or not words:
        _refuse_unpackable(name, words)
    return packed


def _join(words: Sequence[Any]) -> bytes:
    # The packer copies a large word twice, growing its buffer on the way; this copies once, in a third of the time.
    parts: list[bytes] = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if word.__class__ is bytes else word.encode() if word.__class__ is str else repr(word).encode()
        parts += (b"$%d\r\n" % len(data), data, b"\r\n")
    return b"".join(parts)


def plain(name: str, words: Sequence[Any]) -> tuple[str | bytes | int | float, ...]:
    """Return the words as plain str, bytes, int and float.

    Raises:
        UsageError: a word has no plain meaning as a value.
    """
    return tuple([_plain(name, at, word) for at, word in enumerate(words)])


def _plain(name: str, at: int, word: Any) -> str | bytes | int | float:
    while isinstance(word, enum.Enum):
        word = word.value
    if isinstance(word, bool):
        _refuse(name, at, word)
    if isinstance(word, str):
        # Not str(word): a subclass may say something else there than what it is.
        return word if word.__class__ is str else str.__str__(word)
    if isinstance(word, _BUFFERS):
        return bytes(cast("bytes", word))
    if isinstance(word, int):
        if word.bit_length() > _WIDEST:
            message = f"argument {at} is an int of {word.bit_length()} bits, above {_WIDEST}; write it as text"
            raise UsageError(message, command=name)
        return int.__int__(word)
    if isinstance(word, float):
        number = float.__float__(word)
        if number != number:
            _refuse(name, at, word)
        return number
    return _refuse(name, at, word)


def _refuse(name: str, at: int, word: object) -> NoReturn:
    kind = "NaN" if isinstance(word, float) else type(word).__name__
    hint = next((_WHY[c.__name__] for c in type(word).__mro__ if c.__name__ in _WHY), "")
    takes = hint or "a value is str, bytes, bytearray, memoryview, int, float or an Enum of these"
    raise UsageError(f"argument {at} is {kind}: {takes}", command=name)


def _refuse_unpackable(name: str, words: Sequence[Any]) -> NoReturn:
    if not words:
        raise UsageError("a command needs at least its name", command=name or None)
    for at, word in enumerate(words):
        if isinstance(word, str) and any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(f"argument {at} is text with a lone surrogate, which UTF-8 cannot encode", command=name)
    raise UsageError("the command could not be packed", command=name)
