import collections
import contextlib
import functools
import http.server
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen import importer, sources, spec
from codegen.__main__ import main
from codegen.spec import Argument, SpecError
from codegen.trees import merge_trees
from redpoll.testing import EmbeddedServer
from tests.codegen.scripted import docs, row, server_of, serving

ROOT = Path(__file__).resolve().parents[2]

KEY = {"name": "key", "type": "key", "display_text": "key", "key_spec_index": 0}
DOC_KEY_SPEC = {
    "begin_search": {"type": "index", "spec": {"index": 1}},
    "find_keys": {"type": "range", "spec": {"lastkey": 0, "keystep": 1, "limit": 0}},
    "notes": "why",
    "RO": True,
    "access": True,
}
SOURCE_KEY_SPEC = {
    "begin_search": {"index": {"pos": 1}},
    "find_keys": {"range": {"lastkey": 0, "step": 1, "limit": 0}},
    "flags": ["RO", "ACCESS"],
    "notes": "why",
}


def entry(**facts: Any) -> dict[str, Any]:
    return {
        "summary": "A sentence.",
        "since": "1.0.0",
        "group": "string",
        "complexity": "O(1) mostly, O(N) where N is large, O(1) again",
        "history": [["2.0.0", "Grew."]],
        "acl_categories": ["@slow", "@read"],
        "arity": 2,
        "key_specs": [DOC_KEY_SPEC],
        "arguments": [KEY],
        "command_flags": ["readonly", "fast"],
        "hints": ["nondeterministic_output"],
        **facts,
    }


