"""Which server has which command: ``supports``, by the facts that the methods are generated from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, overload

from .errors import UsageError

if TYPE_CHECKING:
    from .records.server import HelloInfo, ServerInfo

Provider: TypeAlias = Literal["redis", "valkey"]
"""Whose server it is."""

Version: TypeAlias = str | tuple[int, ...]
"""A version: ``"8.2.3"``, ``"8.2"`` or ``(8, 2, 3)``."""

_PROVIDERS: Final = ("redis", "valkey")  # in the order of the table's columns
_VERSION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9}){0,3})(?:-.*)?")
_NEAR: Final = 3  # names that an error tells


@overload
def supports(command: str, version: Version, *, argument: str | None = None, server: Provider = "redis") -> bool: ...
@overload
def supports(command: str, version: ServerInfo | HelloInfo, *, argument: str | None = None) -> bool: ...
def supports(
    command: str,
    version: Version | ServerInfo | HelloInfo,
    *,
    argument: str | None = None,
    server: Provider | None = None,
) -> bool:
    """Tell whether a server's version has a command: ``supports("HGETEX", "8.0.0")``.

    It looks the version up and asks no server: rights, renamed commands and the mode (Sentinel, Cluster) do not count.
    Commands of Redis' modules (``ReJSON``, ``search``, ``timeseries``, ``bf``) depend on the module's own version, which
    only the record of INFO or HELLO tells.

    Args:
        command: a command or subcommand, in any case: ``"HGETEX"``, ``"client list"``.
        version: the server's version; or what the server told, ``await r.info()`` or HELLO's answer.
        argument: a word of the command's options that it must have too: ``supports("SET", "8.4", argument="IFEQ")``.
        server: whose version it is, Redis' by default; a record tells that itself.

    Raises:
        UsageError: an unknown command or option (the message names near ones), what is no version, or a command of a
            module where the modules are not known.
    """
    from .commands.since import SINCE  # lazily: few programs ask

    name = " ".join(command.upper().replace("|", " ").split())
    if name not in SINCE:
        raise UsageError(f"there is no command {_shown(name)}{_near(name, SINCE)}")
    redis, valkey, module, words, newer = SINCE[name]
    since = redis, valkey
    if argument is not None:
        known = dict.fromkeys(words.split(), since) | newer
        word = argument.upper()
        if word not in known:
            raise UsageError(f"{name} has no argument {_shown(word)}{_near(word, known)}")
        since = known[word]
    told: str
    if isinstance(version, str | tuple):
        if module:
            raise UsageError(f"{name} is of the module {module}: only the record of INFO or HELLO tells its version")
        told, numbers = server or "redis", _numbers(version)
    else:
        if server is not None:
            raise UsageError("a record tells its server itself: server goes with a version")
        told, numbers = _told(version, module)
    if told not in _PROVIDERS:
        raise UsageError(f"the server is 'redis' or 'valkey', not {_shown(told)}")
    return _reaches(numbers, since[_PROVIDERS.index(told)])


def _numbers(version: Version) -> tuple[int, ...]:
    if isinstance(version, str):
        match = _VERSION.fullmatch(version)
        numbers: tuple[object, ...] = tuple(map(int, match[1].split("."))) if match else ()
    else:
        numbers = version
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise UsageError(f"a version is text like '8.2.3' or a tuple like (8, 2, 3), not {_shown(version)}")
    return cast("tuple[int, ...]", numbers)


def _told(record: object, module: str) -> tuple[str, tuple[int, ...]]:
    """Return the server, and its version or that of a module: no numbers where it does not have the module."""
    from .records.server import HelloInfo, ServerInfo  # imported already, as the record is one of them

    if isinstance(record, ServerInfo):
        listed = [item for item in record.sections.get("modules", {}).values() if isinstance(item, dict)]
        versions = {str(item.get("name")): int(item.get("ver", 0)) for item in listed}
    elif isinstance(record, HelloInfo):
        versions = {item.name: item.version for item in record.modules}
    else:
        raise UsageError(f"a version, or the record of INFO or HELLO, is needed, not {_shown(record)}")
    if not module:
        return record.server, _numbers(record.version)
    number = versions.get(module)  # 20609 is 2.6.9
    return record.server, () if number is None else (number // 10_000, number // 100 % 100, number % 100)


def _reaches(numbers: tuple[int, ...], since: str) -> bool:
    if not since or not numbers:
        return False
    needed = _numbers(since)
    return numbers + (0,) * (len(needed) - len(numbers)) >= needed


def _near(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # lazily: for this error alone

    found = get_close_matches(name, known, _NEAR)
    return f"; near it: {', '.join(found)}" if found else ""


def _shown(value: object) -> str:
    return repr(value)[:60]
