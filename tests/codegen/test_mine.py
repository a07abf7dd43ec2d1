"""``redpoll-codegen mine`` on bad input: a reason for each command that is skipped, and never a half-written package."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.fields import SpecError
from codegen.places import ROOT
from codegen.spec import DEEPEST, read_command
from tests.codegen.scripted import docs, encoded, row, server_of, serving

KEY = {"name": "key", "type": "key", "key_spec_index": 0}
SPEC = {
    "begin_search": {"type": "index", "spec": {"index": 1}},
    "find_keys": {"type": "range", "spec": {"lastkey": 0, "keystep": 1, "limit": 0}},
    "RO": True,
}
GOOD: dict[str, Any] = {"MOD.GOOD": {"arity": 2, "arguments": [KEY], "since": "1.0.0", "group": "mod"}}


def entry(*arguments: Any, **facts: Any) -> dict[str, Any]:
    return {"arity": -2, "since": "1.0.0", "group": "mod", "arguments": list(arguments), **facts}


def leaf(name: str, type_: str = "string", **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **facts}


class Package:
    """A package that commands are generated into."""

    def __init__(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.tmp_path = tmp_path
        self.folder = tmp_path / "app" / "redis_commands"
        self.capsys = capsys

    def make(self, raw: dict[str, Any] | str, *words: str) -> int:
        """Run the command over a spec file; return its exit code."""
        path = self.tmp_path / "spec.json"
        path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
        return main(["mine", str(path), "--into", str(self.folder), *words])

    def overlay(self, text: str) -> tuple[str, str]:
        path = self.tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return "--overlay", str(path)

    @property
    def errors(self) -> list[str]:
        return self.capsys.readouterr().err.splitlines()

    @property
    def methods(self) -> set[str]:
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in self.folder.glob("*.py")]
        return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}


@pytest.fixture
def package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Package:
    return Package(tmp_path, capsys)


CYCLE: dict[str, Any] = {"name": "a", "type": "block"}
CYCLE["arguments"] = [CYCLE]


def nested(levels: int) -> dict[str, Any]:
    node = leaf("x")
    for _ in range(levels):
        node = {"name": "a", "type": "block", "arguments": [node]}
    return node


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry(leaf("x", "quaternion")), "arguments[0]: unknown argument type 'quaternion'"),
        (entry(KEY, leaf("x", colour=1)), "arguments[1]: unknown field 'colour'"),
        (entry({"type": "string"}), "arguments[0]: 'name' is missing or empty"),
        (entry(KEY, KEY), "two parameters are called 'key'"),
        (entry({"name": "a", "type": "block", "arguments": []}), "arguments[0]: block without arguments"),
        (entry({"name": "a", "type": "oneof"}), "arguments[0]: oneof without arguments"),
        (entry(leaf("a\nb")), "arguments[0].name: control characters in 'a\\nb'"),
        (entry(leaf("!")), "no Python name can be made of '!'"),
        (entry(KEY, command_flags=["blocking"]), "the overlay must say where the block time stands (facts.blocking)"),
        (entry(KEY, hints=["request_policy:magic"]), "unknown request_policy 'magic'"),
        (entry(KEY, group="%"), "its group: no Python name can be made of '%'"),
        (entry(arity=-3), "nothing describes its arguments (arity -3)"),
        ([], "an object is needed, not a list"),
        (entry(nested(DEEPEST + 1)), f"is nested deeper than {DEEPEST} levels"),
        (entry(nested(400)), f"is nested deeper than {DEEPEST} levels"),
    ],
)  # fmt: skip
def test_one_bad_command_is_skipped_with_the_reason(package: Package, bad: Any, reason: str) -> None:
    assert package.make(GOOD | {"MOD.BAD": bad}) == 1
    (line,) = package.errors
    assert line.startswith("skipped   MOD.BAD: ")
    assert reason in line
    assert package.methods == {"mod_good"}
    assert package.make(GOOD | {"MOD.BAD": bad}, "--check") == 1  # complete, but for what is skipped
    assert package.errors == [line]


def test_a_tree_that_contains_itself_is_refused() -> None:
    with pytest.raises(SpecError, match=rf"is nested deeper than {DEEPEST} levels"):
        read_command("A", entry(CYCLE), "test", partial=True)


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("PIPELINE",), "redpoll itself"),
        (("USING",), "redpoll itself"),
        (("MOD.X", "MOD X"), "MOD X"),
        (("MOD-X", "MOD_X"), "MOD-X"),
    ],
)
def test_names_that_are_taken(package: Package, names: tuple[str, ...], taken: str) -> None:
    assert package.make(GOOD | {name: entry(KEY) for name in names}) == 1
    assert package.errors[-1].endswith(f" is taken by {taken}")
    assert "mod_good" in package.methods


@pytest.mark.parametrize("name", ["S", "OVERLOAD", "BUILTINS", "CLASS!", "1X", "", 'MOD."x"'])
def test_names_that_no_method_can_have(package: Package, name: str) -> None:
    code = package.make(GOOD | {name: entry(KEY)})
    assert package.methods <= {"mod_good", "class_", "mod_x"}
    assert code == (0 if package.methods - {"mod_good"} else 1)


WORDS = (
    "class", "None", "set", "list", "type", "tuple", "str", "int", "self", "words", "result", "each", "left", "object", "bytes",
)  # fmt: skip
HOSTILE = ('"', '"""', "'", "\\", "{{ x }}", "{% y %}", "{0}", "%s", '""")\nraise SystemExit', "é", "RUN(")


