"""What a server tells of its commands and of the functions loaded into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from redpoll.types import S


@dataclass(frozen=True, slots=True)
class KeySpecInfo:
    """Where one group of a command's keys stands.

    Attributes:
        flags: what the command does to them: ``RO``, ``RW``, ``access``, ``delete`` …
        begin_search: how to find the first one: ``type`` and ``spec``.
        find_keys: how to find the others from there: ``type`` and ``spec``.
        notes: what the server adds in words.
        extra: what a newer server adds.
    """

    flags: list[str]
    begin_search: dict[str, Any]
    find_keys: dict[str, Any]
    notes: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """One command, as COMMAND INFO tells it.

    Attributes:
        name: in lower case; a subcommand as ``"client|list"``.
        arity: how many words it takes, its name included; negative for that many or more.
        flags: its flags.
        first_key: the position of its first key, 0 without keys.
        last_key: the position of its last key; negative from the end.
        step: the distance between its keys.
        acl_categories: with their ``@``.
        tips: hints to clients.
        key_specs: where its keys stand.
        subcommands: its subcommands.
    """

    name: str
    arity: int
    flags: list[str]
    first_key: int
    last_key: int
    step: int
    acl_categories: list[str]
    tips: list[str]
    key_specs: list[KeySpecInfo]
    subcommands: list[CommandInfo]


@dataclass(frozen=True, slots=True)
class ArgumentDocs:
    """One argument of a command.

    Attributes:
        name: its name.
        type: ``"key"``, ``"string"``, ``"integer"``, ``"pure-token"``, ``"oneof"``, ``"block"`` …
        display_text: how syntax lines show it.
        token: the word before it, or the word that it is.
        key_spec_index: which of the command's key specs it belongs to.
        flags: ``"optional"``, ``"multiple"``, ``"multiple_token"``.
        arguments: what a choice or a block is made of.
        extra: everything else (``summary``, ``since``, ``deprecated_since`` …).
    """

    name: str
    type: str
    display_text: str | None = None
    token: str | None = None
    key_spec_index: int | None = None
    flags: list[str] = field(default_factory=list[str])
    arguments: list[ArgumentDocs] = field(default_factory=list["ArgumentDocs"])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CommandDocs:
    """One command, as COMMAND DOCS tells it.

    Attributes:
        summary: what it does.
        since: the version that brought it.
        group: its group.
        complexity: its complexity.
        arguments: its arguments.
        doc_flags: ``"deprecated"``, ``"syscmd"``.
        deprecated_since: the version that deprecated it.
        replaced_by: what to use in its place.
        history: versions, and what each changed.
        subcommands: its subcommands, by name.
        extra: what a newer server adds.
    """

    summary: str | None
    since: str | None
    group: str | None
    complexity: str | None = None
    arguments: list[ArgumentDocs] = field(default_factory=list[ArgumentDocs])
    doc_flags: list[str] = field(default_factory=list[str])
    deprecated_since: str | None = None
    replaced_by: str | None = None
    history: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    subcommands: dict[str, CommandDocs] = field(default_factory=dict[str, "CommandDocs"])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function of a library.

    Attributes:
        name: its name.
        description: what its author said of it; None where that is nothing.
        flags: ``"no-writes"``, ``"allow-oom"`` …
        extra: what a newer server adds.
    """

    name: str
    description: str | None
    flags: set[str]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class FunctionLibrary:
    """A library, as FUNCTION LIST tells it.

    Attributes:
        name: its name.
        engine: the engine that runs it, ``"LUA"``.
        functions: its functions, sorted by name.
        code: its source; None without ``withcode``.
        extra: what a newer server adds.
    """

    name: str
    engine: str
    functions: list[FunctionInfo]
    code: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class RunningFunction:
    r"""The function, or script, that runs now.

    Attributes:
        name: the function's name.
        command: the call that started it; bytes that are not UTF-8 as ``\xNN``.
        duration: milliseconds since it began.
        extra: what a newer server adds.
    """

    name: str
    command: list[str]
    duration: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class FunctionEngine:
    """What one engine holds.

    Attributes:
        libraries: how many libraries.
        functions: how many functions.
        extra: what a newer server adds.
    """

    libraries: int
    functions: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """FUNCTION STATS.

    Attributes:
        running: what runs now; None where nothing does.
        engines: the engines by name.
        extra: what a newer server adds.
    """

    running: RunningFunction | None
    engines: dict[str, FunctionEngine]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class HotKeys(Generic[S]):
    """HOTKEYS GET: the keys that cost most while the tracking ran.

    Attributes:
        by_cpu_time: keys with microseconds, the hottest first; None where this was not measured.
        by_net_bytes: keys with bytes, the hottest first; None where this was not measured.
        tracking_active: whether the tracking still runs.
        sample_ratio: one command in this many was measured.
        selected_slots: the slots it was limited to, as ranges, both ends inclusive.
        extra: every other figure, by the server's name.
    """

    by_cpu_time: list[tuple[S, int]] | None
    by_net_bytes: list[tuple[S, int]] | None
    tracking_active: bool
    sample_ratio: int
    selected_slots: list[tuple[int, int]]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
