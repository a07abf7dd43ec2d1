"""What no server of the tests has is marked as not yet confirmed, by a rule, and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import redpoll.commands
from codegen import generate, spec, tested, verify
from codegen.spec import Command, SpecError
from codegen.tested import Server
from tests.codegen.synthetic import block, command, token

UNCONFIRMED = {
    "array": 18, "bf": 11, "cf": 13, "cms": 6, "hash": 5, "json": 27, "list": 2, "search": 29, "server": 8, "set": 2,
    "stream": 1, "string": 1, "suggestion": 4, "tdigest": 14, "timeseries": 21, "topk": 7,
}  # fmt: skip
"""How many commands of each group no server of the tests has."""


@pytest.fixture(scope="module")
def commands() -> dict[str, Command]:
    return spec.load(generate.ROOT / "commands.json")


def test_how_many_are_not_confirmed(commands: dict[str, Command]) -> None:
    names = tested.unconfirmed(commands, tested.load())
    found = Counter(commands[name].group for name in names)
    print(f"{len(commands) - len(names)} of {len(commands)} commands confirmed; not: {dict(sorted(found.items()))}")
    assert found == UNCONFIRMED
    assert len(names) == 169
    assert len([name for name in names if commands[name].module is None]) == 37


def test_their_methods_say_so_and_no_others() -> None:
    commands, methods = verify.lowered()
    names = tested.unconfirmed(commands, tested.load())
    marked = {method.command for method in methods if method.doc.endswith(f"{tested.UNCONFIRMED}.")}
    every = {method.command for method in methods}
    print(f"{len(every) - len(marked)} of {len(every)} methods confirmed")
    assert marked == names & every
    assert (len(marked), len(every)) == (164, 582)
    assert str(redpoll.commands.Commands.argrep.__doc__).rstrip().endswith(f"{tested.UNCONFIRMED}.")
    assert tested.UNCONFIRMED not in str(redpoll.commands.Commands.get.__doc__)


OPTIONS = {
    "XREAD": ("MAXCOUNT", "MAXSIZE"),
    "XREADGROUP": ("MAXCOUNT", "MAXSIZE"),
    "ZINTER": ("COUNT",),
    "ZINTERSTORE": ("COUNT",),
    "ZUNION": ("COUNT",),
    "ZUNIONSTORE": ("COUNT",),
}
"""The options of confirmed commands that are newer than the servers of the tests."""


def test_options_that_are_not_confirmed(commands: dict[str, Command]) -> None:
    servers = tested.load()
    confirmed = commands.keys() - tested.unconfirmed(commands, servers)
    found = {name: options for name in sorted(confirmed) if (options := tested.newer(commands[name], servers))}
    print(f"{sum(map(len, found.values()))} options not confirmed")
    assert found == OPTIONS
    assert f"{tested.UNCONFIRMED}: MAXCOUNT, MAXSIZE." in str(redpoll.commands.Commands.xread.__doc__)
    assert tested.UNCONFIRMED not in str(redpoll.commands.Commands.set.__doc__)


def of(*modules: str, lacks: tuple[str, ...] = ()) -> Server:
    return Server("Redis", "redis", (8, 2, 3), frozenset(modules), frozenset(lacks))


@pytest.mark.parametrize(
    ("since", "has"), [("8.2.3", True), ("8.2", True), ("1.0.0", True), ("8.2.4", False), ("8.10.0", False)]
)
def test_the_version_decides(since: str, has: bool) -> None:
    assert of().has(command("CMD", providers={"redis": since})) is has


def test_another_provider_has_other_commands() -> None:
    assert not of().has(command("CMD", providers={"valkey": "1.0.0"}))


def test_modules_are_there_where_they_are_named() -> None:
    item = command("CMD", module="vectorset")
    assert not of().has(item)
    assert of("vectorset").has(item)


def test_a_container_is_lacking_with_its_subcommands() -> None:
    assert not of(lacks=("CMD",)).has(command("CMD"))
    assert not of(lacks=("CMD",)).has(command("CMD SUB"))
    assert of(lacks=("CMD SUB",)).has(command("CMD"))
    assert of(lacks=("CMD",)).has(command("CMDX"))


def test_a_sentinel_counts_for_its_own_commands_alone(commands: dict[str, Command]) -> None:
    (valkey,) = [server for server in tested.load() if server.name == "Valkey Sentinel"]
    (redis,) = [server for server in tested.load() if server.name == "Redis Sentinel"]
    having = {name for name, item in commands.items() if valkey.has(item)}
    assert having == {name for name in commands if name.partition(" ")[0] == "SENTINEL"}
    assert {name for name in having if not redis.has(commands[name])} == {
        f"SENTINEL {name}" for name in ("GET-PRIMARY-ADDR-BY-NAME", "IS-PRIMARY-DOWN-BY-ADDR", "PRIMARIES", "PRIMARY")
    }


def test_newer_options_are_told_by_their_own_providers() -> None:
    old = token("OLD", optional=True, since="8.0.0")
    other = token("OTHER", optional=True, since="1.0.0", providers={"valkey": "1.0.0"})
    inner = token("INNER", since="9.0.0")
    item = command("CMD", old, other, block("b", token("OUTER"), inner, optional=True))
    assert tested.newer(item, [of()]) == ("OTHER", "INNER")
    assert tested.newer(item, [of(), Server("Valkey", "valkey", (9, 1))]) == ("OTHER", "INNER")
    assert tested.note(item, [of(lacks=("CMD",))]) == "Not yet confirmed on a live server."
    assert tested.note(command("CMD", old), [of()]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["A"]\nprovider = "redis"', "version"),
        ('["A"]\nprovider = "redis"\nversion = "new"', "no list of numbers"),
        ('["A"]\nprovider = "redis"\nversion = "1.0"\nhas = ["GET"]', "has"),
    ],
)
def test_a_wrong_list_of_servers(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "servers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        tested.load(path)
