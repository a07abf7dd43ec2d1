"""The day a server ships: what an upgrade reports, rehearsed along the versions that ``commands.json`` knows.

``python -m tests.codegen.test_upgrade`` writes the expected reports anew.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from codegen import changes, generate, overlay, spec, upgrade
from codegen.__main__ import main
from codegen.overlay import ReplyCase
from codegen.places import ROOT
from codegen.spec import Command
from tests.codegen.history import as_of
from tests.codegen.synthetic import KEY, command, leaf, make, token

EXPECTED = Path(__file__).parent / "upgrades"
LADDER = (
    ("redis-7.0.15", {"redis": "7.0.15"}),
    ("redis-8.6", {"redis": "8.6.3"}),
    ("redis-8.10", {"redis": "8.10.0"}),
    ("valkey-9.1", {"redis": "8.10.0", "valkey": "9.1.2"}),
)
STEPS = list(range(1, len(LADDER)))


@cache
def commands() -> dict[str, Command]:
    return spec.load(ROOT / "commands.json")


@cache
def drafted(number: int) -> upgrade.Draft:
    return upgrade.draft(as_of(commands(), LADDER[number][1]), overlay.load())


def report(number: int) -> str:
    """Return what the step to a version of the ladder reports.

    The overlay is today's; a command that it cannot be applied to at one of the two versions is not compared.
    """
    old, new = drafted(number - 1), drafted(number)
    unmade = old.failed.keys() | new.failed.keys()
    before, after = (
        {name: item for name, item in changes.surface(draft.files).items() if item.command not in unmade}
        for draft in (old, new)
    )
    lines = [f"### Not compared\n\n- {', '.join(f'`{name}`' for name in sorted(unmade))}\n"] if unmade else []
    quiet = [f"- {line}" for line in changes.unfollowed(before, after)]
    lines += ["\n".join(["### Same method, other arguments", "", *quiet, ""])] if quiet else []
    return "\n".join([changes.markdown(before, after), *lines])


def file_of(number: int) -> Path:
    return EXPECTED / f"{LADDER[number - 1][0]}-to-{LADDER[number][0]}.md"


@pytest.mark.parametrize("number", STEPS, ids=[LADDER[number][0] for number in STEPS])
def test_each_step_reports_what_came_with_it(number: int) -> None:
    assert report(number) == file_of(number).read_text(encoding="utf-8")


def test_the_steps_are_all_that_is_expected() -> None:
    assert sorted(EXPECTED.iterdir()) == sorted(map(file_of, STEPS))


def test_the_past_leads_to_the_present() -> None:
    now = {
        name: item
        for name, item in commands().items()
        if item.group != "sentinel" and item.module in (None, "vectorset")
    }
    assert as_of(commands(), {"redis": "99", "valkey": "99"}) == now
    last = drafted(len(LADDER) - 1)
    assert last.commands == now
    assert last.failed == {}
    assert [line for line in last.stale if "there is no such command" not in line] == []
    sizes = [len(drafted(number).commands) for number in range(len(LADDER))]
    assert sizes == sorted(sizes)
    first = as_of(commands(), {"redis": "7.0.15"})
    assert "HEXPIRE" not in first
    assert "IFEQ" not in str(first["SET"].arguments)
    assert first["SETEX"].deprecated_since == "2.6.12"


# What a report says


def described(old: Command, new: Command, reply: tuple[str, str] = ("any", "any")) -> str:
    files = [
        make(item, reply=(ReplyCase((), is_),)).files if is_ != "any" else make(item).files
        for item, is_ in zip((old, new), reply, strict=True)
    ]
    return changes.markdown(*map(changes.surface, files))


def test_a_report_in_full() -> None:
    old = command("GET", KEY, leaf("count", "integer", optional=True), leaf("x", token="X", optional=True))
    new = command(
        "GET", KEY, leaf("count", "double", optional=True), token("FULL", optional=True), deprecated_since="9.0.0",
        replaced_by=["HGET"],
    )  # fmt: skip
    assert described(old, new, ("any", "int")) == (
        "### Changed\n\n"
        "- `GET`: `get`\n"
        "  - new parameter `full: bool = False`\n"
        "  - no parameter `x` any more\n"
        "  - parameter `count: float | None = None`, was `count: int | None = None`\n"
        "  - returns `int`, was `Any`\n"
        "\n### Deprecated\n\n"
        "- `GET`: since 9.0.0: use HGET\n"
    )
    assert described(new, new) == ""


def test_new_and_removed_commands() -> None:
    assert described(command("GET", KEY), command("MGET", KEY, providers={"redis": "1.0.0", "valkey": "2.0.0"})) == (
        "### Added\n\n"
        "- `MGET`: `mget(key: Key, /) -> Any` (Redis 1.0.0, Valkey 2.0.0)\n"
        "\n### Removed\n\n"
        "- `GET`: `get`\n"
    )


def test_overloads_and_order_are_told() -> None:
    full, more = token("FULL", optional=True), token("MORE", optional=True)
    one, two = (
        make(command("GET", KEY, full, more), reply=(ReplyCase((flag,), "int"), ReplyCase((), "text"))).files
        for flag in ("full", "more")
    )
    assert changes.markdown(changes.surface(one), changes.surface(two)).endswith(
        "- `GET`: `get`\n  - other overloads\n"
    )
    assert described(command("GET", KEY, full, more), command("GET", KEY, more, full)).endswith(
        "- `GET`: `get`\n  - another order of parameters\n"
    )


# The command


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one command, whose overlay knows a second one too."""
    monkeypatch.setattr(upgrade, "COMMANDS", tmp_path / "commands.json")
    monkeypatch.setattr(upgrade, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "OUTPUT", tmp_path / "commands")
    monkeypatch.setattr(upgrade, "_prove", lambda: 0)
    (tmp_path / "overlay").mkdir()
    monkeypatch.setattr(overlay, "load", lambda load=overlay.load: load(tmp_path / "overlay"))
    (tmp_path / "commands.json").write_text(spec.dump([command("GET", KEY)]), encoding="utf-8")
    summaries(tmp_path, GET="Return a value.")
    assert generate.run() == 0
    return tmp_path