def test_names_of_python_and_hostile_text_give_code_that_checkers_accept(package: Package, tmp_path: Path) -> None:
    raw: dict[str, Any] = {}
    for number, word in enumerate(WORDS):
        options = [leaf("opt", token="OPT", optional=True), leaf("many", multiple=True, token="MANY", optional=True)]
        raw[f"MOD.N{number}"] = entry(leaf(word), *options)
        if word not in ("class", "None", "self"):
            raw[word.upper()] = entry(leaf(word, multiple=True), *options, group="odd")
    for number, word in enumerate(HOSTILE):
        tokens = [
            leaf("x", token=word.replace("\n", "")),
            leaf("first", "pure-token", token=f"A{word}".replace("\n", "")),
        ]
        raw[f"MOD.H{number}"] = entry(*tokens, summary=f"Say {word}", complexity=f"O({word!r})")
    del raw["OBJECT"]  # redpoll has these three
    raw["SET"] = raw["TYPE"] = entry(KEY)
    assert package.make(raw) == 0, package.errors
    assert len(package.methods) == len(raw) - 2
    for checker in (("mypy", "--strict"), ("pyright", "--pythonpath", sys.executable)):
        (tmp_path / "pyrightconfig.json").write_text(
            json.dumps({"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")], "include": ["app"]})
        )
        targets = ["app"] if checker[0] == "mypy" else []
        done = subprocess.run(
            [sys.executable, "-m", *checker, *targets], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT / "src"), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("{", "spec.json: is no JSON"),
        ("[]", "spec.json: an object that maps commands to their facts is needed"),
        ('{"MOD.A": {"arity": 1}, "MOD.A": {"arity": 1}}', "the name 'MOD.A' is there twice in one object"),
        ('{"MOD.A": {"arity": 1, "arity": 2}}', "the name 'arity' is there twice in one object"),
        ({"GET": entry(KEY)}, "no command is left that redpoll lacks and that can be made a method"),
        ({"MOD.A": entry(arity=-2)}, "MOD.A: nothing describes its arguments"),
    ],
)
def test_what_gives_no_package_touches_nothing(package: Package, raw: Any, message: str) -> None:
    assert package.make(raw) == 2
    assert message in "\n".join(package.errors)
    assert not package.folder.exists()
    assert package.make(GOOD) == 0
    before = {path.name: path.stat().st_mtime_ns for path in package.folder.iterdir()}
    assert package.make(raw) == 2
    assert {path.name: path.stat().st_mtime_ns for path in package.folder.iterdir()} == before


def test_the_same_name_in_two_cases(package: Package) -> None:
    assert package.make({**GOOD, "mod.good": entry(KEY, KEY)}) == 1
    assert package.errors == ["skipped   MOD.GOOD: is there twice, in different case"]


