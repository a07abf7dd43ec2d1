"""The table of what was asked of each server, and the part of it that is pinned.

``expected_table.txt`` shows for each server how many of its documented commands gave a checked value, which have no method
and why, which gave no value, and each way in which calls were refused: a change of the proof is seen in review.
``python -m tests.live.proof.table`` runs the proof and writes it anew.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from codegen.spec import Command
from redpoll.testing.binaries import bundled_server
from tests.live.proof.judge import Fault, faults
from tests.live.proof.known import KNOWN, NEW, OLD, R8, Known, V
from tests.live.proof.run import Server, generated, prove
from tests.servers import cached_redis, falkordb_redis

EXPECTED = Path(__file__).parent / "expected_table.txt"
HEAD = "server        documented called  share values refused skipped internal  calls refused  deviate left out"


@dataclass
class Proof:
    """What came of one server.

    Attributes:
        name: by which ``KNOWN`` calls it.
        exact: it is of the version that ``KNOWN`` was written for.
        server: its calls.
        skipped: documented commands that have no method, with the reason; internal ones are not among them.
        internal: commands that servers send to each other.
        found: all deviations.
        used: entries of ``KNOWN`` that covered one.
    """

    name: str
    exact: bool
    server: Server
    skipped: dict[str, str]
    internal: dict[str, str]
    found: list[Fault] = field(default_factory=list[Fault])
    used: set[Known] = field(default_factory=set[Known])

    @classmethod
    def of(cls, name: str, binary: Path, folder: Path) -> Proof:
        """Make all calls on servers of one program."""
        server = asyncio.run(prove(binary, folder))
        skipped, internal = split(server.documented)
        return cls(name, server.label.startswith(f"{name}."), server, skipped, internal, list(faults(server)))

    def unknown(self, *kinds: str) -> list[Fault]:
        """Return the deviations of some kinds that no entry of ``KNOWN`` covers."""
        left: list[Fault] = []
        for fault in self.found:
            entry = next((entry for entry in KNOWN if entry.covers(fault, self.name)), None)
            if entry is not None:
                self.used.add(entry)
            elif fault.kind in kinds:
                left.append(fault)
        return left

    @property
    def public(self) -> int:
        return len(self.server.documented) - len(self.internal)

    @property
    def called(self) -> int:
        return sum(bool(calls) for calls in self.server.calls.values())

    @property
    def valued(self) -> int:
        """How many commands gave a value over both protocols, and all their values are as promised."""
        wrong = {fault.command for fault in self.unknown("decode", "type", "protocol", "schema")}
        return sum(
            command not in wrong and all(any(not made.answers[protocol].error for made in calls) for protocol in (2, 3))
            for command, calls in self.server.calls.items()
        )

    def row(self) -> str:
        """Return the server's line of the table."""
        made = [each for calls in self.server.calls.values() for each in calls]
        answers = [answer for each in made for answer in each.answers.values()]
        refused = sum(answer.refused for answer in answers)
        left = sum(map(len, self.server.newer.values()))
        return f"{self._counts(self.server.label)}  {len(answers):5} {refused:7} {len(self.found):8} {left:8}"

    def _counts(self, label: str) -> str:
        return (
            f"{label:13} {self.public:10} {self.called:6} {self.called / self.public:6.1%} {self.valued:6} "
            f"{self.called - self.valued:7} {len(self.skipped):7} {len(self.internal):8}"
        )

    def section(self) -> str:
        """Return what is pinned of it: what neither chance nor the number of enumerated calls changes."""
        lines = [self._counts(self.name), "  no method:"]
        lines += [f"    {name}: {why}" for name, why in sorted({**self.skipped, **self.internal}.items())]
        lines.append("  refused:")
        for command, calls in sorted(self.server.calls.items()):
            answers = [answer for made in calls for answer in made.answers.values()]
            mark = "" if any(not answer.error for answer in answers) else " (always)"
            kinds = {general(answer.error) for answer in answers if answer.refused}
            lines += [f"    {command}{mark}: {kind}" for kind in sorted(kinds)]
        return "\n".join(lines) + "\n"


def general(error: str) -> str:
    """Return a server's error without what differs from call to call."""
    text = error.partition(" [")[0].rstrip()
    text = re.sub(r"\b[0-9a-f]{40}\b", "ID", text)
    text = re.sub(r"(?<=['\"])[^'\"]+(?=['\"])", "…", text) if text.count("'") % 2 == 0 else text
    return re.sub(r"sample-\d+|\d+(\.\d+){3}:\d+|\b\d+(-\d+)?\b", "…", text)


def split(documented: dict[str, Command]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the documented commands without a method, with the overlay's reason: public ones, and internal ones."""
    without = generated()[2]
    reasons = {name: without.get(name, "no spec") for name in documented if name not in generated()[1]}
    internal = {name: why for name, why in reasons.items() if why.startswith("internal")}
    return {name: why for name, why in reasons.items() if name not in internal}, internal


def pinned() -> dict[str, str]:
    """Return the expected section of each server."""
    found: dict[str, str] = {}
    for section in EXPECTED.read_text(encoding="utf-8").split("\n\n")[1:]:
        name = next(name for name in (V, OLD, R8, NEW) if section.startswith(name))
        found[name] = section.rstrip("\n") + "\n"
    return found


def main() -> None:
    """Prove all servers and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        programs = {
            V: bundled_server(),
            OLD: cached_redis("REDPOLL_REDIS7", r"7\.0\.\d+"),
            R8: falkordb_redis(path),
            NEW: cached_redis("REDPOLL_REDIS86", r"8\.6\.\d+"),
        }
        sections: list[str] = []
        for name, program in programs.items():
            if program is None:
                raise SystemExit(f"{name} is missing")
            proof = Proof.of(name, program, path)
            print(proof.row())
            sections.append(proof.section())
    head = HEAD.partition("  calls")[0]
    EXPECTED.write_text("\n".join([f"{head}\n", *sections]), encoding="utf-8")


if __name__ == "__main__":
    main()
