"""The table of versions: what each word of a tree inherits, and what a row says."""

from __future__ import annotations

from codegen.since import dated, rows
from tests.codegen.synthetic import block, command, token

BOTH = {"redis": "2.0.0", "valkey": "2.0.0"}


def test_a_node_is_never_older_than_what_it_is_in() -> None:
    inner = token("INNER", since="1.0.0")
    outer = block("b", token("OUTER"), inner, optional=True, since="10.0.0")
    valkey = block("v", token("ONLY"), optional=True, providers={"valkey": "9.0.0"})
    found = list(dated(command("CMD", token("OLD"), outer, valkey, token("TWO WORDS")).arguments, BOTH))
    new = {"redis": "10.0.0", "valkey": "10.0.0"}
    assert found == [
        ("OLD", BOTH), ("OUTER", new), ("INNER", new), ("ONLY", {"valkey": "9.0.0"}), ("TWO", BOTH), ("WORDS", BOTH),
    ]  # fmt: skip


def test_rows() -> None:
    again = block("b", token("twice", since="9.0.0"), token("NEW"), optional=True, since="9.0.0")
    commands = {
        "CMD": command("CMD", token("TWICE"), again, providers={"redis": "8.0.0"}),
        "M.CMD": command("M.CMD", module="m", providers={"redis": "1.0.0"}),
        "VADD": command("VADD", token("A:B"), module="vectorset", providers={"valkey": "9.0.0"}),
    }
    assert rows(commands) == {
        "CMD": ("8.0.0", "", "", "TWICE", {"NEW": ("9.0.0", "")}),
        "M.CMD": ("1.0.0", "", "m", "", {}),
        "VADD": ("", "9.0.0", "", "A:B", {}),
    }