def test_a_folder_of_ones_own_code_is_not_replaced(package: Package) -> None:
    package.folder.mkdir(parents=True)
    (package.folder / "views.py").write_text("x = 1\n", encoding="utf-8")
    assert package.make(GOOD) == 2
    assert "views.py was not generated" in package.errors[0]
    assert (package.folder / "views.py").read_text(encoding="utf-8") == "x = 1\n"


@pytest.mark.parametrize(
    "words", [("--into", "/tmp/no-name"), ("--prefix", "2x"), ("--prefix", "class"), ("--prefix", "Mod")]
)
def test_names_that_python_cannot_have(package: Package, words: tuple[str, str]) -> None:
    assert package.make(GOOD, *words) == 2
    assert words[0] in package.errors[0]
    assert not package.folder.exists()


# One's own overlay


def test_entries_work_as_redpolls_own_do(package: Package) -> None:
    stale = '["MOD.GOOD"]\nwhy = "it is a number"\nspec = ""\nreply = "int"\nparams.key = { name = "shelf" }\n'
    words = package.overlay(stale)
    assert package.make(GOOD, *words) == 2
    assert "own.toml: MOD.GOOD: written for spec none, which is now sha256:" in package.errors[0]
    assert not package.folder.exists()
    assert package.make(GOOD, *words, "--stamp") == 0
    assert "async def mod_good(self, shelf: Key, /) -> int:" in (package.folder / "mod.py").read_text(encoding="utf-8")
    assert package.make(GOOD, *words, "--check") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "own.toml: "),
        ('["MOD.GOOD"]\nspec = ""\nreply = "int"\n', "own.toml: MOD.GOOD: 'why' is missing or empty"),
        ('["MOD.NONE"]\nwhy = "w"\nreply = "int"\n', "own.toml: MOD.NONE: there is no such command"),
        ('["GET"]\nwhy = "w"\nreply = "int"\n', "own.toml: GET: redpoll has this command itself"),
        ('["MOD.GOOD"]\nwhy = "w"\nspec = ""\nparams.x = { type = "int" }\n', "own.toml: MOD.GOOD: params.x is unused"),
        ('["MOD.GOOD"]\nwhy = "w"\nspec = ""\nreply = "floof"\n', "MOD.GOOD: 'floof': there is no decoder 'floof'"),
        ('["MOD.GOOD"]\nwhy = "w"\nspec = ""\ncolour = 1\n', "own.toml: MOD.GOOD: unknown field 'colour'"),
        ('[summaries]\n"MOD.GOOD" = ""\n', "own.toml: summaries: 'MOD.GOOD' is missing or empty"),
    ],
)
def test_a_wrong_overlay(package: Package, text: str, message: str) -> None:
    assert package.make(GOOD, *package.overlay(text), "--stamp") == 2
    assert message in "\n".join(package.errors)
    assert not package.folder.exists()


def test_an_overlay_that_is_not_there(package: Package) -> None:
    assert package.make(GOOD, "--overlay", str(package.tmp_path / "no.toml")) == 2
    assert package.errors == ["no.toml: cannot be read: No such file or directory"]


def test_what_only_leaves_out_needs_no_entry_taken_away(package: Package) -> None:
    words = package.overlay('["MOD.GOOD"]\nwhy = "w"\nspec = "sha256:0"\nreply = "int"\n')
    assert package.make(GOOD | {"ODD.ONE": entry(KEY)}, *words, "--only", "odd.*") == 0
    assert package.methods == {"odd_one"}


def test_generated_code_imports_only_what_is_public(package: Package) -> None:
    words = package.overlay('["MOD.GOOD"]\nwhy = "a record"\nspec = ""\nreply = "backup_status"\n')
    options = [leaf("ex", "integer", token="EX", optional=True), leaf("f", multiple=True)]
    raw = GOOD | {"MOD.B": entry(KEY, *options, key_specs=[SPEC])}
    assert package.make(raw, *words, "--stamp") == 0, package.errors
    found: set[str] = set()
    for path in package.folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module != "__future__"}
    assert {"redpoll.records.server.BackupStatus", "redpoll.spec.KeyRange", "redpoll.arguments"} <= found
    assert not [name for name in found if any(part.startswith("_") for part in name.split("."))]
    assert {name.partition(".")[0] for name in found} == {"redpoll", "typing"}
    again = {path.name: path.read_bytes() for path in package.folder.iterdir()}
    reordered = dict(reversed([(name, dict(reversed(facts.items()))) for name, facts in raw.items()]))
    assert package.make(reordered, *words, "--check") == 0
    assert {path.name: path.read_bytes() for path in package.folder.iterdir()} == again


