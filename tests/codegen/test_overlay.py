"""What is wrong with an overlay is an error that says where; stamping touches nothing but the hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codegen import generate, overlay, spec
from codegen.overlay import Entry, Overlay, OverlayError, ParamPatch, ReplyCase, load, stamp
from codegen.spec import Command
from tests.codegen.synthetic import KEY, command, leaf, make, oneof, overlay_of, stamped, token

GET = command("GET", KEY, oneof("order", token("ASC"), token("DESC"), optional=True))
HGET = command("HGET", KEY, leaf("field"), group="hash")
COMMANDS: dict[str, Command] = {"GET": GET, "HGET": HGET}
MODULES = {"GET": "string", "HGET": "hash"}
SUMMARIES = '[summaries]\n"GET" = "Return a value."\n"HGET" = "Return a field."\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    if "summaries" not in files:
        (folder / "summaries.toml").write_text(SUMMARIES, encoding="utf-8")
    return folder


# Reading


def test_an_entry_is_read_wholly(tmp_path: Path) -> None:
    write(
        tmp_path,
        string='''
["GET"]
why = "a reason"
spec = "sha256:00"
method = "fetch"
arguments = [{ name = "key", type = "key" }]
drop = ["old"]
params.key = { name = "k", type = "Value", kind = "plain", default = "1" }
order = ["key"]
literals = ["order"]
flatten = ["limit"]
variadic = false
spread = true
signature = ["key: Key"]
overloads = ["key: Key"]
encode = """
words.append(key)
"""
reply = [{ when = ["a"], is = "int" }, { is = "text", text = false }]
text = false
facts.replay = { is = true, why = "because" }
facts.keys = { is = ["KeyRange(1, 1)"], why = "because" }

["SET"]
why = "nothing to call"
exclude = true
reply = "int"
''',
    )
    found = load(tmp_path)
    assert found.summaries == {"GET": "Return a value.", "HGET": "Return a field."}
    assert found.entries["GET"] == Entry(
        "GET",
        why="a reason",
        spec="sha256:00",
        file="string.toml",
        method="fetch",
        arguments=(spec.Argument("key", "key"),),
        params={"key": ParamPatch("k", "Value", "plain", "1")},
        order=("key",),
        literals=("order",),
        drop=("old",),
        flatten=("limit",),
        variadic=False,
        spread=True,
        signature=("key: Key",),
        overloads=("key: Key",),
        encode="words.append(key)\n",
        reply=(ReplyCase(("a",), "int"), ReplyCase((), "text", text=False)),
        text=False,
        facts={"replay": True, "keys": ["KeyRange(1, 1)"]},
    )
    assert found.entries["SET"].exclude
    assert found.entries["SET"].reply == (ReplyCase((), "int"),)
    assert found.entry("NONE") == Entry("NONE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["GET"]\n', "string.toml: GET: 'why' is missing or empty"),
        ('["GET"]\nwhy = ""\n', "string.toml: GET: 'why' is missing or empty"),
        ('["GET"]\nwhy = "x"\nwhere = 1\n', "string.toml: GET: unknown field 'where'"),
        ('["GET"]\nwhy = 1\n', "string.toml: GET.why: a string is needed, not a number"),
        ('["GET"]\nwhy = "x"\nexclude = "yes"\n', "string.toml: GET.exclude: true or false is needed, not a string"),
        ('["GET"]\nwhy = "x"\nvariadic = 0\n', "string.toml: GET.variadic: true or false is needed, not a number"),
        ('["GET"]\nwhy = "x"\norder = "key"\n', "string.toml: GET.order: a list is needed, not a string"),
        ('["GET"]\nwhy = "x"\norder = [1]\n', "string.toml: GET.order[0]: a printable string is needed, not a number"),
        ('["GET"]\nwhy = "x"\nmethod = 1\n', "string.toml: GET.method: a string is needed, not a number"),
        ('["GET"]\nwhy = "x"\nparams.key = 1\n', "string.toml: GET.params.key: an object is needed, not a number"),
        ('["GET"]\nwhy = "x"\nparams = 1\n', "string.toml: GET.params: an object is needed, not a number"),
        ('["GET"]\nwhy = "x"\nparams.key = { typ = "Key" }\n', "string.toml: GET.params.key: unknown field 'typ'"),
        (
            '["GET"]\nwhy = "x"\nparams.key = { kind = "odd" }\n',
            "string.toml: GET.params.key.kind: one of only, plain, var, keyword is needed, not 'odd'",
        ),
        ('["GET"]\nwhy = "x"\nfacts = 1\n', "string.toml: GET.facts: an object is needed, not a number"),
        ('["GET"]\nwhy = "x"\nfacts.replay = true\n', "string.toml: GET.facts.replay: an object is needed, not a boolean"),
        ('["GET"]\nwhy = "x"\nfacts.replay = { is = true }\n', "string.toml: GET.facts.replay: 'why' is missing or empty"),
        ('["GET"]\nwhy = "x"\nfacts.replay = { why = "y" }\n', "string.toml: GET.facts.replay: 'is' is missing"),
        (
            '["GET"]\nwhy = "x"\nfacts.quick = { is = true, why = "y" }\n',
            "string.toml: GET.facts.quick: one of keys, blocking, replay, cacheable, dedicated, request_policy, "
            "response_policy, key_patterns, key_replies is needed",
        ),
        (
            '["GET"]\nwhy = "x"\nfacts.replay = { is = true, why = "y", since = 1 }\n',
            "string.toml: GET.facts.replay: unknown field 'since'",
        ),
        ('["GET"]\nwhy = "x"\nreply = 1\n', "string.toml: GET.reply: an expression or a list of {when, is} is needed"),
        ('["GET"]\nwhy = "x"\nreply = []\n', "string.toml: GET.reply: an expression or a list of {when, is} is needed"),
        ('["GET"]\nwhy = "x"\nreply = [{ when = ["a"] }]\n', "string.toml: GET.reply[0]: 'is' is missing or empty"),
        (
            '["GET"]\nwhy = "x"\nreply = [{ when = ["a"], is = "int" }]\n',
            "string.toml: GET.reply: the last case, and only that, has no 'when'",
        ),
        (
            '["GET"]\nwhy = "x"\nreply = [{ is = "int" }, { is = "text" }]\n',
            "string.toml: GET.reply: the last case, and only that, has no 'when'",
        ),
        ('["GET"]\nwhy = "x"\narguments = [{ name = "k" }]\n', "string.toml: GET.arguments[0]: no argument type"),
        ('["GET"]\nwhy = "x"\narguments = [{ name = "k", type = "odd" }]\n', "unknown argument type 'odd'"),
        ("GET = 1\n", "string.toml: GET: an object is needed, not a number"),
        ('["GET"\n', "string.toml: "),
    ],
)  # fmt: skip
def test_a_fault_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OverlayError) as caught:
        load(write(tmp_path, string=text))
    assert message in str(caught.value)


def test_a_command_named_twice(tmp_path: Path) -> None:
    text = '["GET"]\nwhy = "x"\nreply = "int"\n'
    with pytest.raises(OverlayError, match=r"string\.toml: GET: is in hash\.toml already"):
        load(write(tmp_path, hash=text, string=text))


def test_faults_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OverlayError) as caught:
        load(write(tmp_path, hash='["HGET"]\n', string="= 1", set='["SADD"]\nwhy = 1\n'))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "hash.toml",
        "set.toml",
        "string.toml",
    ]


@pytest.mark.parametrize("text", ["", '[summaries]\n"GET" = 1\n', '[summaries]\n"GET" = ""\n', "summaries = 1\n"])
def test_faulty_summaries(tmp_path: Path, text: str) -> None:
    with pytest.raises(OverlayError, match=r"summaries\.toml: summaries"):
        load(write(tmp_path, summaries=text))


# Against the spec


def faults(over: Overlay, *, used: bool = False) -> list[str]:
    try:
        overlay.check(over, COMMANDS, MODULES, used)
    except OverlayError as error:
        return str(error).splitlines()
    return []


def over(*entries: Entry, summaries: dict[str, str] | None = None) -> Overlay:
    texts = {"GET": "Return a value.", "HGET": "Return a field."} if summaries is None else summaries
    return Overlay({entry.command: entry for entry in entries}, texts)


def test_a_right_overlay_has_no_faults() -> None:
    assert faults(over(stamped(GET, Entry("GET")), stamped(HGET, Entry("HGET"))), used=True) == []


def test_no_such_command() -> None:
    assert faults(over(Entry("GOT", "why", file="string.toml"))) == ["string.toml: GOT: there is no such command"]


def test_the_wrong_file() -> None:
    entry = stamped(GET, Entry("GET"))
    entry.file = "hash.toml"
    assert faults(over(entry)) == ["hash.toml: GET: belongs into string.toml"]


def test_a_stale_hash() -> None:
    entry = stamped(GET, Entry("GET"))
    now = entry.spec
    for recorded, told in (("sha256:0123456789abcdef", "sha256:0123456789abcdef"), ("", "none")):
        entry.spec = recorded
        assert faults(over(entry)) == [
            f"string.toml: GET: written for spec {told}, which is now {now}: look, then --stamp"
        ]


def test_the_hash_follows_what_the_entry_corrects() -> None:
    before = spec.node_hash(GET)
    assert spec.node_hash(command("GET", KEY)) != before
    assert spec.node_hash(command("GET", KEY, GET_ORDER, arity=2)) != before
    assert spec.node_hash(command("GET", KEY, GET_ORDER, command_flags=["readonly"])) != before
    assert spec.node_hash(command("GET", KEY, GET_ORDER, reply_schema={})) != before
    assert spec.node_hash(command("GET", KEY, GET_ORDER, group="hash", complexity="O(1)")) == before


GET_ORDER = oneof("order", token("ASC"), token("DESC"), optional=True)


def test_summaries_missing_and_extra() -> None:
    texts = {"GET": "Return a value.", "GOT": "Return what was."}
    assert faults(over(summaries=texts)) == [
        "summaries.toml: GOT: there is no such command",
        "summaries.toml: HGET has no summary",
    ]


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"params": {"nothing": ParamPatch(type="int")}}, "params.nothing"),
        ({"literals": ("nothing",)}, "literals.nothing"),
        ({"flatten": ("nothing",)}, "flatten.nothing"),
        ({"drop": ("nothing",)}, "drop.nothing"),
        ({"signature": ("key: Key",), "encode": "words.append(key)", "order": ("key",)}, "order"),
        ({"signature": ("key: Key",), "encode": "words.append(key)", "params": {"key": ParamPatch(type="int")}}, "params.key"),
    ],
)  # fmt: skip
def test_an_unused_part(facts: dict[str, Any], part: str) -> None:
    with pytest.raises(OverlayError) as caught:
        make(GET, **facts)
    assert str(caught.value) == f"string.toml: GET: {part} is unused"


@pytest.mark.parametrize(
    "facts",
    [
        {"params": {"key": ParamPatch(name="name")}},
        {"literals": ("order",)},
        {"drop": ("order",)},
        {"drop": ("asc",)},
        {"order": ("key",)},
    ],
)
def test_a_used_part(facts: dict[str, Any]) -> None:
    make(GET, **facts)


def test_parts_of_an_excluded_command_are_not_looked_for() -> None:
    made = make(GET, HGET, exclude=True, drop=("nothing",))
    assert made.signatures("get") == []
    assert "'GET'" in made.files["table.py"].replace('"', "'")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"order": ("key", "nothing")}, "GET: order names unknown parameters: nothing"),
        ({"reply": (ReplyCase(("nothing",), "int"), ReplyCase((), "text"))}, "GET: the reply depends on unknown parameters: nothing"),
        ({"reply": (ReplyCase(("!nope",), "int"), ReplyCase((), "text"))}, "GET: the reply depends on unknown parameters: nope"),
        ({"reply": (ReplyCase((), "nothing"),)}, "GET: 'nothing': there is no decoder 'nothing'"),
        ({"reply": (ReplyCase((), "odd(int)"),)}, "GET: 'odd(int)': there is no combinator 'odd' of 1 parts"),
        ({"method": "aclose"}, "GET: the method 'aclose' is taken by a handwritten method"),
        ({"method": "pipeline"}, "GET: the method 'pipeline' is taken by a handwritten method"),
        ({"method": "two words"}, "GET: neither a method nor a constant can be called 'two words'"),
        ({"method": "class"}, "GET: neither a method nor a constant can be called 'class'"),
        ({"params": {"key": ParamPatch(name="words")}}, "GET: parameter names that encoders use themselves: words"),
        ({"params": {"key": ParamPatch(name="self")}}, "GET: parameter names that encoders use themselves: self"),
        ({"params": {"key": ParamPatch(name="asc")}}, "GET: two parameters are called 'asc'"),
        ({"signature": ("key",)}, "GET: the parameter key has no type"),
        ({"signature": ("key: Key =",)}, "GET: no parameter list: key: Key ="),
        ({"signature": ("left: Key",)}, "GET: parameter names that encoders use themselves: left"),
        ({"facts": {"request_policy": "nowhere"}}, "GET: unknown request_policy 'nowhere'"),
        ({"facts": {"response_policy": "never"}}, "GET: unknown response_policy 'never'"),
        ({"facts": {"key_patterns": "some"}}, "GET: unknown key_patterns 'some'"),
    ],
)  # fmt: skip
def test_what_stops_the_generation(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(generate.GenerationError) as caught:
        make(GET, **facts)
    assert str(caught.value) == message


@pytest.mark.parametrize("dedicated", [False, True])
def test_two_methods_of_one_name(dedicated: bool) -> None:
    with pytest.raises(generate.GenerationError, match="GET: the method 'get' is taken by HGET"):
        make(HGET, GET, method="get", facts={"dedicated": True} if dedicated else {})


def test_a_dedicated_connection_may_take_a_clients_name() -> None:
    made = make(GET, method="lock", facts={"dedicated": True})
    assert "class StringStateCommands" in made.files["string.py"]
    assert "class QueuedStringStateCommands" in made.files["string.py"]
    assert "QueuedStringCommands" not in made.files["string.py"]


def test_a_blocking_command_must_say_where() -> None:
    blocks = command("BLPOP", KEY, group="list", command_flags=["blocking"])
    with pytest.raises(generate.GenerationError, match=r"the overlay must say where the block time stands"):
        make(blocks)
    make(blocks, facts={"blocking": "Block(-1, 1.0)"})


# Stamping


def test_stamp_writes_hashes_and_nothing_else(tmp_path: Path) -> None:
    text = '["GET"]\nwhy = "x"\nspec = ""\n\n# between\n["HGET"]\nwhy = "y"\nspec = "sha256:stale"\nreply = "int"\n\n["GOT"]\nwhy = "z"\n'
    write(tmp_path, string=text)
    assert stamp(COMMANDS, tmp_path) == ["string.toml"]
    assert (tmp_path / "string.toml").read_text() == (
        f'["GET"]\nwhy = "x"\nspec = "{spec.node_hash(GET)}"\n\n# between\n["HGET"]\nwhy = "y"\n'
        f'spec = "{spec.node_hash(HGET)}"\nreply = "int"\n\n["GOT"]\nwhy = "z"\n'
    )
    assert (tmp_path / "summaries.toml").read_text() == SUMMARIES
    assert stamp(COMMANDS, tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('# head\n["GET"]  # tail\nwhy = "x"\nspec = "HASH"\n', id="comments"),
        pytest.param('["GET"]\nwhy = "it has spec = in it"\nspec = "HASH"\nreply = "int"  # spec = x\n', id="words"),
        pytest.param('["GET"]\nwhy = "x"\nspec = "HASH"\nencode = """\n  spec = 1\n"""\n', id="indented encoder lines"),
        pytest.param('["GET"]\nwhy = "x"\nspec = "HASH"\nencode = """\nspec = 1\n"""\n', id="encoder lines"),
        pytest.param('[ "GET" ]\nwhy = "x"\nspec = "HASH"\n', id="spaces in the header"),
        pytest.param("", id="an empty file"),
    ],
)  # fmt: skip
def test_stamp_leaves_everything_else_alone(tmp_path: Path, text: str) -> None:
    write(tmp_path, string=text.replace("HASH", "sha256:stale"))
    stamp(COMMANDS, tmp_path)
    assert (tmp_path / "string.toml").read_text() == text.replace("HASH", spec.node_hash(GET))


# The committed overlay


def test_the_overlay_itself_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    commands = spec.load(generate.ROOT / "commands.json")
    found = load()
    assert found.entries
    assert all(entry.why and entry.spec for entry in found.entries.values())
    containers = frozenset(name.partition(" ")[0] for name in commands if " " in name)
    modules = {name: generate.naming.module_name(command, containers) for name, command in commands.items()}
    generate.methods(commands, found, modules, containers)
    overlay.check(found, commands, modules, used=True)


def test_an_overlay_of_nothing_is_enough() -> None:
    assert overlay_of(GET).entries == {}
    assert make(GET).signature("get") == "(key: Key, /, *, asc: bool=False, desc: bool=False) -> Any"
