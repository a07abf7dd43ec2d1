"""One entry of ``commands.json`` as frozen dataclasses, and the file's strict reader and writer.

The file is redis-doc JSON: an object that maps each command's full name ("HGET", "CLIENT LIST") to its facts. What this
module does not know is an error, so that a new kind of fact upstream is noticed and not silently lost. Names and tokens
may hold quotes, braces or anything else that prints; control characters are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from .fields import Fields, SpecError, kind_of

ArgumentType: TypeAlias = Literal[
    "key", "string", "integer", "double", "pattern", "unix-time", "pure-token", "oneof", "block"
]
BeginType: TypeAlias = Literal["index", "keyword", "unknown"]
FindType: TypeAlias = Literal["range", "keynum", "unknown"]

ARGUMENT_TYPES: Final[frozenset[str]] = frozenset(get_args(ArgumentType))
PROVIDERS: Final = ("redis", "valkey")
DEEPEST: Final = 32
"""Levels that an argument tree may have; upstream's have up to 8."""
KEY_FLAGS: Final = frozenset(
    {"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags"}
)
BEGIN_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "index": ("index",),
    "keyword": ("keyword", "startfrom"),
    "unknown": (),
}
FIND_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "range": ("lastkey", "keystep", "limit"),
    "keynum": ("keynumidx", "firstkey", "keystep"),
    "unknown": (),
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One node of a command's argument tree.

    Attributes:
        name: upstream's name of the node, such as ``"unix-time-seconds"``.
        type: a leaf's type, or ``"pure-token"``, ``"oneof"``, ``"block"``.
        token: the literal word that precedes the value (or is the whole of it); None where there is none. It may be
            empty, where upstream says that the token itself is an empty word.
        optional: may be left out.
        multiple: may be repeated.
        multiple_token: the token is repeated with each value.
        since: the server version that brought the node; None where it is as old as the command.
        deprecated_since: the version that deprecated the node.
        key_spec_index: which of the command's key specs describes this key.
        display_text: how upstream's syntax line calls the value, where that differs from ``name``.
        providers: which providers have the node, and since when; empty where all of the command's have it since the
            same version (``since``).
        arguments: the children of a oneof or block.
    """

    name: str
    type: ArgumentType
    token: str | None = None
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False
    since: str | None = None
    deprecated_since: str | None = None
    key_spec_index: int | None = None
    display_text: str | None = None
    providers: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Where keys stand among a command's words, as COMMAND INFO tells it (the command's name is word 0).

    Attributes:
        begin: how the first key is found: at ``index``, after ``keyword`` (searched from ``startfrom``), or unknown.
        find: how the keys run from there: up to ``lastkey`` by ``keystep`` (``range``), counted by a word
            (``keynum``), or unknown.
        index: the first key's word.
        keyword: the token that precedes the keys.
        startfrom: the word where the search for the token begins; negative: from the end, backwards.
        lastkey: the last key, relative to the first; negative: from the end.
        keystep: words from one key to the next.
        limit: with ``lastkey`` -1, only the first 1/limit of the rest are keys; 0 and 1: all.
        keynumidx: the word, relative to the beginning, that holds the number of keys.
        firstkey: the first key, relative to the beginning.
        flags: ``RO``, ``RW``, ``OW``, ``RM``, ``access``, ``update``, ``incomplete`` …, sorted.
    """

    begin: BeginType
    find: FindType
    index: int = 0
    keyword: str = ""
    startfrom: int = 0
    lastkey: int = 0
    keystep: int = 1
    limit: int = 0
    keynumidx: int = 0
    firstkey: int = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The facts of one command or subcommand.

    Attributes:
        name: upper case, a subcommand after its container: ``"CLIENT LIST"``.
        since: the version of its first provider (Redis where it has it) that brought it; a module's own version.
        group: upstream's group: ``"sorted-set"``, ``"json"`` …
        module: the module that brings it, where upstream says so.
        complexity: its distinct O(…) terms, ``"O(1), O(N)"``; None where upstream gives none.
        arity: number of words with the name; negative: at least. None where upstream does not say.
        arguments: the argument tree; empty for a container and for a command whose arguments are not described.
        key_specs: where its keys stand.
        flags: lower case, sorted: ``readonly``, ``blocking`` …
        hints: the command tips, sorted: ``request_policy:all_shards`` …
        acl_categories: sorted, with ``@``.
        doc_flags: ``deprecated``, ``syscmd``, sorted.
        deprecated_since: the version that deprecated it.
        replaced_by: the names of the commands to use instead.
        reply_schema: JSON Schema (draft 2019-09) of the RESP3 reply, without prose; None where there is none.
        providers: which server has it, and since which of its versions: ``{"redis": "1.0.0", "valkey": "1.0.0"}``.
    """

    name: str
    since: str
    group: str
    module: str | None = None
    complexity: str | None = None
    arity: int | None = None
    arguments: tuple[Argument, ...] = ()
    key_specs: tuple[KeySpec, ...] = ()
    flags: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    acl_categories: tuple[str, ...] = ()
    doc_flags: tuple[str, ...] = ()
    deprecated_since: str | None = None
    replaced_by: tuple[str, ...] = ()
    reply_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    providers: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)


def load(path: str | Path) -> dict[str, Command]:
    """Read ``commands.json``.

    Raises:
        SpecError: the file cannot be read, is no JSON, or holds anything that this module does not know.
    """
    source = Path(path).name
    try:
        data = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise SpecError(source, "", f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(source, "", f"is no JSON: {error}") from error
    return from_json(data, source)


def from_json(data: object, source: str) -> dict[str, Command]:
    """Turn the parsed JSON of a ``commands.json`` into commands, in the file's order.

    Raises:
        SpecError: it holds anything that this module does not know.
    """
    if not isinstance(data, dict):
        raise SpecError(source, "", f"an object of commands is needed, not {kind_of(data)}")
    entries = cast("dict[str, object]", data)
    return {name: read_command(name, value, source) for name, value in entries.items()}


def read_command(name: str, value: object, source: str, *, partial: bool = False) -> Command:
    """Turn one entry into a command.

    Args:
        name: the command's full name.
        value: its facts, in the shape of ``commands.json``.
        source: what errors name.
        partial: the entry may lack ``since``, ``group`` (then empty strings) and ``providers``.

    Raises:
        SpecError: it holds anything that this module does not know, or lacks what it needs.
    """
    if not name or not name.isprintable():
        raise SpecError(source, "", f"a command's name is empty or holds control characters: {name[:80]!r}")
    fields = Fields(value, source, name)
    schema = fields.raw("reply_schema")
    if schema is not None and not isinstance(schema, dict):
        raise fields.error(f"an object is needed, not {kind_of(schema)}", "reply_schema")
    command = Command(
        name=name,
        since=(fields.text("since") or "") if partial else fields.needed("since"),
        group=(fields.text("group") or "") if partial else fields.needed("group"),
        module=fields.text("module"),
        complexity=fields.text("complexity"),
        arity=fields.number("arity"),
        arguments=read_arguments(fields),
        key_specs=read_key_specs(fields),
        flags=fields.texts("command_flags"),
        hints=fields.texts("hints"),
        acl_categories=fields.texts("acl_categories"),
        doc_flags=fields.texts("doc_flags"),
        deprecated_since=fields.text("deprecated_since"),
        replaced_by=fields.texts("replaced_by"),
        reply_schema=cast("dict[str, Any] | None", schema),
        providers=_providers(fields),
    )
    if not command.providers and not partial:
        raise fields.error("'providers' is missing or empty")
    fields.done()
    return command


def _providers(fields: Fields) -> dict[str, str]:
    """Take ``providers``, a mapping of provider to version; empty where it is missing."""
    if "providers" not in fields:
        return {}
    inner = Fields(fields.raw("providers"), fields.source, f"{fields.place}.providers")
    found = {name: inner.needed(name) for name in PROVIDERS if name in inner}
    inner.done()
    return found


def read_arguments(fields: Fields) -> tuple[Argument, ...]:
    """Take ``arguments`` of a command or of a node.

    Raises:
        SpecError: an unknown field or type; a token or oneof without what it needs.
    """
    if fields.place.count(".arguments[") >= DEEPEST:
        raise fields.error(f"is nested deeper than {DEEPEST} levels")
    return tuple(
        _argument(value, fields.source, f"{fields.place}.arguments[{index}]")
        for index, value in enumerate(fields.items("arguments"))
    )


def _argument(value: object, source: str, place: str) -> Argument:
    fields = Fields(value, source, place)
    name = fields.needed("name")
    kind = fields.text("type")
    if kind not in ARGUMENT_TYPES:
        raise fields.error("no argument type" if kind is None else f"unknown argument type {kind!r}")
    argument = Argument(
        name=name,
        type=cast("ArgumentType", kind),
        token=fields.text("token"),
        optional=fields.flag("optional"),
        multiple=fields.flag("multiple"),
        multiple_token=fields.flag("multiple_token"),
        since=fields.text("since"),
        deprecated_since=fields.text("deprecated_since"),
        key_spec_index=fields.number("key_spec_index"),
        display_text=fields.text("display_text"),
        providers=_providers(fields),
        arguments=read_arguments(fields),
    )
    fields.done()
    if kind == "pure-token" and argument.token is None:
        raise fields.error("a pure-token without a token")
    if (kind in ("oneof", "block")) != bool(argument.arguments):
        raise fields.error(f"{kind} with{'out' if not argument.arguments else ''} arguments")
    return argument


def read_key_specs(fields: Fields) -> tuple[KeySpec, ...]:
    """Take ``key_specs`` of a command.

    Raises:
        SpecError: an unknown field, flag or kind of search.
    """
    return tuple(
        _key_spec(value, fields.source, f"{fields.place}.key_specs[{index}]")
        for index, value in enumerate(fields.items("key_specs"))
    )


def _key_spec(value: object, source: str, place: str) -> KeySpec:
    fields = Fields(value, source, place)
    begin, where = _search(fields, "begin_search", BEGIN_FIELDS)
    find, span = _search(fields, "find_keys", FIND_FIELDS)
    keyword = where.pop("keyword", "")
    numbers = {key: number for key, number in (where | span).items() if isinstance(number, int)}
    flags = tuple(sorted(flag for flag in KEY_FLAGS if fields.flag(flag)))
    fields.done()
    return KeySpec(
        begin=cast("BeginType", begin), find=cast("FindType", find), keyword=str(keyword), flags=flags, **numbers
    )


def _search(fields: Fields, key: str, kinds: Mapping[str, tuple[str, ...]]) -> tuple[str, dict[str, int | str]]:
    search = Fields(fields.raw(key), fields.source, f"{fields.place}.{key}")
    kind = search.needed("type")
    if kind not in kinds:
        raise search.error(f"unknown type {kind!r}")
    spec = Fields(search.raw("spec") or {}, fields.source, f"{search.place}.spec")
    search.done()
    found: dict[str, int | str] = {}
    for name in kinds[kind]:
        value = spec.needed(name) if name == "keyword" else spec.number(name)
        if value is None:
            raise spec.error(f"{name!r} is missing")
        found[name] = value
    spec.done()
    return kind, found


def to_json(command: Command) -> dict[str, Any]:
    """Return a command as its entry in ``commands.json``: fields in a fixed order, empty ones left out."""
    entry: dict[str, Any] = {
        "since": command.since,
        "group": command.group,
        "module": command.module,
        "complexity": command.complexity,
        "arity": command.arity,
        "providers": _in_order(command.providers),
        "deprecated_since": command.deprecated_since,
        "replaced_by": list(command.replaced_by),
        "command_flags": list(command.flags),
        "doc_flags": list(command.doc_flags),
        "hints": list(command.hints),
        "acl_categories": list(command.acl_categories),
        "key_specs": [_key_spec_to_json(spec) for spec in command.key_specs],
        "arguments": [_argument_to_json(argument) for argument in command.arguments],
        "reply_schema": command.reply_schema,
    }
    # An empty schema says that the reply may be anything, which is not the same as saying nothing.
    return {
        key: value
        for key, value in entry.items()
        if value not in (None, [], {}) or (key == "reply_schema" and value is not None)
    }


def _in_order(providers: Mapping[str, str]) -> dict[str, str]:
    return {name: providers[name] for name in PROVIDERS if name in providers}


def _argument_to_json(argument: Argument) -> dict[str, Any]:
    node: dict[str, Any] = {
        "name": argument.name,
        "type": argument.type,
        "token": argument.token,
        "optional": argument.optional or None,
        "multiple": argument.multiple or None,
        "multiple_token": argument.multiple_token or None,
        "since": argument.since,
        "deprecated_since": argument.deprecated_since,
        "key_spec_index": argument.key_spec_index,
        "display_text": argument.display_text,
        "providers": _in_order(argument.providers) or None,
        "arguments": [_argument_to_json(child) for child in argument.arguments] or None,
    }
    return {key: value for key, value in node.items() if value is not None}


def _key_spec_to_json(spec: KeySpec) -> dict[str, Any]:
    return {
        "begin_search": {"type": spec.begin, "spec": {name: getattr(spec, name) for name in BEGIN_FIELDS[spec.begin]}},
        "find_keys": {"type": spec.find, "spec": {name: getattr(spec, name) for name in FIND_FIELDS[spec.find]}},
        **dict.fromkeys(spec.flags, True),
    }


def dump(commands: Iterable[Command]) -> str:
    """Return the text of ``commands.json``: sorted by name, one space a level, a line break at the end."""
    entries = {command.name: to_json(command) for command in sorted(commands, key=lambda command: command.name)}
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def node_hash(command: Command) -> str:
    """Return what an overlay entry records of the spec it corrects: ``sha256:`` and 16 hex digits.

    It covers the arguments, the reply schema, the arity and the flags, and does not depend on the file's formatting,
    on the order of keys, or on fields that are not set.
    """
    facts = {
        "arguments": [_argument_to_json(argument) for argument in command.arguments],
        "arity": command.arity,
        "flags": sorted(command.flags),
        "reply_schema": command.reply_schema,
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]
