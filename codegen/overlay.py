"""The overlay: what rules cannot know, as TOML, one file a module of commands, each entry with its reason.

An entry is a table named by its command::

    ["ZADD"]
    why = "members and scores are a mapping, as in redis-py"
    spec = "sha256:0123456789abcdef"

``spec`` is the hash of the spec node that the entry was written for (write ``spec = ""`` in a new one, and
``python -m codegen --stamp`` fills it in): when upstream changes the node, generation fails until somebody has looked.
The other keys:

- ``exclude = true``: there is no such method; ``why`` says what to use instead.
- ``method``: another method name.
- ``arguments``: an argument tree, in redis-doc form, instead of the spec's.
- ``since.TOKEN = {redis, valkey}``: which provider has a token since when, where the spec does not say so, or wrongly.
- ``drop``: nodes, at any depth, that the signature leaves out.
- ``params.NAME = {name, type, kind, default}``: patches of the parameter that the rules call NAME.
- ``order``: the positional parameters, in Python order.
- ``literals``: choices of tokens that become one ``Literal`` instead of several bools.
- ``flatten``: optional blocks whose parts become single keywords instead of one tuple.
- ``variadic = false``: the last collection is a parameter, not ``*args``.
- ``spread = true``: each of ``*args`` may be a collection, as is always so for keys.
- ``signature``, ``overloads``, ``encode``: a handwritten parameter list, its overloads (with `` -> type`` behind one that
  returns another type than the method), and the encoder's lines.
- ``checks``: a list of ``{refuse = condition, say = message}``: what the spec cannot say of arguments together. The
  condition is Python over the parameters.
- ``reply``: an expression, or a list of ``{when = [parameters], is = expression}``, the last without ``when`` (of two,
  the first may depend on a test: ``when = ["jsonpath(path)"]``, see ``codegen.render.TESTS``); with
  ``text = false``, there or beside it, the reply is read as bytes on every client, as it may hold what is no text.
  ``by_words(name)``: the function takes the call's words and returns the decoder.
- ``facts.NAME = {is, why}``: keys, blocking, replay, cacheable, dedicated, key_patterns, key_replies.

An entry or a part that nothing uses is an error. The sentences on commands are in ``summaries.toml``; in a file of
others, who add commands of their own, entries and the table ``[summaries]`` stand together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, cast

import tomlkit

from .fields import Fields, SpecError
from .ir import ParamKind
from .spec import PROVIDERS, Argument, Command, node_hash, read_arguments

FOLDER: Final = Path(__file__).parent / "overlay"
SUMMARIES: Final = "summaries.toml"
FACTS: Final = (
    "keys",
    "blocking",
    "replay",
    "cacheable",
    "dedicated",
    "request_policy",
    "response_policy",
    "key_patterns",
    "key_replies",
)
KINDS: Final = ("only", "plain", "var", "keyword")


class OverlayError(Exception):
    """An overlay that is wrong or stale; the message holds one line a fault."""


@dataclass(frozen=True, slots=True)
class ParamPatch:
    """What the overlay changes of one parameter; None leaves it."""

    name: str | None = None
    type: str | None = None
    kind: ParamKind | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyCase:
    """One shape of a reply, as written in the overlay."""

    when: tuple[str, ...]
    expression: str
    text: bool = True


@dataclass(slots=True)
class Entry:
    """The overlay of one command. ``used`` collects the parts that lowering met, to find those that it did not."""

    command: str
    why: str = ""
    spec: str = ""
    file: str = ""
    exclude: bool = False
    method: str | None = None
    arguments: tuple[Argument, ...] | None = None
    params: dict[str, ParamPatch] = field(default_factory=dict[str, ParamPatch])
    order: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    since: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    flatten: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    variadic: bool = True
    spread: bool = False
    signature: tuple[str, ...] = ()
    overloads: tuple[str, ...] = ()
    encode: str = ""
    reply: tuple[ReplyCase, ...] = ()
    text: bool = True
    facts: dict[str, object] = field(default_factory=dict[str, object])
    used: set[str] = field(default_factory=set[str])

    def unused(self) -> list[str]:
        """Return the parts that lowering never asked for."""
        parts = [f"params.{name}" for name in self.params] + [f"literals.{name}" for name in self.literals]
        parts += [f"flatten.{name}" for name in self.flatten]
        parts += [f"drop.{name}" for name in self.drop]
        parts += [f"since.{token}" for token in self.since]
        parts += ["order"] if self.order else []
        return [part for part in parts if part not in self.used]


@dataclass(frozen=True, slots=True)
class Overlay:
    """All entries by command, and the summaries."""

    entries: dict[str, Entry]
    summaries: dict[str, str]

    def entry(self, command: str) -> Entry:
        """Return a command's entry, an empty one where there is none."""
        return self.entries.get(command) or Entry(command)


