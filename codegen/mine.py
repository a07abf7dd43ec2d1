"""``redpoll-codegen mine``: typed methods for the commands of one's own server that redpoll lacks, in one's own package.

The pipeline is that of redpoll's own commands: the same rules, overlay entries and templates. A command that cannot be
understood or made a method of is skipped with the reason, and does not keep the others from their methods.
"""

from __future__ import annotations

import fnmatch
import keyword
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import changes, generate, importer, ir, naming, overlay, render, sources, writing
from .fields import SpecError
from .overlay import Overlay, OverlayError
from .spec import Command, node_hash


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        places: files, folders and http(s) addresses of specs.
        servers: URLs of running servers.
        into: the folder, a package of its own, that is written.
        overlay: the file of corrections, where there is one.
        only: patterns of command names, of which one must match; none: all commands.
        prefix: what the classes' names begin with.
        check: write nothing, compare.
        stamp: first write the present spec hashes into the overlay.
    """

    places: Sequence[str]
    servers: Sequence[str]
    into: Path
    overlay: Path | None = None
    only: Sequence[str] = ()
    prefix: str = "My"
    check: bool = False
    stamp: bool = False


@dataclass(slots=True)
class Made:
    """What came of it.

    Attributes:
        files: the package's files by name.
        methods: the methods in them.
        skipped: the commands that have none, each with the reason.
    """

    files: dict[str, str] = field(default_factory=dict[str, str])
    methods: list[ir.Method] = field(default_factory=list[ir.Method])
    skipped: dict[str, str] = field(default_factory=dict[str, str])


def run(order: Order) -> int:
    """Generate, or compare; say what was made and what was skipped.

    Returns:
        The exit code: 0; 1 where a command was skipped, or with ``check`` where the folder differs; 2 where nothing
        could be made, and then nothing was changed.
    """
    try:
        _checked(order)
        made = make(order)
        old = writing.read(order.into)
        writing.refuse_foreign(order.into)
        faults = writing.compare(old, made.files) if order.check else []
        if not order.check:
            writing.replace(order.into, made.files)
    except (SpecError, OverlayError, generate.GenerationError, writing.WriteError) as error:
        print(error, file=sys.stderr)
        return 2
    for name, reason in sorted(made.skipped.items()):
        print(f"skipped   {name}: {reason}", file=sys.stderr)
    if order.check:
        for line in faults:
            print(line, file=sys.stderr)
        print(f"{order.into} differs from what would be generated" if faults else "up to date")
    else:
        for line in changes.difference(old, made.files):
            print(line)
        print(f"{order.into}: {len(made.methods)} methods, {len(made.skipped)} commands skipped")
    return 1 if faults or made.skipped else 0


def _checked(order: Order) -> None:
    for what, name in (("--into: the folder's name", order.into.resolve().name), ("--prefix", order.prefix)):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise generate.GenerationError(f"{what} must be a Python name, not {name!r}")


def make(order: Order) -> Made:
    """Return the package's files and what was skipped.

    Raises:
        SpecError: a source cannot be read at all, or has nothing that redpoll lacks.
        OverlayError: the overlay is wrong or stale.
        GenerationError: nothing is left to generate.
    """
    made = Made()
    over = overlay.load_own(order.overlay) if order.overlay else Overlay({}, {})
    found = sources.read_sources(order.places, order.servers, made.skipped)
    wanted = _wanted(found, order.only)
    made.skipped = {name: why for name, why in made.skipped.items() if not known(name) and _matches(name, order.only)}
    merged = importer.merge(wanted, described=False)
    made.skipped |= merged.left_out
    if order.stamp and order.overlay:
        overlay.stamp_file(order.overlay, merged.commands)
        over = overlay.load_own(order.overlay)
    # What cannot be read has no hash, so the overlay can only leave it out.
    left_out = {name for name, entry in over.entries.items() if entry.exclude and name in made.skipped}
    made.skipped = {name: why for name, why in made.skipped.items() if name not in left_out}
    over = Overlay({name: entry for name, entry in over.entries.items() if name not in left_out}, over.summaries)
    commands = _described(merged.commands, over, made.skipped)
    said = {name: text for source in reversed(wanted) for name, text in source.summaries.items()}
    said = {name: over.summaries.get(name) or said.get(name) or f"Run {name}." for name in commands}
    over = Overlay(over.entries, said)
    _check(over, merged.commands, found, order)
    lower(made, commands, over)
    _render(made, order.prefix)
    _check(over, merged.commands, found, order, used={item.command for item in made.methods})
    return made


def known(name: str) -> bool:
    """Tell whether redpoll has a command."""
    from redpoll.commands.table import FACTS

    return name in FACTS


def _matches(name: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatch.fnmatchcase(name, pattern.upper()) for pattern in only)


def _wanted(found: Sequence[sources.Source], only: Sequence[str]) -> list[sources.Source]:
    """Return the sources with the wanted commands that redpoll lacks, best first."""
    wanted: list[sources.Source] = []
    for source in sorted(found, key=lambda source: source.rank):
        kept = {name: item for name, item in source.commands.items() if not known(name) and _matches(name, only)}
        if kept:
            wanted.append(replace(source, commands=kept))
    return wanted


def _described(commands: Mapping[str, Command], over: Overlay, skipped: dict[str, str]) -> dict[str, Command]:
    """Return the commands whose arguments are known, from the spec or from the overlay."""
    containers = {name.partition(" ")[0] for name in commands if " " in name}
    kept: dict[str, Command] = {}
    for name, command in commands.items():
        entry = over.entry(name)
        told = command.arguments or entry.arguments is not None or entry.signature or entry.exclude
        if told or name in containers or command.arity is None or command.arity == len(name.split(" ")):
            family = name.partition(".")[0].lower() if command.group == "module" and "." in name else command.group
            kept[name] = replace(command, group=family)
        else:
            skipped[name] = (
                f"nothing describes its arguments (arity {command.arity}): the overlay can, with `arguments`"
                f' or `signature` (its hash: spec = "{node_hash(command)}")'
            )
    return kept


def _check(
    over: Overlay,
    commands: Mapping[str, Command],
    found: Sequence[sources.Source],
    order: Order,
    used: set[str] | None = None,
) -> None:
    """Raise where an entry or summary is of no use; with ``used``, of those commands only, where a part is not."""
    given = {name for source in found for name in source.commands}
    faults: list[str] = []
    for name, entry in over.entries.items():
        where = f"{entry.file}: {name}"
        if known(name):
            faults.append(f"{where}: redpoll has this command itself")
        elif name in given and not _matches(name, order.only):
            continue
        elif used is None or name in used:
            faults += overlay.entry_faults(entry, commands, used=used is not None)
    if faults:
        raise OverlayError("\n".join(faults))


def lower(made: Made, commands: Mapping[str, Command], over: Overlay) -> None:
    """Add the methods of commands, and to ``skipped`` those that none can be made of."""
    modules: dict[str, str] = {}
    containers = frozenset(name.partition(" ")[0] for name in commands if " " in name)
    for name, command in commands.items():
        try:
            modules[name] = naming.module_name(command, containers)
        except ir.LoweringError as error:
            made.skipped[name] = f"its group: {error}"
    kept = {name: command for name, command in commands.items() if name in modules}
    aim = generate.Purpose(False, _taken())
    made.methods, faults = generate.lowered(kept, over, modules, containers, aim)
    made.skipped |= {name: line.removeprefix(f"{name}: ") for name, line in faults.items()}


def _taken() -> dict[str, str]:
    """Return the names that clients, batches and their commands have already."""
    from redpoll import Dedicated, Pipeline, Redis

    return dict.fromkeys((name for kind in (Redis, Dedicated, Pipeline) for name in dir(kind)), "redpoll itself")


def _render(made: Made, prefix: str) -> None:
    if not made.methods:
        reasons = "".join(f"\n  {name}: {why}" for name, why in sorted(made.skipped.items()))
        raise generate.GenerationError(f"no command is left that redpoll lacks and that can be made a method{reasons}")
    env = render.environment()
    by_module: dict[str, list[ir.Method]] = {}
    for item in made.methods:
        by_module.setdefault(item.module, []).append(item)
    contents = [render.module(name, items) for name, items in sorted(by_module.items())]
    clash = [face.name for content in contents for face in content.faces if face.name == f"{prefix}Commands"]
    if clash:
        raise generate.GenerationError(f"--prefix {prefix}: a module's class is called {clash[0]} already")
    files = {f"{content.name}.py": render.module_source(env, content, render.OWN_HEADER) for content in contents}
    files["__init__.py"] = render.init_source(env, contents, prefix)
    made.files = {name: generate.formatted(name, text) for name, text in sorted(files.items())}
