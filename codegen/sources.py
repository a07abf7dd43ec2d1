"""Reading what the importer is given: JSON files, folders, addresses, servers; each becomes one ``Source``.

A source's kind is told by its content, so neither names nor order matter: a dump (the command specs of one server
version, as its documentation or COMMAND DOCS gives them), the documentation of a module (argument trees without arity),
a set of reply schemas (the shape of the servers' own source files), or a ``commands.json`` written before. The provider
is Redis unless the file's name, or the server, says Valkey.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import httpx

from . import spec
from .fields import Fields, SpecError, printable
from .server import ask, label_of
from .spec import Command

Kind: TypeAlias = Literal["dump", "module", "schema"]
Version: TypeAlias = tuple[int, ...]

LONGEST: Final = 64 * 1024 * 1024
"""Bytes that a file, a page or a server's answers may have."""

# What upstream's entries hold beside facts: prose, and names of C functions.
_DROPPED: Final = ("summary", "history", "container", "function", "get_keys_function")
_DROPPED_OF_NODES: Final = ("summary", "description", "minimum", "pattern", "expression")
_PROSE_OF_SCHEMAS: Final = ("description", "title")


@dataclass(frozen=True)
class Source:
    """What one file, address or server says.

    Attributes:
        label: what messages call it; holds no credentials.
        kind: ``"dump"``, ``"module"`` or ``"schema"``.
        provider: ``"redis"`` or ``"valkey"``.
        version: the server's version; without one in the file's name, the newest that a core command names.
        commands: by name; an entry may lack ``since`` and ``group`` (empty) and ``arity`` (None).
        own: it is one half of a ``commands.json``.
        summaries: what it says of its commands in a sentence; none of it reaches ``commands.json``.
    """

    label: str
    kind: Kind
    provider: str
    version: Version
    commands: dict[str, Command]
    own: bool = False
    summaries: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def rank(self) -> tuple[object, ...]:
        """The sort key: the best source first, the same whatever the order on the command line."""
        kind = ("dump", "module", "schema").index(self.kind)
        text = spec.dump(self.commands.values())
        return (kind, tuple(-number for number in self.version), self.own, hashlib.sha256(text.encode()).hexdigest())


def read_sources(places: Iterable[str], servers: Iterable[str], skipped: dict[str, str] | None = None) -> list[Source]:
    """Read everything that the command line names.

    Args:
        places: files, folders (all ``*.json`` below them) and http(s) addresses.
        servers: ``redis://`` URLs of running servers.
        skipped: takes the commands that cannot be understood, each with the reason; without it they are errors.

    Raises:
        SpecError: one of them cannot be read or understood.
    """
    found: list[Source] = []
    for place in places:
        if place.startswith(("http://", "https://")):
            found.extend(from_json(fetch(place), label_of(place), skipped))
        else:
            for path, label in _files(Path(place)):
                found.extend(from_json(parse(_read(path, label), label), label, skipped))
    for url in servers:
        answer = ask(url, limit=LONGEST, skipped=skipped)
        commands = read_commands(answer.commands, answer.label, skipped)
        version, told = version_of(answer.version), summaries(answer.commands)
        found.append(Source(answer.label, "dump", answer.provider, version, commands, summaries=told))
    return found


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if not path.is_dir():
        yield path, path.name
        return
    files = sorted(file for file in path.rglob("*.json") if file.is_file())
    if not files:
        raise SpecError(path.name or str(path), "", "no JSON file in this folder")
    for file in files:
        yield file, file.relative_to(path).as_posix()


def _read(path: Path, label: str) -> bytes:
    try:
        if path.stat().st_size > LONGEST:
            raise SpecError(label, "", f"is longer than {LONGEST} bytes")
        return path.read_bytes()
    except OSError as error:
        raise SpecError(label, "", f"cannot be read: {error.strerror or type(error).__name__}") from error


def fetch(url: str) -> object:
    """Return the parsed JSON of an http(s) address; redirects are followed.

    Raises:
        SpecError: it is refused, too long, or no JSON.
    """
    label = label_of(url)
    content = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=30) as response:
            if response.status_code != 200:
                raise SpecError(label, "", f"answered {response.status_code} instead of 200")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LONGEST:
                    raise SpecError(label, "", f"is longer than {LONGEST} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The library's message may quote the address, credentials and all.
        secret = "@" in url or "?" in url
        reason = type(error).__name__ if secret else f"{type(error).__name__}: {error}"
        raise SpecError(label, "", f"cannot be fetched: {reason}") from error
    return parse(bytes(content), label)


def parse(content: bytes, label: str) -> object:
    """Return parsed JSON.

    Raises:
        SpecError: it is none.
    """
    try:
        return json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise SpecError(label, "", f"is no JSON: {error}") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index]))
        raise ValueError(f"the name {twice[:80]!r} is there twice in one object")
    return found