def put(path: Path, data: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return str(path)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "commands.json"


def run(output: Path, *words: str) -> dict[str, Any]:
    assert main(["import", "--output", str(output), *words]) == 0
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return found


# --- the committed file -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed() -> dict[str, spec.Command]:
    return spec.load(ROOT / "commands.json")


def test_the_committed_file_is_the_whole_union(committed: dict[str, spec.Command]) -> None:
    groups = collections.Counter(command.group for command in committed.values())
    providers = collections.Counter(provider for command in committed.values() for provider in command.providers)
    assert len(committed) >= 621
    assert providers["redis"] >= 603
    assert providers["valkey"] >= 425
    for group, least in {
        "sentinel": 26,
        "search": 29,
        "json": 27,
        "timeseries": 21,
        "bf": 11,
        "cf": 13,
        "cms": 6,
        "topk": 7,
        "tdigest": 14,
        "vectorset": 13,
        "suggestion": 4,
        "stream": 30,
        "array": 18,
        "sorted-set": 35,
    }.items():
        assert groups[group] >= least, group
    assert "module" not in groups
    assert not any(name.startswith("_") for name in committed)
    assert [name for name, command in committed.items() if command.arity is None] == [
        "JSON.DEBUG HELP",
        "JSON.DEBUG MEMORY",
    ]


def test_the_committed_file_holds_no_prose() -> None:
    prose = {"summary", "history", "notes", "description", "title", "container"}

    def walk(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert key not in prose, f"{place}.{key}"
                # Names of the reply's own fields are facts: COMMAND DOCS has one called "summary".
                if key in ("properties", "patternProperties"):
                    for name, schema in inner.items():
                        walk(schema, f"{place}.{key}.{name}")
                else:
                    walk(inner, f"{place}.{key}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, f"{place}[{index}]")

    for name, command in json.loads((ROOT / "commands.json").read_bytes()).items():
        walk(command, name)
        terms = command.get("complexity")
        assert terms is None or sources.complexity(terms) == terms


def test_the_committed_file_is_as_the_importer_writes_it(committed: dict[str, spec.Command], output: Path) -> None:
    text = (ROOT / "commands.json").read_text(encoding="utf-8")
    assert spec.dump(committed.values()) == text
    run(output, str(ROOT / "commands.json"))
    assert output.read_text(encoding="utf-8") == text


def test_valkey_only_arguments_are_in_the_committed_trees(committed: dict[str, spec.Command]) -> None:
    def tokens(nodes: tuple[Argument, ...], provider: str) -> Iterator[str | None]:
        for node in nodes:
            if set(node.providers) == {provider}:
                yield node.token or node.name
            yield from tokens(node.arguments, provider)

    for name, token in {
        "BGSAVE": "CANCEL",
        "CLIENT KILL": "NOT-ADDR",
        "CLIENT LIST": "LIB-NAME",
        "CLUSTER REPLICATE": "no-one",
        "CLUSTER SETSLOT": "TIMEOUT",
        "GEOSEARCH": "polygon",
        "GEOSEARCHSTORE": "polygon",
        "HSETEX": "key-condition",
        "SCRIPT DEBUG": "engine",
        "SHUTDOWN": "FAILOVER",
        "ZSCAN": "NOSCORES",
    }.items():
        assert token in set(tokens(committed[name].arguments, "valkey")), name
    assert "IFNE" in set(tokens(committed["SET"].arguments, "redis"))
    assert committed["DELIFEQ"].providers == {"valkey": "9.0.0"}


# --- reading sources ----------------------------------------------------------------------------------------------


def test_a_dump_is_reduced_to_facts(tmp_path: Path, output: Path) -> None:
    old = entry(
        deprecated_since="2.6.12",
        replaced_by="`SET` with the `!GET` argument",
        doc_flags=["deprecated"],
        arguments=[KEY, {"name": "n", "type": "integer", "display_text": "number", "token": "N", "optional": True}],
    )
    found = run(output, put(tmp_path / "commands.json", {"GETSET": old}))
    assert found == {
        "GETSET": {
            "since": "1.0.0",
            "group": "string",
            "complexity": "O(1), O(N)",
            "arity": 2,
            "providers": {"redis": "1.0.0"},
            "deprecated_since": "2.6.12",
            "replaced_by": ["SET"],
            "command_flags": ["fast", "readonly"],
            "doc_flags": ["deprecated"],
            "hints": ["nondeterministic_output"],
            "acl_categories": ["@read", "@slow"],
            "key_specs": [{key: value for key, value in DOC_KEY_SPEC.items() if key != "notes"}],
            "arguments": [
                {"name": "key", "type": "key", "key_spec_index": 0},
                {"name": "n", "type": "integer", "token": "N", "optional": True, "display_text": "number"},
            ],
        }
    }


def test_a_reply_schema_keeps_its_structure_and_loses_its_sentences(tmp_path: Path, output: Path) -> None:
    schema = {
        "description": "prose",
        "type": "object",
        "properties": {"description": {"type": "string", "title": "prose"}, "title": {"const": "description"}},
        "oneOf": [{"const": {"description": "a value"}}, {"description": "prose", "items": [{"type": "null"}]}],
    }
    source = {
        "container": "X",
        "since": "7.0.0",
        "group": "sorted_set",
        "arity": 3,
        "command_flags": ["READONLY", "FAST"],
        "command_tips": ["REQUEST_POLICY:ALL_NODES"],
        "acl_categories": ["SET", "READ"],
        "key_specs": [SOURCE_KEY_SPEC],
        "arguments": [{"name": "key", "type": "key", "display": "name", "multiple": "true", "description": "prose"}],
        "reply_schema": schema,
    }
    found = run(output, put(tmp_path / "valkey-9.0.0.json", {"X Y": source}))["X Y"]
    assert found["reply_schema"] == {
        "type": "object",
        "properties": {"description": {"type": "string"}, "title": {"const": "description"}},
        "oneOf": [{"const": {"description": "a value"}}, {"items": [{"type": "null"}]}],
    }
    assert found["providers"] == {"valkey": "7.0.0"}
    assert found["group"] == "sorted-set"
    assert found["command_flags"] == ["fast", "readonly"]
    assert found["hints"] == ["request_policy:all_nodes"]
    assert found["acl_categories"] == ["@read", "@set"]
    assert found["key_specs"] == [{key: value for key, value in DOC_KEY_SPEC.items() if key != "notes"}]
    assert found["arguments"] == [{"name": "key", "type": "key", "multiple": True, "display_text": "name"}]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("O(log(N)+M) with N being the number", "O(log(N)+M)"),
        ("O(K) + O(M*log(N)) where", "O(K) + O(M*log(N))"),
        ("O(N)+O(M log(M)) with", "O(N) + O(M log(M))"),
        ("O(1) when one, O(N) when many. O(1) then", "O(1), O(N)"),
        ("Depends on the script.", None),
        ("O(unbalanced", None),
        ("", None),
    ],
)
def test_complexity(text: str, terms: str | None) -> None:
    assert sources.complexity(text) == terms


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument", ["GEOSEARCH", "GEOSEARCHSTORE"]),
        ("`CLUSTER SHARDS`", ["CLUSTER SHARDS"]),
        ("CONFIG SET", ["CONFIG SET"]),
        ("just closing the connection", []),
    ],
)
def test_replacements(text: str, names: list[str]) -> None:
    assert sources.replacements(text) == names