# Servers


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"COMMAND": ValueError("NOPERM nothing for you")}, "COMMAND: refused with NOPERM: the user needs +info, +command"),
        ({"COMMAND DOCS": ValueError("NOPERM no")}, "COMMAND DOCS: refused with NOPERM: the user needs"),
        ({"COMMAND": ValueError("ERR unknown command 'COMMAND'")}, "COMMAND: refused with ERR: the server does not know COMMAND"),
        (
            {"COMMAND DOCS": ValueError("ERR Unknown subcommand")},
            "COMMAND DOCS: refused with ERR: the server does not know COMMAND DOCS, which came with Redis 7.0",
        ),
        ({"COMMAND": 5}, "COMMAND: an array is needed, not int"),
        ({"COMMAND DOCS": ["odd"]}, "COMMAND DOCS: a map of 1 elements"),
    ],
)  # fmt: skip
def test_a_server_that_refuses(package: Package, answers: dict[str, Any], message: str) -> None:
    good = server_of([row("mod.good")], ["mod.good", docs([])])

    def answer(words: list[str]) -> bytes:
        name = " ".join(words)
        return encoded(answers[name]) if name in answers else good(words)

    with serving(answer) as host:
        assert main(["mine", "--server", f"redis://{host}", "--into", str(package.folder)]) == 2
    (line,) = package.errors
    assert line.startswith(f"redis://{host}: {message}")
    assert not package.folder.exists()


def test_a_server_with_some_bad_entries(package: Package) -> None:
    key = ["name", "key", "type", "key", "key_spec_index", 0]
    odd = ["name", "a", "type", "key", "flags", ["loud"]]
    table = [row("mod.good"), ["mod.short", 1], row("mod.odd"), row("mod.map"), row("mod.twice"), row("mod.twice"), 7]
    described = [
        *("mod.good", docs([key])), *("mod.odd", docs([odd])), *("mod.map", ["summary"]), *("mod.twice", docs([key])),
    ]  # fmt: skip
    with serving(server_of(table, described)) as host:
        assert main(["mine", "--server", f"redis://{host}", "--into", str(package.folder)]) == 1
    assert package.errors == [
        "skipped   ?: COMMAND: an array is needed, not int",
        "skipped   MOD.MAP: a map of 1 elements",
        "skipped   MOD.ODD: arguments[0]: unknown field 'loud'",
        "skipped   MOD.SHORT: COMMAND: an entry of 2 elements, 10 are needed",
        "skipped   MOD.TWICE: is there twice",
    ]
    assert package.methods == {"mod_good"}


# Installed


def test_it_works_as_it_is_installed(package: Package, tmp_path: Path) -> None:
    """Beside redpoll under its other name, without the rest of this repository, from another folder."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "codegen", site / "redpoll_codegen", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "src" / "redpoll", site / "redpoll", ignore=shutil.ignore_patterns("__pycache__"))
    assert package.make(GOOD) == 0
    made = {path.name: path.read_bytes() for path in package.folder.iterdir()}
    shutil.rmtree(package.folder)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "redpoll_codegen", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PYTHONPATH": str(site)},
        )  # fmt: skip

    done = run("mine", "spec.json", "--into", "app/redis_commands")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("app/redis_commands: 1 methods, 0 commands skipped\n")
    assert {path.name: path.read_bytes() for path in package.folder.iterdir() if path.is_file()} == made
    assert "usage: redpoll-codegen" in run("mine", "--help").stdout
    assert "invalid choice: 'upgrade'" in run("upgrade", "spec.json").stderr
    (site / "black.py").write_text("raise ModuleNotFoundError(name='black')", encoding="utf-8")
    assert (
        run("mine", "spec.json", "--into", "x").stderr
        == "redpoll-codegen needs black: pip install 'redpoll[codegen]'\n"
    )
