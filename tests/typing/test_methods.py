"""Every command of the union of all servers and modules is a method, or has none for a reason.

``expected_methods.txt`` lists them all, with the method or the reason; ``python -m tests.typing.test_methods`` writes it
anew. A command that none of the tests' servers has is marked as not confirmed.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from codegen import overlay, tested
from codegen.verify import lowered
from redpoll.commands import Commands, QueuedCommands, QueuedStateCommands, StateCommands

EXPECTED = Path(__file__).parent / "expected_methods.txt"
CONTAINER = "no method: a name that only its subcommands complete"


def rows() -> dict[str, str]:
    """Return what each command is, by its name."""
    commands, methods = lowered()
    found = {method.command: method.name for method in methods}
    reasons = {name: entry.why for name, entry in overlay.load().entries.items() if entry.exclude}
    containers = {name.partition(" ")[0] for name in commands if " " in name}
    unconfirmed = tested.unconfirmed(commands, tested.load())
    result: dict[str, str] = {}
    for name in sorted(commands):
        if name in found:
            result[name] = found[name] + (" (not confirmed)" if name in unconfirmed else "")
        elif name in reasons:
            result[name] = f"no method: {reasons[name]}"
        elif name in containers:
            result[name] = CONTAINER
    return result


def text() -> str:
    """Return the table: a head that counts, and a line for each command."""
    found = rows()
    kinds = Counter(kind(what) for what in found.values())
    head = ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))
    return f"{len(found)} commands: {head}\n\n" + "".join(f"{name}: {what}\n" for name, what in found.items())


def kind(what: str) -> str:
    if what == CONTAINER:
        return "containers"
    return "without a method" if what.startswith("no method") else "methods"


def test_no_command_is_left_out() -> None:
    commands = lowered()[0]
    print(text().partition("\n")[0])
    assert rows().keys() == commands.keys()


def test_the_table_is_as_reviewed() -> None:
    assert text().splitlines() == EXPECTED.read_text(encoding="utf-8").splitlines()


def test_the_methods_are_there() -> None:
    for method in lowered()[1]:
        faces = (StateCommands, QueuedStateCommands) if method.facts.dedicated else (Commands, QueuedCommands)
        for face in faces:
            assert callable(getattr(face, method.name)), f"{face.__name__}.{method.name}"


if __name__ == "__main__":
    EXPECTED.write_text(text(), encoding="utf-8")