def test_internal_and_undescribed_commands_are_left_out_aloud(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {"group": "module", "arity": -1, "module": "m", "command_flags": ["module"]}
    core = {
        "GET": entry(),
        "_M.DEBUG": bare,
        "_M.DEBUG X": bare,
        "M._LIST": {**bare, "since": "1.0.0"},
        "M._HIDDEN": {**bare, "since": "1.0.0"},
        "M.OLD": bare,
        "M.BOX": bare,
        "M.BOX IN": {**bare, "since": "1.2.0"},
        "M.NEW": {**bare, "since": "2.0.0"},
        "V.ADD": {**bare, "since": "2.0.0", "module": "Vectors"},
    }
    docs = {"M._LIST": {"since": "1.0.0", "group": "matrix", "complexity": "O(1)", "deprecated_since": "3.0"}}
    put(tmp_path / "in" / "core.json", core)
    put(tmp_path / "in" / "matrix.json", docs)
    found = run(output, str(tmp_path / "in"))
    assert sorted(found) == ["GET", "M.BOX", "M.BOX IN", "M.NEW", "M._LIST", "V.ADD"]
    assert found["M.BOX"]["since"] == "1.2.0"
    assert found["M.BOX"]["providers"] == {"redis": "1.2.0"}
    assert {name: command["group"] for name, command in found.items() if name != "GET"} == {
        "M.BOX": "matrix",
        "M.BOX IN": "matrix",
        "M.NEW": "matrix",
        "M._LIST": "matrix",
        "V.ADD": "vectors",
    }
    assert found["M._LIST"]["deprecated_since"] == "3.0"
    printed = capsys.readouterr().out
    for words in ("(2): _M.DEBUG\n", "(1): M._HIDDEN\n", "(1): M.OLD\n", "6 commands (6 of redis, 0 of valkey)"):
        assert words in printed


# --- merging ------------------------------------------------------------------------------------------------------


def small_world(folder: Path) -> list[str]:
    """Write one small source of each kind; return their paths."""
    value = {"name": "value", "type": "string"}
    nx = {"name": "nx", "type": "pure-token", "token": "NX", "optional": True, "since": "2.6.12"}
    lt = {"name": "lt", "type": "pure-token", "token": "LT", "optional": True, "since": "9.1.0"}
    schema = {"oneOf": [{"description": "prose", "const": "OK"}, {"type": "null"}]}
    new = {"SET": entry(arity=-3, arguments=[KEY, value, nx]), "NEW": entry(since="8.10.0")}
    old = {"SET": entry(arity=-3, arguments=[KEY, value], command_flags=["write"]), "OLD": entry(since="7.0.0")}
    theirs = {"SET": entry(arity=-3, arguments=[KEY, value, lt]), "ONLY": entry(since="9.0.0", group="set")}
    ours = {"SET": {"since": "1.0.0", "group": "string", "arity": -3, "reply_schema": schema}}
    ping = {
        "since": "2.8.4",
        "group": "sentinel",
        "arity": 2,
        "command_flags": ["ONLY_SENTINEL"],
        "reply_schema": {"const": "PONG"},
    }
    none = {"since": "8.0.0", "group": "server", "arity": 1, "command_flags": ["EXPERIMENTAL"], "container": "X"}
    return [
        put(folder / "docs.json", new),
        put(folder / "redis-7.2.0.json", old),
        put(folder / "valkey-9.1.0.json", theirs),
        put(folder / "schemas" / "redis-8.6.0.json", {**ours, "SENTINEL PING": ping, "GHOST": none}),
        put(folder / "schemas" / "valkey-9.1.0.json", {"SET": {**ours["SET"], "reply_schema": {"type": "string"}}}),
    ]


def test_every_kind_of_source_adds_its_part(tmp_path: Path, output: Path) -> None:
    found = run(output, *small_world(tmp_path))
    assert sorted(found) == ["NEW", "OLD", "ONLY", "SENTINEL PING", "SET"]
    assert found["SET"]["providers"] == {"redis": "1.0.0", "valkey": "1.0.0"}
    assert found["SET"]["command_flags"] == ["fast", "readonly"]  # the newest dump's, not the union
    assert found["SET"]["reply_schema"] == {"oneOf": [{"const": "OK"}, {"type": "null"}]}
    assert [node.get("providers") for node in found["SET"]["arguments"]] == [
        None,
        None,
        {"valkey": "9.1.0"},
        {"redis": "2.6.12"},
    ]
    assert found["ONLY"]["providers"] == {"valkey": "9.0.0"}
    assert found["SENTINEL PING"]["command_flags"] == ["only_sentinel"]


def test_neither_order_nor_repetition_matters(tmp_path: Path, output: Path) -> None:
    places = small_world(tmp_path / "in")
    run(output, str(tmp_path / "in"))
    text = output.read_bytes()
    for seed in range(5):
        random.Random(seed).shuffle(places)
        run(output, *places)
        assert output.read_bytes() == text
    assert text.endswith(b"}\n")


def test_merging_any_source_again_changes_nothing(tmp_path: Path, output: Path) -> None:
    places = small_world(tmp_path / "in")
    run(output, *places)
    text = output.read_bytes()
    for place in places:
        run(output, "--merge", place)
        assert output.read_bytes() == text, place


def test_sources_replace_and_merge_adds(tmp_path: Path, output: Path) -> None:
    run(output, put(tmp_path / "a.json", {"GET": entry()}))
    assert sorted(run(output, put(tmp_path / "b.json", {"SET": entry()}))) == ["SET"]
    assert sorted(run(output, "--merge", str(tmp_path / "a.json"))) == ["GET", "SET"]


def tree(*lines: str) -> tuple[Argument, ...]:
    """Build an argument tree: one node a line, indented by its depth; "?" optional, "=TOKEN", "|" oneof, "{" block."""
    nodes: list[tuple[int, Argument]] = []
    for line in lines:
        words = line.split()
        name, _, token = words[0].partition("=")
        kind: Any = "oneof" if "|" in words else "block" if "{" in words else "pure-token" if token else "string"
        node = Argument(name, kind, token=token or None, optional="?" in words)
        nodes.append((len(line) - len(line.lstrip()), node))

    def children(depth: int, start: int) -> tuple[tuple[Argument, ...], int]:
        found: list[Argument] = []
        while start < len(nodes) and nodes[start][0] == depth:
            node = nodes[start][1]
            inner, start = children(depth + 1, start + 1)
            found.append(replace(node, arguments=inner))
        return tuple(found), start

    return children(0, 0)[0]


def marks(nodes: tuple[Argument, ...], depth: int = 0) -> list[str]:
    found: list[str] = []
    for node in nodes:
        provider = "".join(f" {name}" for name in node.providers)
        found.append(" " * depth + (node.token or node.name) + (" ?" if node.optional else "") + provider)
        found.extend(marks(node.arguments, depth + 1))
    return found


@pytest.mark.parametrize(
    ("redis", "valkey", "merged"),
    [
        pytest.param(("a", "n=N ?"), ("a", "m=M ?", "n=N ?"), ["a", "M ? valkey", "N ?"], id="beside"),
        pytest.param(("a", "n=N ?"), ("a",), ["a", "N ? redis"], id="redis only"),
        pytest.param(("a", "n=N ?"), (), ["a", "N ?"], id="no tree, no news"),
        pytest.param(("a",), ("b", "n=N ?"), ["a"], id="a required argument differs: kept"),
        pytest.param(("old-a",), ("new-a", "n=N ?"), ["old-a", "N ? valkey"], id="a required argument renamed"),
        pytest.param(("c |", " x=X"), ("c |", " x=X", " y=Y"), ["c", " X", " Y valkey"], id="choice"),
        pytest.param(("s=S ?",), ("op | ?", " s=S", " c=C"), ["op ?", " S", " C valkey"], id="token becomes choice"),
        pytest.param(("id",), ("w |", " id", " b {", "  n=NO"), ["w", " id", " b valkey", "  NO"], id="wrap a leaf"),
        pytest.param(
            ("now=NOW ?", "abort=ABORT ?"),
            ("sel | ?", " b {", "  now=NOW ?", "  safe=SAFE ?", " abort=ABORT"),
            ["NOW ?", "SAFE ? valkey", "ABORT ?"],
            id="group dissolved",
        ),
        pytest.param(
            ("cond | ?", " fnx=FNX"),
            ("key-cond | ?", " nx=NX", "field-cond | ?", " fnx=FNX"),
            ["key-cond ? valkey", " NX", "cond ?", " FNX"],
            id="renamed choice",
        ),
        pytest.param(
            ("from |", " m=M", "by |", " r=R"),
            ("from | ?", " m=M", "by |", " r=R", " p=P"),
            ["from ?", " M", "by", " R", " P valkey"],
            id="optional for one is optional",
        ),
    ],
)
def test_merging_trees(redis: tuple[str, ...], valkey: tuple[str, ...], merged: list[str]) -> None:
    assert marks(merge_trees(tree(*redis), tree(*valkey), "1.0.0", "9.0.0")) == merged


def test_a_node_that_came_with_different_versions_says_both() -> None:
    ours, theirs = (replace(node, since=since) for node, since in zip(tree("n=N") * 2, ("8.4.0", "8.1.0"), strict=True))
    (merged,) = merge_trees((ours,), (theirs,), "1.0.0", "1.0.0")
    assert merged.providers == {"redis": "8.4.0", "valkey": "8.1.0"}


# --- the spec file ------------------------------------------------------------------------------------------------


def test_the_hash_of_a_node_covers_its_facts_and_not_its_form(committed: dict[str, spec.Command]) -> None:
    command = committed["SET"]
    digest = spec.node_hash(command)
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 16
    schema = command.reply_schema
    assert schema is not None
    turned = dict(reversed(schema.items()))
    same = replace(command, reply_schema=turned, flags=command.flags[::-1], complexity="O(N)", hints=("x",))
    assert spec.node_hash(same) == digest
    for other in (
        replace(command, arity=-4),
        replace(command, flags=(*command.flags, "fast")),
        replace(command, reply_schema={"type": "null"}),
        replace(command, arguments=command.arguments[::-1]),
    ):
        assert spec.node_hash(other) != digest
    assert len({command, same, command}) == 2  # the mappings inside do not keep it from being hashed


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"sinse": "1"}, "x.json: GET: unknown field 'sinse'"),
        ({"since": None}, "x.json: GET: 'since' is missing or empty"),
        ({"providers": {}}, "x.json: GET: 'providers' is missing or empty"),
        ({"providers": {"keydb": "1"}}, "x.json: GET.providers: unknown field 'keydb'"),
        ({"arity": "2"}, "x.json: GET.arity: an integer is needed, not a string"),
        ({"arity": True}, "x.json: GET.arity: an integer is needed, not a boolean"),
        ({"hints": "x"}, "x.json: GET.hints: a list is needed, not a string"),
        ({"hints": [1]}, "x.json: GET.hints[0]: a printable string is needed, not a number"),
        ({"group": "a\nb"}, r"x.json: GET.group: control characters in 'a\nb'"),
        ({"reply_schema": []}, "x.json: GET.reply_schema: an object is needed, not a list"),
        ({"arguments": [{"name": "a"}]}, "x.json: GET.arguments[0]: no argument type"),
        (
            {"arguments": [{"name": "a", "type": "block", "arguments": [{"name": "b", "type": "foo"}]}]},
            "x.json: GET.arguments[0].arguments[0]: unknown argument type 'foo'",
        ),
        (
            {"arguments": [{"name": "a", "type": "pure-token"}]},
            "x.json: GET.arguments[0]: a pure-token without a token",
        ),
        ({"arguments": [{"name": "a", "type": "oneof"}]}, "x.json: GET.arguments[0]: oneof without arguments"),
        ({"arguments": [{"name": "a", "type": "key", "optional": 1}]}, "true or false is needed, not a number"),
        ({"key_specs": [{}]}, "x.json: GET.key_specs[0].begin_search: an object is needed, not null"),
        (
            {"key_specs": [{**DOC_KEY_SPEC, "notes": None, "begin_search": {"type": "psychic", "spec": {}}}]},
            "x.json: GET.key_specs[0].begin_search: unknown type 'psychic'",
        ),
    ],
)
def test_the_reader_is_strict(patch: dict[str, Any], message: str) -> None:
    good = {"since": "1.0.0", "group": "string", "arity": 2, "providers": {"redis": "1.0.0"}}
    assert spec.from_json({"GET": good}, "x.json")["GET"].since == "1.0.0"
    with pytest.raises(SpecError) as caught:
        spec.from_json({"GET": good | patch}, "x.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# --- failures -----------------------------------------------------------------------------------------------------


def refused(output: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run an import that must fail; return its one line."""
    output.write_text("precious", encoding="utf-8")
    assert main(["import", "--output", str(output), *words]) == 2
    assert output.read_text(encoding="utf-8") == "precious"
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "commands.json: is no JSON: "),
        ("[" * 100_000, "commands.json: is no JSON: "),
        ("[]", "commands.json: an object that maps commands to their facts is needed"),
        ("{}", "commands.json: an object that maps commands to their facts is needed"),
        ({"SET": 1}, "commands.json: SET: an object is needed, not a number"),
        ({"SET": entry(colour="red")}, "commands.json: SET: unknown field 'colour'"),
        ({"SET": entry(), "set": entry()}, "commands.json: SET: is there twice, in different case"),
        ({"S\nET": entry()}, r"commands.json: control characters in a command's name: 'S\nET'"),
        (
            {"SET": entry(arguments=[KEY, KEY, {"name": "x", "type": "foo"}])},
            "commands.json: SET.arguments[2]: unknown argument type 'foo'",
        ),
        (
            {"SET": entry(arguments=[{"name": "x", "type": "key", "wild": 1}])},
            "commands.json: SET.arguments[0]: unknown field 'wild'",
        ),
        (
            {"SET": entry(arguments=[{"name": "x", "type": "pure-token", "token": "A\r\nB"}])},
            r"commands.json: SET.arguments[0].token: control characters in 'A\r\nB'",
        ),
        (
            {"SET": entry(key_specs=[{**DOC_KEY_SPEC, "odd": True}])},
            "commands.json: SET.key_specs[0]: unknown field 'odd'",
        ),
    ],
)
def test_a_bad_file_is_refused(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str], content: object, message: str
) -> None:
    assert f"import: {message}" in refused(output, capsys, put(tmp_path / "commands.json", content))


def test_missing_places_are_refused(tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.json: cannot be read: No such file" in refused(output, capsys, str(tmp_path / "nowhere.json"))
    (tmp_path / "empty").mkdir()
    assert "empty: no JSON file in this folder" in refused(output, capsys, str(tmp_path / "empty"))
    good = put(tmp_path / "a.json", {"GET": entry()})
    assert "commands.json: is no JSON" in refused(output, capsys, "--merge", good)
    assert "is longer than" in refused(output, capsys, put(tmp_path / "big.json", " " * (sources.LONGEST + 1)))


def test_an_unwritable_output_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = put(tmp_path / "a.json", {"GET": entry()})
    assert importer.run([good], [], tmp_path / "no" / "commands.json", on_top=False) == 2
    assert "commands.json: cannot be written: No such file" in capsys.readouterr().err


def test_nothing_to_import_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["import"])
    assert caught.value.code == 2
    assert "a SOURCE or --server is needed" in capsys.readouterr().err


# --- addresses ----------------------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_address_is_fetched(tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "web" / "valkey-9.1.0.json", {"GET": entry()})
    put(tmp_path / "web" / "bad.json", {"GET": entry(odd=1)})
    with web(tmp_path / "web") as host:
        assert run(output, f"http://{host}/valkey-9.1.0.json")["GET"]["providers"] == {"valkey": "1.0.0"}
        line = refused(output, capsys, f"http://user:hunter2@{host}/no.json?token=hunter2")
        assert line == f"import: http://{host}/no.json: answered 404 instead of 200"
        assert f"http://{host}/bad.json: GET: unknown field 'odd'" in refused(output, capsys, f"http://{host}/bad.json")
    line = refused(output, capsys, f"http://user:hunter2@{host}/a.json")
    assert f"http://{host}/a.json: cannot be fetched: ConnectError" in line
    assert "hunter2" not in line


# --- servers ------------------------------------------------------------------------------------------------------


def test_hostile_names_of_a_server_travel_safely(output: Path) -> None:
    wild = "\"';{{ }} {% x %} $(id) \\ \u2603"
    argument = ["name", wild, "type", "pure-token", "token", wild, "flags", ["optional", "multiple"]]
    nested = ["name", "b", "type", "block", "arguments", [argument]]
    table = [row("wild"), row("box", [row('box|"in"')])]
    described = ["wild", docs([nested]), "box", docs([], subcommands=['box|"in"', docs([])])]
    with serving(server_of(table, described, "server_name:valkey\r\nvalkey_version:9.5.0")) as host:
        output.write_text("{}", encoding="utf-8")
        found = run(output, "--server", f"redis://u:s3%2Fcr%40t@{host}")
    assert sorted(found) == ["BOX", 'BOX "IN"', "WILD"]
    assert found["WILD"]["arguments"][0]["arguments"][0] == {
        "name": wild,
        "type": "pure-token",
        "token": wild,
        "optional": True,
        "multiple": True,
    }
    assert found["WILD"]["providers"] == {"valkey": "7.0.0"}
    assert found["WILD"]["key_specs"] == [
        {
            "begin_search": {"type": "index", "spec": {"index": 1}},
            "find_keys": {"type": "range", "spec": {"lastkey": 0, "keystep": 1, "limit": 0}},
            "RW": True,
            "update": True,
        }
    ]
    assert spec.load(output)["WILD"].arguments[0].arguments[0].token == wild


ODD = ["name", "a", "type", "key", "flags", ["loud"]]


@pytest.mark.parametrize(
    ("table", "described", "message"),
    [
        ([row("a\nb")], [], r"control characters in a command's name: 'A\nB'"),
        (
            [row("a")],
            ["a", docs([["name", "x", "type", "pure-token", "token", "A\x1bB"]])],
            "A.arguments[0].token: control",
        ),
        ([row("a")], ["a", docs([["name", "x\u2028", "type", "key"]])], "A.arguments[0].name: control characters"),
        (
            [row("a")],
            ["a", docs([["name", "x", "type", "psychic"]])],
            "A.arguments[0]: unknown argument type 'psychic'",
        ),
        ([row("a")], ["a", docs([ODD])], "A.arguments[0]: unknown field 'loud'"),
        ([row("a")], ["a", docs([], mood="blue")], "A: unknown field 'mood'"),
        ([row("a")], ["a", docs([["name"]])], "A.arguments: a map of 1 elements"),
        ([row("a")], ["a"], "COMMAND DOCS: a map of 1 elements"),
        ([row("a")], ["a", 7], "A: an array is needed, not int"),
        ([["a", 1]], [], "COMMAND: an entry of 2 elements, 10 are needed"),
        ([row("a")], [b"\xff", docs([])], "COMMAND DOCS: a string that is not UTF-8"),
        ([row("a")], ValueError("ERR Unknown subcommand"), "COMMAND DOCS: refused with ERR: the server does not know"),
        ([row("a")], ValueError("NOPERM no permissions"), "COMMAND DOCS: refused with NOPERM"),
    ],
)
def test_a_bad_answer_is_refused(
    output: Path, capsys: pytest.CaptureFixture[str], table: Any, described: Any, message: str
) -> None:
    with serving(server_of(table, described)) as host:
        line = refused(output, capsys, "--server", f"redis://{host}")
    assert line.startswith(f"import: redis://{host}: ")
    assert message in line


def test_a_server_that_fails_is_refused_without_its_password(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(server_of([], [])) as host:
        line = refused(output, capsys, "--server", f"redis://:hunter2@{host}")
        assert line == f"import: redis://{host}: AUTH: refused with ERR"
    line = refused(output, capsys, "--server", f"redis://:hunter2@{host}")
    assert line == f"import: redis://{host}: no answer: Connection refused"
    line = refused(output, capsys, "--server", f"redis://u:hunter2/?#@{host}")  # should have been percent-encoded
    assert line == f"import: redis://{host}: a server is given as redis://[user:password@]host:port"
    with serving(lambda words: None) as host:
        assert "INFO: the server closed the connection" in refused(output, capsys, "--server", f"redis://{host}")
    with serving(lambda words: b"HTTP/1.1 400 Bad Request\r\n\r\n") as host:
        assert "INFO: the peer does not speak RESP" in refused(output, capsys, "--server", f"redis://{host}")
    for url in ("ftp://u:hunter2@127.0.0.1", "redis://", "redis://:hunter2@h:99999999", "redis://u:hunter2@[::1"):
        line = refused(output, capsys, "--server", url)
        assert "hunter2" not in line


def test_an_endless_answer_ends(
    monkeypatch: pytest.MonkeyPatch, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "LONGEST", 100_000)
    with serving(lambda words: b"$999999999\r\n" + b"x" * 200_000) as host:
        assert "INFO: the server's answers are too long" in refused(output, capsys, "--server", f"redis://{host}")


def test_a_live_server_merges_without_loss(
    valkey: EmbeddedServer, output: Path, committed: dict[str, spec.Command]
) -> None:
    valkey.call("CONFIG", "SET", "requirepass", "s3cret")
    url = f"redis://:s3cret@{valkey.host}:{valkey.port}"
    text = (ROOT / "commands.json").read_text(encoding="utf-8")
    output.write_text(text, encoding="utf-8")
    run(output, "--server", url)
    merged = spec.load(output)
    assert set(merged) >= set(committed)
    for name, command in committed.items():
        if "redis" in command.providers:
            after = merged[name]
            assert after.reply_schema == command.reply_schema, name
            assert (after.arity, after.flags, after.key_specs) == (
                command.arity,
                command.flags,
                command.key_specs,
            ), name
            assert after.providers["redis"] == command.providers["redis"]
    (source,) = sources.read_sources([], [url])
    assert source.provider == "valkey"
    assert set(source.commands) <= set(merged)
    if source.version == (9, 1, 2):  # the version that the committed file was made from
        assert output.read_text(encoding="utf-8") == text


def test_the_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codegen", "import", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--merge" in done.stdout