def summaries(raw: dict[str, object]) -> dict[str, str]:
    """Return what the entries of a source say of their commands, each in one line."""
    entries = {name.upper(): cast("dict[str, object]", entry) for name, entry in raw.items() if isinstance(entry, dict)}
    said = {name: entry.get("summary") for name, entry in entries.items()}
    lines = {name: " ".join(text.split()) for name, text in said.items() if isinstance(text, str)}
    return {name: printable(text) for name, text in lines.items() if text}


def version_of(text: str) -> Version:
    """Return the numbers of a version such as ``"8.6.3"``; empty where there is none."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in match.group().split(".")) if match else ()


def from_json(data: object, label: str, skipped: dict[str, str] | None = None) -> list[Source]:
    """Tell what parsed JSON is and read it: one source, or the two halves of a ``commands.json``.

    Raises:
        SpecError: it is nothing that the importer knows.
    """
    if not isinstance(data, dict) or not data:
        raise SpecError(label, "", "an object that maps commands to their facts is needed")
    raw = cast("dict[str, object]", data)
    entries = [cast("dict[str, object]", entry) for entry in raw.values() if isinstance(entry, dict)]
    if any("providers" in entry for entry in entries):
        return halves(spec.from_json(raw, label), label)
    commands = read_commands(raw, label, skipped)
    name = label.rpartition("/")[2]
    provider = "valkey" if "valkey" in name.lower() else "redis"
    if any("reply_schema" in entry or "container" in entry for entry in entries):
        kind: Kind = "schema"
    elif any("arity" in entry for entry in entries):
        kind = "dump"
    else:
        kind = "module"
    named = re.search(r"\d+(\.\d+)+", name)
    version = version_of(named.group()) if named else newest(commands.values())
    return [Source(label, kind, provider, version, commands, summaries=summaries(raw))]


def newest(commands: Iterable[Command]) -> Version:
    """Return the newest version that a command outside the modules names; empty where none does."""
    return max((version_of(command.since) for command in commands if command.module is None), default=())


def halves(commands: dict[str, Command], label: str) -> list[Source]:
    """Split a merged spec into what it says of each provider."""
    found: list[Source] = []
    for provider in spec.PROVIDERS:
        half = {
            name: replace(
                command,
                since=command.providers[provider],
                providers={},
                arguments=tuple(_half(command.arguments, provider)),
            )
            for name, command in commands.items()
            if provider in command.providers
        }
        found.append(Source(label, "dump", provider, newest(half.values()), half, own=True))
    return found


def _half(nodes: Iterable[spec.Argument], provider: str) -> Iterator[spec.Argument]:
    for node in nodes:
        if not node.providers or provider in node.providers:
            since = node.providers[provider] if len(node.providers) == len(spec.PROVIDERS) else node.since
            yield replace(node, since=since, providers={}, arguments=tuple(_half(node.arguments, provider)))


def read_commands(raw: dict[str, object], label: str, skipped: dict[str, str] | None = None) -> dict[str, Command]:
    """Bring the entries of any source but a ``commands.json`` into the shape of one, and read them strictly.

    Args:
        raw: the entries by name.
        label: what errors name.
        skipped: takes the commands that cannot be understood, each with the reason; without it they are errors.

    Raises:
        SpecError: an entry holds what the importer does not know.
    """
    found: dict[str, Command] = {}
    for name, entry in raw.items():
        upper = name.upper()
        try:
            if upper in found:
                raise SpecError(label, upper, "is there twice, in different case")
            found[upper] = _command(upper, entry, label)
        except SpecError as error:
            if skipped is None:
                raise
            skipped[printable(upper)] = error.about(upper)
    return found


def _command(name: str, entry: object, label: str) -> Command:
    if not name.isprintable():
        raise SpecError(label, "", f"control characters in a command's name: {name[:80]!r}")
    try:
        return spec.read_command(name, _entry(Fields(entry, label, name)), label, partial=True)
    except RecursionError as error:
        raise SpecError(label, name, "is nested too deeply") from error


def _entry(fields: Fields) -> dict[str, Any]:
    schema = fields.raw("reply_schema")
    entry: dict[str, Any] = {
        "since": fields.text("since"),
        "group": (fields.text("group") or "").replace("_", "-"),
        "module": fields.text("module"),
        "complexity": complexity(fields.text("complexity") or ""),
        "arity": fields.number("arity"),
        "command_flags": _sorted(fields.texts("command_flags"), str.lower),
        "hints": _sorted((*fields.texts("hints"), *fields.texts("command_tips")), str.lower),
        "acl_categories": _sorted(fields.texts("acl_categories"), lambda name: "@" + name.lower().lstrip("@")),
        "doc_flags": _sorted(fields.texts("doc_flags"), str.lower),
        "deprecated_since": fields.text("deprecated_since"),
        "replaced_by": replacements(fields.text("replaced_by") or ""),
        "key_specs": [_key_spec(inner) for inner in _objects(fields, "key_specs")],
        "arguments": [_node(inner) for inner in _objects(fields, "arguments")],
        "reply_schema": None if schema is None else without_prose(schema),
    }
    fields.done(*_DROPPED)
    return entry


def _sorted(words: Iterable[str], form: Callable[[str], str]) -> list[str]:
    return sorted({form(word) for word in words})


def _objects(fields: Fields, key: str) -> Iterator[Fields]:
    for index, value in enumerate(fields.items(key)):
        yield Fields(value, fields.source, f"{fields.place}.{key}[{index}]")


def complexity(text: str) -> str | None:
    """Reduce a sentence about complexity to its distinct O(…) terms: ``"O(1), O(N) + O(M*log(M))"``."""
    terms: list[str] = []
    last_end = -1
    for match in re.finditer(r"\bO\(", text):
        if match.start() < last_end:
            continue
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            break
        term = text[match.start() : end]
        if last_end >= 0 and text[last_end : match.start()].strip() == "+":
            terms[-1] += " + " + term
        else:
            terms.append(term)
        last_end = end
    return ", ".join(dict.fromkeys(terms)) or None


def replacements(text: str) -> list[str]:
    """Reduce a sentence about what replaces a command to the commands that it names."""
    named = text.partition(" with ")[0]
    names = cast("list[str]", re.findall(r"`([^`]+)`", named)) if "`" in named else [named]
    return [name for name in names if re.fullmatch(r"[A-Z][A-Z0-9._-]*( [A-Z][A-Z0-9._-]*)?", name)]


def _node(fields: Fields) -> dict[str, Any]:
    node: dict[str, Any] = {key: fields.raw(key) for key in ("name", "type", "token", "optional", "multiple")}
    node |= {key: fields.raw(key) for key in ("multiple_token", "since", "deprecated_since", "key_spec_index")}
    display = fields.text("display_text") or fields.text("display")
    if display != node["name"]:
        node["display_text"] = display
    if node["type"] == "function":
        # A function of the APPLY expression language, whose parameters are text inside one word, not words.
        fields.raw("arguments")
    inner = [_node(child) for child in _objects(fields, "arguments")]
    if node["type"] == "function" or (node["type"] == "block" and not inner and node["token"] is not None):
        node["type"] = "pure-token"
    if node["type"] == "pure-token" and node["token"] is None:
        node["token"] = node["name"]
    if isinstance(node["multiple"], str):
        node["multiple"] = {"true": True, "false": False}.get(node["multiple"], node["multiple"])
    for key in ("optional", "multiple", "multiple_token"):
        if node[key] is None:
            del node[key]
    node["arguments"] = inner
    fields.done(*_DROPPED_OF_NODES)
    return node


def _key_spec(fields: Fields) -> dict[str, Any]:
    flags = [flag if flag in spec.KEY_FLAGS else flag.lower() for flag in fields.texts("flags")]
    entry: dict[str, Any] = {flag: fields.raw(flag) for flag in sorted(spec.KEY_FLAGS) if flag in fields}
    entry |= dict.fromkeys(flags, True)
    for key in ("begin_search", "find_keys"):
        entry[key] = _search(fields.raw(key))
    fields.done("notes")
    return entry


def _search(value: object) -> object:
    """Turn ``{"index": {"pos": 1}}`` of the servers' source into ``{"type": "index", "spec": {"index": 1}}``."""
    if not isinstance(value, dict):
        return value  # refused by the reader
    search = cast("dict[str, object]", value)
    if "type" in search or len(search) != 1:
        return search
    ((kind, inner),) = search.items()
    renamed: object = inner
    if isinstance(inner, dict):
        names = {"pos": "index"} if kind == "index" else {"step": "keystep"}
        renamed = {names.get(name, name): number for name, number in cast("dict[str, object]", inner).items()}
    return {"type": kind, "spec": renamed or {}}


def without_prose(schema: object) -> object:
    """Return a JSON Schema without its sentences; properties that happen to be named like one stay."""
    if isinstance(schema, list):
        return [without_prose(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, object] = {}
    for key, value in cast("dict[str, object]", schema).items():
        if key in ("properties", "patternProperties") and isinstance(value, dict):
            found[key] = {name: without_prose(inner) for name, inner in cast("dict[str, object]", value).items()}
        elif key in ("const", "enum", "default"):
            found[key] = value
        elif key not in _PROSE_OF_SCHEMAS:
            found[key] = without_prose(value)
    return found
