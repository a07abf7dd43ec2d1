"""``python -m codegen upgrade``: take up new specs, regenerate, prove, and report what changed for the changelog.

The report has the changelog's sections, and behind them what is left to do: summaries to write, overlay entries to look
at, commands that the rules cannot make a method of. As long as something is, ``commands.json`` is new, the generated
tree is the old one, and the command can simply be run again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import changes, generate, importer, overlay, spec, writing
from .fields import SpecError
from .places import ROOT

COMMANDS: Final = ROOT / "commands.json"
SCHEMES: Final = ("redis://", "rediss://", "valkey://", "valkeys://")


@dataclass(slots=True)
class Draft:
    """What a spec would give.

    Attributes:
        commands: the spec.
        files: the sources, not formatted.
        failed: the commands that have no method, each with the reason.
        stale: what the overlay must say first, a line each.
    """

    commands: Mapping[str, spec.Command]
    files: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    stale: list[str] = field(default_factory=list[str])


def run(specs: Sequence[str], report: Path, *, alone: bool = False) -> int:
    """Upgrade to the given specs.

    Args:
        specs: files, folders, http(s) addresses, and URLs of running servers.
        report: the Markdown file to write.
        alone: the specs replace ``commands.json``; else they are merged on top of it.

    Returns:
        The exit code: 0; 1 where something is left to do or the proofs fail; 2 where a spec cannot be read.
    """
    servers = [place for place in specs if place.startswith(SCHEMES)]
    places = [place for place in specs if not place.startswith(SCHEMES)]
    try:
        code = importer.run(places, servers, COMMANDS, on_top=not alone)
        if code:
            return code
        over = overlay.load()
        new = draft(spec.load(COMMANDS), over)
        tree = writing.read(generate.OUTPUT)
    except (SpecError, overlay.OverlayError, generate.GenerationError, writing.WriteError) as error:
        print(error, file=sys.stderr)
        return 2
    text = describe(tree, new)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text, encoding="utf-8")
    print(text)
    print(f"written to {report}")
    if new.failed or new.stale:
        return 1
    return generate.run() or _prove()


def draft(commands: Mapping[str, spec.Command], over: overlay.Overlay) -> Draft:
    """Return what a spec would give, though the overlay was written for another one.

    Raises:
        GenerationError: a group that no module can be named after.
    """
    containers, modules = generate.layout(commands)
    known = overlay.Overlay({name: over.entry(name) for name in commands if name in over.entries}, over.summaries)
    made = Draft(commands)
    methods, made.failed = generate.lowered(commands, known, modules, containers, generate.purpose())
    made.files = generate.sources(commands, known, methods)
    for name, entry in over.entries.items():
        made.stale += overlay.entry_faults(entry, commands, used=name not in made.failed)
    made.stale += [f"{overlay.SUMMARIES}: {name} has no summary" for name in commands if name not in over.summaries]
    made.stale += [
        f"{overlay.SUMMARIES}: {name}: there is no such command" for name in over.summaries.keys() - commands
    ]
    return made


def describe(tree: Mapping[str, str], new: Draft) -> str:
    """Return the report on a tree of generated files, by name, and on what takes its place."""
    before, after = changes.surface(tree), changes.surface(new.files)
    # What cannot be made now is not removed, but left to do.
    before = {name: item for name, item in before.items() if item.command not in new.failed}
    parts = [changes.markdown(before, after) or "No method changes.\n"]
    todo = [*new.failed.values(), *new.stale, *changes.unfollowed(before, after)]
    if todo:
        parts.append("\n".join(["### To do", "", *(f"- {line}" for line in todo), ""]))
    return "\n".join(parts)


def _prove() -> int:
    """Run the proofs on what was just written, in a process that imports it anew; return the exit code."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    command = [sys.executable, "-m", f"{__package__}.verify"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
