"""``python -m codegen import``: merging sources into one ``commands.json``.

Precedence for a command that Redis has: the newest dump of Redis, then older ones and the modules' documentation for
what it lacks; for the reply schema Redis' before Valkey's. A command that only Valkey has comes from Valkey's sources
alone. Redis' argument tree is the trunk that Valkey's nodes are merged into.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from . import spec
from .fields import SpecError
from .sources import Source, halves, read_sources, version_of
from .spec import Command
from .trees import merge_trees

T = TypeVar("T")


@dataclass
class Merged:
    """The union of sources.

    Attributes:
        commands: by name.
        left_out: name → why, for what the sources hold and the union does not.
    """

    commands: dict[str, Command] = field(default_factory=dict[str, Command])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


def merge(sources: Iterable[Source], *, described: bool = True) -> Merged:
    """Merge sources; their order does not matter.

    Args:
        sources: what to merge.
        described: leave out the commands that no source describes.
    """
    ranked = sorted(sources, key=lambda source: source.rank)
    merged = Merged()
    names = sorted({name for source in ranked for name in source.commands})
    for name in names:
        reason = _internal(name, ranked)
        if reason:
            merged.left_out[name] = reason
        else:
            merged.commands[name] = _command(name, ranked)
    if described:
        _complete_since(merged)
    _complete_groups(merged)
    return merged


def _internal(name: str, sources: Sequence[Source]) -> str | None:
    if name.startswith("_"):
        return "internal by its name"
    having = [source for source in sources if name in source.commands]
    if "._" in name and not any(source.kind == "module" or source.own for source in having):
        return "internal by its name, and not in its module's documentation"
    if all("experimental" in source.commands[name].flags for source in having):
        return "experimental, and no server has it"
    return None


def _command(name: str, sources: Sequence[Source]) -> Command:
    having = {
        provider: [
            source.commands[name] for source in sources if source.provider == provider and name in source.commands
        ]
        for provider in spec.PROVIDERS
    }
    halves = {provider: _facts(entries) for provider, entries in having.items() if entries}
    trunk = halves.get("redis") or halves["valkey"]
    command = replace(
        trunk,
        reply_schema=_first(half.reply_schema for half in halves.values()),
        providers={provider: half.since for provider, half in halves.items()},
    )
    if len(halves) == 2:
        tree = merge_trees(trunk.arguments, halves["valkey"].arguments, trunk.since, halves["valkey"].since)
        command = replace(command, arguments=tree)
    return command


def _facts(entries: Sequence[Command]) -> Command:
    """Join what one provider's sources, best first, say of a command.

    What COMMAND tells (arity, flags, keys, hints) comes from one source as a whole, and so does the deprecation: the
    absence of a flag or of a deprecation is a fact too, not a gap to fill from an older server.
    """
    table = next((entry for entry in entries if entry.arity is not None), entries[0])
    described = [entry for entry in entries if entry.since]
    newest = described[0] if described else table
    deprecated = newest
    if not newest.deprecated_since:
        # The modules' documentation alone tells of their deprecations, dumps are silent; elsewhere an older dump is stale.
        told = (entry for entry in described if entry.deprecated_since and (entry.arity is None or entry.module))
        deprecated = next(told, newest)
    takes_words = table.arity is None or table.arity != len(table.name.split())
    return replace(
        table,
        since=newest.since,
        group=_first(entry.group for entry in entries if entry.group not in ("", "module")) or "module",
        module=_first(entry.module for entry in entries),
        complexity=_first(entry.complexity for entry in entries),
        arguments=(_first(entry.arguments for entry in entries) or ()) if takes_words else (),
        doc_flags=newest.doc_flags,
        deprecated_since=deprecated.deprecated_since,
        replaced_by=deprecated.replaced_by,
        reply_schema=_first(entry.reply_schema for entry in entries),
    )


def _first(values: Iterable[T | None]) -> T | None:
    """Return the first value that says something: an empty string or tuple does not."""
    return next((value for value in values if value is not None and value not in ("", ())), None)


def _complete_since(merged: Merged) -> None:
    """Give a container without a version its oldest subcommand's; leave out what has neither."""
    for name, command in sorted(merged.commands.items()):
        if command.since:
            continue
        inside = [other for other in merged.commands.values() if other.name.startswith(name + " ") and other.since]
        if inside:
            oldest = min((other.since for other in inside), key=version_of)
            merged.commands[name] = replace(
                command,
                since=oldest,
                providers={provider: since or oldest for provider, since in command.providers.items()},
            )
        else:
            merged.left_out[name] = "no source describes it"
            del merged.commands[name]


def _complete_groups(merged: Merged) -> None:
    """Name group and module of module commands where no source does: their siblings', else the module itself."""
    groups: dict[str, Counter[str]] = {}
    modules: dict[str, Counter[str]] = {}
    for name, command in merged.commands.items():
        family, dot, _ = name.partition(".")
        if dot and command.group != "module":
            groups.setdefault(family, Counter())[command.group] += 1
        if dot and command.module:
            modules.setdefault(family, Counter())[command.module] += 1
    for name, command in merged.commands.items():
        family = name.partition(".")[0]
        module = command.module or _most(modules.get(family))
        group = command.group
        if group == "module":
            group = _most(groups.get(family)) or (module or group).lower()
        merged.commands[name] = replace(command, group=group, module=module)


def _most(counts: Counter[str] | None) -> str | None:
    return min(counts.items(), key=lambda item: (-item[1], item[0]))[0] if counts else None


def run(places: Sequence[str], servers: Sequence[str], output: Path, *, on_top: bool) -> int:
    """Import and write; say on standard output what was written and left out.

    Args:
        places: files, folders, http(s) addresses.
        servers: URLs of running servers.
        output: the file to write; untouched where anything fails.
        on_top: merge on top of what ``output`` holds.

    Returns:
        The exit code: 0, or 2 with one line on standard error.
    """
    try:
        sources = read_sources(places, servers)
        if on_top:
            sources.extend(halves(spec.load(output), output.name))
        merged = merge(sources)
        text = spec.dump(merged.commands.values())
        spec.from_json(json.loads(text), output.name)  # what cannot be read again is never written
        write(output, text)
    except SpecError as error:
        print(f"import: {error}", file=sys.stderr)
        return 2
    print(_summary(merged, output))
    return 0


def _summary(merged: Merged, output: Path) -> str:
    providers = Counter(provider for command in merged.commands.values() for provider in command.providers)
    counts = ", ".join(f"{providers[provider]} of {provider}" for provider in spec.PROVIDERS)
    lines = [f"{output.name}: {len(merged.commands)} commands ({counts})"]
    for reason in sorted(set(merged.left_out.values())):
        names = sorted(name for name, why in merged.left_out.items() if why == reason)
        # A container stands for its subcommands.
        shown = [name for name in names if name.partition(" ")[0] not in names or " " not in name]
        lines.append(f"left out, {reason} ({len(names)}): {', '.join(shown)}")
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Replace a file by way of a temporary one beside it.

    Raises:
        SpecError: the folder cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise SpecError(path.name, "", f"cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except OSError as error:
        raise SpecError(path.name, "", f"cannot be written: {error.strerror}") from error
    finally:
        Path(name).unlink(missing_ok=True)
