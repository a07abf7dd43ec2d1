"""The whole pipeline: the same bytes each time, nothing stale, and no harm from a hostile spec."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen import generate, overlay, spec
from codegen.__main__ import main
from codegen.changes import difference
from codegen.docs import escape
from codegen.generate import GenerationError
from codegen.overlay import Entry, OverlayError, ParamPatch, ReplyCase
from codegen.spec import Command, SpecError
from tests.codegen.synthetic import KEY, Generated, attempt, block, command, leaf, make, oneof, overlay_of, token

GET = command("GET", KEY, reply_schema={"type": "string"})
HGET = command("HGET", KEY, leaf("field"), group="hash")
WAIT = command("AUTH", leaf("password"), group="connection")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generated tree of three commands in a folder of its own, up to date."""
    use(monkeypatch, WAIT, GET, HGET, facts={"dedicated": True})
    monkeypatch.setattr(generate, "OUTPUT", tmp_path / "commands")
    assert main([]) == 0
    return tmp_path / "commands"


def use(monkeypatch: pytest.MonkeyPatch, *commands: Command, **facts: Any) -> None:
    monkeypatch.setattr(spec, "load", lambda path: {item.name: item for item in commands})
    monkeypatch.setattr(overlay, "load", lambda: overlay_of(*commands, **facts))


def lines(text: str) -> list[str]:
    """What was printed, but for the stages' seconds."""
    return [line for line in text.splitlines() if not line.endswith(" s")]


# Determinism

RENDER = """
import hashlib
from codegen import generate, overlay, spec, verify
commands, methods = verify.lowered()
sources = generate.sources(commands, overlay.load(), methods)
few = {name: item for name, item in commands.items() if item.group in ("string", "stream", "connection")}
over = overlay.load()
over = overlay.Overlay(
    {name: entry for name, entry in over.entries.items() if name in few},
    {name: text for name, text in over.summaries.items() if name in few},
)
digest = hashlib.sha256()
for files in (sources, generate.generate(few, over)):
    for name, text in files.items():
        digest.update(name.encode() + b"\\0" + text.encode() + b"\\0")
print(len(sources), digest.hexdigest())
"""


def test_two_processes_with_other_hash_seeds_give_the_same_bytes() -> None:
    found: list[str] = []
    for seed in ("1", "2"):
        path = os.pathsep.join((str(generate.ROOT), str(generate.ROOT / "src")))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        run = subprocess.run(
            [sys.executable, "-c", RENDER],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=generate.ROOT,
        )
        found.append(run.stdout.splitlines()[-1])
    assert found[0] == found[1]
    assert int(found[0].partition(" ")[0]) > 30


def test_the_order_of_the_spec_decides_nothing_but_the_order_of_methods() -> None:
    one, two = make(GET, HGET).files, make(HGET, GET).files
    assert one["string.py"] == two["string.py"]
    assert one["__init__.py"] == two["__init__.py"]


# Writing and comparing


def test_an_up_to_date_tree_passes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    before = {path.name: path.stat().st_mtime_ns for path in tree.iterdir()}
    assert main(["--check"]) == 0
    out, err = capsys.readouterr()
    assert (lines(out), err) == (["up to date"], "")
    assert main([]) == 0
    assert lines(capsys.readouterr().out) == []
    assert {path.name: path.stat().st_mtime_ns for path in tree.iterdir()} == before
    assert before.keys() == {"__init__.py", "connection.py", "hash.py", "since.py", "string.py", "table.py"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda tree: change(tree / "string.py"), "differs   string.py", id="a changed byte"),
        pytest.param(lambda tree: (tree / "hash.py").unlink(), "missing   hash.py", id="a missing file"),
        pytest.param(lambda tree: (tree / "extra.py").write_text(""), "extra     extra.py", id="an extra file"),
        pytest.param(lambda tree: (tree / "table.py").write_text(""), "differs   table.py", id="an empty file"),
    ],
)  # fmt: skip
def test_check_notices(tree: Path, capsys: pytest.CaptureFixture[str], damage: Any, message: str) -> None:
    damage(tree)
    damaged = {path.name: path.read_bytes() for path in tree.iterdir()}
    capsys.readouterr()
    assert main(["--check"]) == 1
    out, err = capsys.readouterr()
    assert err == f"{message}\n"
    assert lines(out) == ["src/redpoll/commands differs from commands.json and the overlay"]
    assert {path.name: path.read_bytes() for path in tree.iterdir()} == damaged
    assert main([]) == 0
    assert main(["--check"]) == 0


def change(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text[:-2] + b"!" + text[-1:])