def summaries(root: Path, **texts: str) -> None:
    lines = ["[summaries]", *(f"{name} = {json.dumps(text)}" for name, text in texts.items())]
    (root / "overlay" / "summaries.toml").write_text("\n".join(lines), encoding="utf-8")


def put(root: Path, **entries: Any) -> str:
    facts = {"since": "9.9.9", "group": "string", "arity": 2, "arguments": [KEY], "summary": "s", "acl_categories": []}
    path = root / "redis-9.9.9.json"
    path.write_text(json.dumps({name: facts | entry for name, entry in entries.items()}), encoding="utf-8")
    return str(path)


def test_an_upgrade_waits_for_what_must_be_done_by_hand(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in (checkout / "commands").iterdir()}
    place = put(checkout, GET={"since": "1.0.0", "deprecated_since": "9.9.9"}, FETCH={})
    words = ["upgrade", place, "--report", str(checkout / "out" / "report.md")]
    assert main(words) == 1
    text = (checkout / "out" / "report.md").read_text(encoding="utf-8")
    assert text == (
        "### Added\n\n- `FETCH`: `fetch(key: Key, /) -> Any` (Redis 9.9.9)\n"
        "\n### Deprecated\n\n- `GET`: since 9.9.9\n"
        "\n### To do\n\n- summaries.toml: FETCH has no summary\n"
    )
    assert text in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (checkout / "commands").iterdir()} == before
    assert "FETCH" in spec.load(checkout / "commands.json")

    assert main(words) == 1  # nothing was done, so the same is left
    assert (checkout / "out" / "report.md").read_text(encoding="utf-8") == text
    summaries(checkout, GET="Return a value.", FETCH="Fetch a value.")
    assert main(words) == 0
    assert (checkout / "out" / "report.md").read_text(encoding="utf-8") == text.partition("\n### To do")[0]
    assert "async def fetch(" in (checkout / "commands" / "string.py").read_text(encoding="utf-8")
    assert main(words) == 0
    assert (checkout / "out" / "report.md").read_text(encoding="utf-8") == "No method changes.\n"


def test_a_command_that_cannot_be_made_is_left_to_do_and_not_removed(checkout: Path) -> None:
    place = put(checkout, GET={"since": "1.0.0", "arguments": [KEY, KEY]})
    assert main(["upgrade", place, "--report", str(checkout / "report.md")]) == 1
    assert (checkout / "report.md").read_text(encoding="utf-8") == (
        "No method changes.\n\n### To do\n\n- GET: two parameters are called 'key'\n"
    )


def test_an_upgrade_alone_takes_commands_away(checkout: Path) -> None:
    place = put(checkout, FETCH={})
    summaries(checkout, FETCH="Fetch a value.")
    assert main(["upgrade", place, "--alone", "--report", str(checkout / "report.md")]) == 0
    assert (checkout / "report.md").read_text(encoding="utf-8").endswith("### Removed\n\n- `GET`: `get`\n")


def test_an_upgrade_to_nothing_readable(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (checkout / "commands.json").read_bytes()
    (checkout / "bad.json").write_text("{", encoding="utf-8")
    assert main(["upgrade", str(checkout / "bad.json"), "redis://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith("import: bad.json: is no JSON")
    assert (checkout / "commands.json").read_bytes() == before


def test_the_proofs_decide(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "_prove", lambda: 1)
    assert main(["upgrade", put(checkout, GET={"since": "1.0.0"}), "--report", str(checkout / "report.md")]) == 1


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    for step in STEPS:
        file_of(step).write_text(report(step), encoding="utf-8")