def load(folder: Path = FOLDER) -> Overlay:
    """Read all files of the overlay.

    Raises:
        OverlayError: unreadable TOML, an unknown key, a wrong type, a missing ``why``, a command named twice.
    """
    return _load(sorted(folder.glob("*.toml")), own=False)


def load_own(path: Path) -> Overlay:
    """Read somebody's own file, entries and summaries in one.

    Raises:
        OverlayError: as ``load``, or the file cannot be read.
    """
    return _load([path], own=True)


def _load(paths: Iterable[Path], *, own: bool) -> Overlay:
    entries: dict[str, Entry] = {}
    summaries: dict[str, str] = {}
    faults: list[str] = []
    for path in paths:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            if own:
                summaries = _summaries(data.pop("summaries", {}), path.name)
            elif path.name == SUMMARIES:
                summaries = _summaries(data.get("summaries"), path.name)
                continue
            for name, table in data.items():
                if name in entries:
                    raise SpecError(path.name, name, f"is in {entries[name].file} already")
                entries[name] = _entry(name, table, path.name)
        except OSError as error:
            faults.append(f"{path.name}: cannot be read: {error.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            faults.append(f"{path.name}: {error}")
        except SpecError as error:
            faults.append(str(error))
    if faults:
        raise OverlayError("\n".join(faults))
    return Overlay(entries, summaries)


def _summaries(table: object, file: str) -> dict[str, str]:
    fields = Fields(table, file, "summaries")
    return {name: fields.needed(name) for name in cast("dict[str, object]", table)}


def _entry(name: str, table: object, file: str) -> Entry:
    fields = Fields(table, file, name)
    entry = Entry(name, fields.needed("why"), fields.text("spec") or "", file)
    entry.exclude = fields.flag("exclude")
    entry.method = fields.text("method")
    if "arguments" in fields:
        entry.arguments = read_arguments(fields)
    if "params" in fields:
        inner = fields.table("params")
        entry.params = {key: _param(value, file, f"{name}.params.{key}") for key, value in inner.items()}
    entry.order = fields.texts("order")
    entry.literals = fields.texts("literals")
    entry.drop = fields.texts("drop")
    if "since" in fields:
        inner = fields.table("since")
        entry.since = {token: _providers(value, file, f"{name}.since.{token}") for token, value in inner.items()}
    entry.flatten = fields.texts("flatten")
    entry.spread = fields.flag("spread")
    if "variadic" in fields:
        entry.variadic = fields.flag("variadic")
    entry.signature = fields.texts("signature")
    entry.checks = tuple(_refusal(item, file, f"{name}.checks[{i}]") for i, item in enumerate(fields.items("checks")))
    entry.overloads = fields.texts("overloads")
    entry.encode = str(fields.raw("encode") or "")
    entry.reply = _reply(fields, file, name)
    if "text" in fields:
        entry.text = fields.flag("text")
    if "facts" in fields:
        inner = fields.table("facts")
        entry.facts = {key: _fact(key, value, file, f"{name}.facts.{key}") for key, value in inner.items()}
    fields.done()
    if entry == Entry(name, entry.why, entry.spec, file):
        raise SpecError(file, name, "says nothing but why")
    return entry


def _param(value: object, file: str, place: str) -> ParamPatch:
    fields = Fields(value, file, place)
    kind = fields.text("kind")
    if kind is not None and kind not in KINDS:
        raise fields.error(f"one of {', '.join(KINDS)} is needed, not {kind!r}", "kind")
    patch = ParamPatch(
        fields.text("name"), fields.text("type"), cast("Literal['plain'] | None", kind), fields.text("default")
    )
    fields.done()
    return patch


def _providers(value: object, file: str, place: str) -> dict[str, str]:
    fields = Fields(value, file, place)
    found = {provider: fields.needed(provider) for provider in PROVIDERS if provider in fields}
    fields.done()
    if not found:
        raise SpecError(file, place, f"one of {', '.join(PROVIDERS)} is needed")
    return found


def _refusal(value: object, file: str, place: str) -> tuple[str, str]:
    fields = Fields(value, file, place)
    found = fields.needed("refuse"), fields.needed("say")
    fields.done()
    return found


def _fact(key: str, value: object, file: str, place: str) -> object:
    fields = Fields(value, file, place)
    if key not in FACTS:
        raise fields.error(f"one of {', '.join(FACTS)} is needed")
    fields.needed("why")
    if "is" not in fields:
        raise fields.error("'is' is missing")
    result = fields.raw("is")
    fields.done()
    return result


def _reply(fields: Fields, file: str, name: str) -> tuple[ReplyCase, ...]:
    if "reply" not in fields:
        return ()
    value = fields.raw("reply")
    if isinstance(value, str):
        return (ReplyCase((), value),)
    if not isinstance(value, list) or not value:
        raise SpecError(file, f"{name}.reply", "an expression or a list of {when, is} is needed")
    cases: list[ReplyCase] = []
    for index, item in enumerate(cast("list[object]", value)):
        inner = Fields(item, file, f"{name}.reply[{index}]")
        text = inner.flag("text") if "text" in inner else True
        cases.append(ReplyCase(inner.texts("when"), inner.needed("is"), text))
        inner.done()
    if any(case.when == () for case in cases[:-1]) or cases[-1].when:
        raise SpecError(file, f"{name}.reply", "the last case, and only that, has no 'when'")
    return tuple(cases)


def dated(commands: Mapping[str, Command], overlay: Overlay) -> dict[str, Command]:
    """Return the commands with what the overlay knows of their tokens' age."""
    result = dict(commands)
    for name, entry in overlay.entries.items():
        if entry.since and name in commands:
            result[name] = replace(commands[name], arguments=_dated(commands[name].arguments, entry))
    return result


def _dated(nodes: tuple[Argument, ...], entry: Entry) -> tuple[Argument, ...]:
    found: list[Argument] = []
    for node in nodes:
        told = entry.since.get(node.token or "")
        if told is not None:
            entry.used.add(f"since.{node.token}")
            node = replace(node, since=next(iter(told.values())), providers=told)
        found.append(replace(node, arguments=_dated(node.arguments, entry)))
    return tuple(found)


def check(overlay: Overlay, commands: Mapping[str, Command], modules: Mapping[str, str], used: bool) -> None:
    """Compare the overlay with the spec.

    Args:
        overlay: what was loaded; with ``used``, after lowering.
        commands: the spec.
        modules: each command's module, whose file must hold its entry.
        used: whether lowering has run, so that unused parts can be told.

    Raises:
        OverlayError: an entry for no command, in the wrong file, written for another spec node, or partly unused; a
            summary for no command, or a command without one.
    """
    faults: list[str] = []
    for name, entry in overlay.entries.items():
        where = f"{entry.file}: {name}"
        if name in commands and entry.file != f"{modules[name]}.toml":
            faults.append(f"{where}: belongs into {modules[name]}.toml")
        faults += entry_faults(entry, commands, used=used)
    faults += [f"{SUMMARIES}: {name}: there is no such command" for name in overlay.summaries if name not in commands]
    faults += [f"{SUMMARIES}: {name} has no summary" for name in commands if name not in overlay.summaries]
    if faults:
        raise OverlayError("\n".join(faults))


def entry_faults(entry: Entry, commands: Mapping[str, Command], *, used: bool) -> list[str]:
    """Return a line for each thing about an entry that is stale or, with ``used``, was not used."""
    where = f"{entry.file}: {entry.command}"
    if entry.command not in commands:
        return [f"{where}: there is no such command"]
    faults: list[str] = []
    actual = node_hash(commands[entry.command])
    if entry.spec != actual:
        faults.append(f"{where}: written for spec {entry.spec or 'none'}, which is now {actual}: look, then --stamp")
    if used and not entry.exclude:
        faults += [f"{where}: {part} is unused" for part in entry.unused()]
    return faults


def stamp(commands: Mapping[str, Command], folder: Path = FOLDER) -> list[str]:
    """Write the present hash into each entry's ``spec``, without touching anything else; return what changed."""
    paths = [path for path in sorted(folder.glob("*.toml")) if path.name != SUMMARIES]
    return [path.name for path in paths if stamp_file(path, commands)]


def stamp_file(path: Path, commands: Mapping[str, Command]) -> bool:
    """Write the present hash into the ``spec`` of a file's entries; tell whether any changed."""
    text = path.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    tables = cast("dict[str, object]", document)
    for name in tables.keys() & commands.keys():
        if "spec" in (entry := cast("dict[str, object]", tables[name])):
            entry["spec"] = node_hash(commands[name])
    if (stamped := document.as_string()) == text:
        return False
    path.write_text(stamped, encoding="utf-8")
    return True