def test_stale_inputs_stop_everything(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in tree.iterdir()}

    def fails(error: Exception) -> Any:
        def load(*_: Any) -> Any:
            raise error

        return load

    use(monkeypatch, GET, params={"nothing": ParamPatch(type="int")})
    assert main([]) == main(["--check"]) == 2
    assert "string.toml: GET: params.nothing is unused" in capsys.readouterr().err
    monkeypatch.setattr(overlay, "load", fails(OverlayError("an overlay")))
    assert main([]) == 2
    monkeypatch.setattr(spec, "load", fails(SpecError("commands.json", "GET", "odd")))
    assert main([]) == 2
    assert capsys.readouterr().err == "an overlay\ncommands.json: GET: odd\n"
    assert {path.name: path.read_bytes() for path in tree.iterdir()} == before


def test_the_difference_is_printed(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = command("APPEND", KEY, leaf("value"))
    use(monkeypatch, command("GET", KEY, leaf("count", "integer", optional=True)), HGET, fresh)
    capsys.readouterr()
    assert main([]) == 0
    assert lines(capsys.readouterr().out) == [
        "new       append(self, key: Key, /, value: Value) -> Any",
        "removed   auth(self, password: Value) -> Any",
        "changed   get",
        "          - (self, key: Key, /) -> S",
        "          + (self, key: Key, /, count: int | None=None) -> Any",
    ]
    assert not (tree / "connection.py").exists()


def test_a_new_return_type_and_new_overloads_are_a_difference() -> None:
    count = command("GET", KEY, token("FULL", optional=True))
    before = make(count, reply=(ReplyCase((), "text"),)).files
    after = make(count, reply=(ReplyCase(("full",), "int"), ReplyCase((), "text"))).files
    assert list(difference(before, after)) == [
        "changed   get",
        "          - (self, key: Key, /, *, full: bool=False) -> S",
        "          + (self, key: Key, /, *, full: Literal[True]) -> int",
        "          + (self, key: Key, /, *, full: Literal[False]=False) -> S",
        "          + (self, key: Key, /, *, full: bool=False) -> int | S",
        "          + (self, key: Key, /, *, full: bool=False) -> int | S",
    ]
    assert list(difference(after, after)) == []


def test_files_are_headed_and_layers_are_named() -> None:
    made = make(WAIT, GET, HGET, facts={"dedicated": True})
    assert all(
        text.startswith("# generated by codegen from commands.json; do not edit\n") for text in made.files.values()
    )
    init = made.files["__init__.py"]
    assert "class Commands(HashCommands[S], StringCommands[S], AwaitedFace[S]):" in init
    assert "class QueuedCommands(QueuedHashCommands[S], QueuedStringCommands[S], QueuedFace[S]):" in init
    assert "class StateCommands(ConnectionStateCommands[S], AwaitedFace[S]):" in init
    assert made.spaces["table"]["FACTS"]["AUTH"].dedicated
    assert made.words("auth", "secret") == ("AUTH", "secret")


def test_containers_get_no_method_unless_the_overlay_names_one() -> None:
    container, sub = command("CLIENT", group="connection"), command("CLIENT LIST", group="connection")
    made = make(container, sub)
    assert "client" not in vars(made.spaces["client"]["ClientCommands"])
    assert made.words("client_list") == ("CLIENT", "LIST")
    made = make(container, sub, method="client")
    assert made.words("client") == ("CLIENT",)


# Hostile specs: what they say is data, and stays data

HOSTILE = (
    '"', "'", '"""', "'''", "\\", "\\n", "{{ x }}", "{% raw %}", "{#", "${x}", "%s", "{0}", "é", "#", "RUN(", "d.x",
    "Any", "__import__('os')", '"] = 1  # ', "'] = 1  # ", '""")\nraise SystemExit  #'.replace("\n", "\\n"), "/", "*", "**",
)  # fmt: skip


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_tokens_are_sent_as_they_are(word: str) -> None:
    tree = (
        KEY,
        {**token("first"), "token": word},
        leaf("value", token=word),
        oneof("choice", {**token("p"), "token": word}, {**token("q"), "token": f"{word}2"}),
        oneof("either", {**token("r"), "token": word}, leaf("number", "integer")),
        leaf("option", token=f"Z{word}", optional=True),
        block("pair", leaf("field"), leaf("more"), token=f"Y{word}", multiple=True, multiple_token=True, optional=True),
    )
    made = make(command("SET", *tree, complexity=f"O({word})"))
    words = ("SET", "k", word, word, "v", word, 5)
    assert made.words("set", "k", "v", word, 5) == words
    option = next(name for name in made_names(made, "set") if name.startswith("z"))
    pair = next(name for name in made_names(made, "set") if name.startswith("y"))
    called = made.words("set", "k", "v", word, 5, **{option: "o", pair: {"f": "m"}})
    assert called == (*words, f"Z{word}", "o", f"Y{word}", "f", "m")
    plain = make(command("SET", KEY, {**token("first"), "token": word}))
    assert plain.words("set", "k") == ("SET", "k", word)


def made_names(made: Generated, method: str) -> list[str]:
    code = next(vars(space["StringCommands"])[method] for space in made.spaces.values() if "StringCommands" in space)
    return list(code.__code__.co_varnames)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_command_name_is_sent_as_it_is_or_refused(word: str) -> None:
    made = attempt(command(f"A{word}", KEY))
    if isinstance(made, str):
        assert made.startswith(f"A{word}: ")
    else:
        name = next(name for name in vars(made.spaces["string"]["StringCommands"]) if name.startswith("a"))
        assert made.words(name, "k")[0] == f"A{word}"


@pytest.mark.parametrize("word", [*HOSTILE, "self", "words", "each", "left", "right", "tuple"])
def test_a_hostile_argument_name_is_no_code(word: str) -> None:
    made = attempt(command("SET", leaf(word), leaf("b")))
    if isinstance(made, str):
        assert made.startswith("SET: ")
    else:
        assert made.words("set", 1, 2) == ("SET", 1, 2)


@pytest.mark.parametrize(
    "word", ["len", "list", "int", "str", "d", "_a", "repr", "type", "class", "None", "True", "async", "import", "match", "set"]
)  # fmt: skip
def test_names_that_python_uses_work_as_arguments(word: str) -> None:
    made = make(
        command(
            "SET",
            leaf(word),
            leaf("option", "integer", token="O", optional=True),
            block("limit", leaf("offset"), leaf("count"), token="LIMIT", optional=True),
            block("pair", leaf("x"), leaf("y"), multiple=True),
        ),
        flatten=("limit",),
    )
    assert made.words("set", 1, (3, 4), o=2, offset=5, count=6) == ("SET", 1, "O", 2, "LIMIT", 5, 6, 3, 4)


@pytest.mark.parametrize("word", [*HOSTILE, "../up", "__init__"])
def test_a_hostile_group_is_a_plain_file_or_refused(word: str) -> None:
    made = attempt(command("GET", KEY, group=word))
    if isinstance(made, str):
        assert made.startswith("GET: its group: no Python name can be made of")
    else:
        assert all(name.removesuffix(".py").isidentifier() for name in made.files)
        assert made.words("get", "k") == ("GET", "k")


@pytest.mark.parametrize("group", ["table", "since"])
def test_a_group_may_not_be_a_table(group: str) -> None:
    with pytest.raises(GenerationError, match=f"GET: the module '{group}' is a table of all commands"):
        make(command("GET", KEY, group=group))


@pytest.mark.parametrize("name", ["S", "1ST", "", "!", "ACLOSE", "PIPELINE"])
def test_names_that_no_method_can_have(name: str) -> None:
    if not name:
        with pytest.raises(SpecError):
            command(name, KEY)
        return
    with pytest.raises(GenerationError, match=f"{name}: "):
        make(command(name, KEY))


@pytest.mark.parametrize("word", ["a\nb", "a\x00", "\r", "\x1b[0m", "\u2028"])
def test_control_characters_are_refused(word: str) -> None:
    for node in ({**token("x"), "token": word}, leaf(word), leaf("x", token=word)):
        with pytest.raises(SpecError):
            command("GET", node)
    with pytest.raises(SpecError):
        command(word, KEY)
    with pytest.raises(SpecError):
        command("GET", KEY, group=word)
    with pytest.raises(SpecError):
        command("GET", KEY, complexity=word)


@pytest.mark.parametrize("word", [word for word in HOSTILE if word.isprintable()])
def test_hostile_key_specs_and_reply_schemas(word: str) -> None:
    search = {"type": "keyword", "spec": {"keyword": word, "startfrom": 1}}
    span = {"type": "range", "spec": {"lastkey": -1, "keystep": 1, "limit": 0}}
    schema = {"type": "object", "properties": {word: {"const": word}}}
    item = command(
        "GET", KEY, key_specs=[{"begin_search": search, "find_keys": span}], reply_schema=schema, replaced_by=[word],
        deprecated_since=word,
    )  # fmt: skip
    made = make(item)
    assert list(made.spaces["string"]["GET"].key_positions(["GET", word.upper(), "k"])) in ([2], [])
    assert made.spaces["string"]["GET"].keys[0].token == word
    assert made.signature("get") == "(key: Key, /) -> dict[str, str]"


@pytest.mark.parametrize("text", ['"', '""', '"""', '""""', 'a"', "\\", "\\\\", 'a\\"', '"""\\', "{{ x }}"])
def test_text_in_docstrings_is_escaped(text: str) -> None:
    space: dict[str, Any] = {}
    exec(f'x = """{escape(text)}"""', space)
    assert space["x"] == text


def test_an_entry_without_fields_changes_nothing() -> None:
    assert make(GET, spread=False).files == make(GET).files
    assert Entry("GET").unused() == []
