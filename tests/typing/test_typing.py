"""What type checkers say of the public API, and what its annotations promise.

``accept_*.py`` must pass both checkers; in ``reject_*.py`` each ``type: ignore`` must be needed by both, as an unneeded
one is an error to either. Nothing of these files runs. The calls of all methods that ``every_method`` writes must pass as
well. ``any_methods.txt`` lists the methods with ``Any`` in their signature; ``python -m tests.typing.test_typing`` writes
it anew.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from codegen.verify import lowered
from tests.typing import every_method

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMMANDS = ROOT / "src" / "redpoll" / "commands"
ANY_METHODS = HERE / "any_methods.txt"
CHECKED = sorted(path.relative_to(ROOT).as_posix() for path in HERE.glob("*.py"))

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def run_checker(*words: str) -> tuple[int, str]:
    """Run a checker with this interpreter and the repository's configuration."""
    env = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_files_are_there() -> None:
    assert len([path for path in CHECKED if "/accept_" in path]) >= 10
    assert len([path for path in CHECKED if "/reject_" in path]) >= 2


@pytest.fixture(scope="module")
def every_call(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files with the calls of all methods."""
    return [str(path) for path in every_method.write(tmp_path_factory.mktemp("every"))]


def test_every_method_is_called(every_call: list[str]) -> None:
    names = {method.name for method in lowered()[1]}
    for path in every_call:
        source = Path(path).read_text(encoding="utf-8")
        assert set(re.findall(r"\bc\.(\w+)\(", source)) == names
        print(f"{Path(path).name}: {source.count('assert_type(')} calls of {len(names)} methods")


def test_mypy(every_call: list[str]) -> None:
    code, output = run_checker("mypy", "--strict", *CHECKED, *every_call)
    assert code == 0, output


def test_pyright(every_call: list[str]) -> None:
    code, output = run_checker("pyright", "--pythonpath", sys.executable, *CHECKED, *every_call)
    assert code == 0, output
    assert re.search(r"^0 errors, 0 warnings", output, re.MULTILINE), output


def test_a_checker_that_finds_something_fails(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from redpoll import Redis\n\n\nasync def f(r: Redis) -> None:\n    await r.incr('n', 'x')\n")
    code, output = run_checker("mypy", "--strict", str(wrong))
    assert code == 1, output
    assert "wrong.py:5: error" in output


def test_no_escape_but_ignores_with_a_code() -> None:
    # An Any, a cast or a file-wide switch would let a wrong promise pass.
    for path in (ROOT / name for name in CHECKED):
        if path.name.startswith(("accept_", "reject_")):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\bcast\(|type: ignore(?!\[)|pyright: |ignore-errors", text), path.name
            assert path.name.startswith("reject_") or "type: ignore" not in text, path.name


# The generated annotations


@cache
def classes() -> dict[str, list[ast.ClassDef]]:
    """Return the classes of each generated module."""
    found: dict[str, list[ast.ClassDef]] = {}
    for path in sorted(COMMANDS.glob("*.py")):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        found[path.stem] = [node for node in nodes if isinstance(node, ast.ClassDef)]
    return found


def functions() -> Iterator[tuple[str, Function]]:
    """Yield ``module.Class`` and each of its public methods, overloads one by one."""
    for module, nodes in classes().items():
        for node in nodes:
            for item in node.body:
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_"):
                    yield f"{module}.{node.name}", item


def parameters(function: Function) -> dict[str, tuple[str, str | None]]:
    """Return a method's parameters: annotation and default by name."""
    spare = function.args
    plain = [*spare.posonlyargs, *spare.args]
    defaults = [*[None] * (len(plain) - len(spare.defaults)), *spare.defaults, *spare.kw_defaults]
    named = [*plain, *spare.kwonlyargs]
    pairs = [(arg, default) for arg, default in zip(named, defaults, strict=True) if arg.arg != "self"]
    if spare.vararg is not None:
        pairs.append((spare.vararg, None))
    return {
        arg.arg: (ast.unparse(arg.annotation) if arg.annotation else "", ast.unparse(default) if default else None)
        for arg, default in pairs
    }


def is_overload(function: Function) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "overload" for item in function.decorator_list)


def overload_sets() -> dict[str, list[Function]]:
    """Return the overloads of each overloaded method; its own signature last."""
    found: dict[str, list[Function]] = {}
    for where, function in functions():
        found.setdefault(f"{where}.{function.name}", []).append(function)
    return {name: items for name, items in found.items() if len(items) > 1}


def any_methods() -> list[str]:
    """Return the methods whose signature says Any, as ``module.method``; both faces and state commands alike."""
    found: set[str] = set()
    for where, function in functions():
        returns = ast.unparse(function.returns) if function.returns else "Any"
        annotations = [returns, *(annotation for annotation, _ in parameters(function).values())]
        if any(not annotation or re.search(r"\bAny\b", annotation) for annotation in annotations):
            found.add(f"{where.partition('.')[0]}.{function.name}")
    return sorted(found)


def test_any_only_where_listed() -> None:
    listed = ANY_METHODS.read_text(encoding="utf-8").split()
    assert listed == sorted(set(listed))
    now = any_methods()
    joined = [name for name in now if name not in listed]
    left = [name for name in listed if name not in now]
    assert not joined, f"now with Any: {' '.join(joined)}: give them a reply in the overlay"
    assert not left, f"no longer with Any: {' '.join(left)}: python -m tests.typing.test_typing takes them off the list"


def test_every_parameter_and_result_is_annotated() -> None:
    bare = [
        f"{where}.{function.name}"
        for where, function in functions()
        if function.returns is None or not all(annotation for annotation, _ in parameters(function).values())
    ]
    assert not bare


def test_both_faces_promise_the_same() -> None:
    faces: dict[tuple[str, str], dict[bool, list[tuple[str, str]]]] = {}
    for where, function in functions():
        module, _, owner = where.partition(".")
        if owner.endswith("StateCommands"):
            continue
        queued = owner.startswith("Queued")
        assert isinstance(function, ast.FunctionDef) == queued, f"{where}.{function.name}"
        returns = ast.unparse(function.returns) if function.returns else ""
        if queued:
            assert returns.startswith("Queued["), f"{where}.{function.name}"
            returns = returns.removeprefix("Queued[")[:-1]
        faces.setdefault((module, function.name), {}).setdefault(queued, []).append(
            (ast.unparse(function.args), returns.replace("builtins.", ""))
        )
    for name, both in faces.items():
        assert both.get(False) == both.get(True), name


@pytest.mark.parametrize("name", overload_sets())
def test_overloads(name: str) -> None:
    """A flag that decides has a plain-bool fallback, a path one of any path; what only ``None`` or a value decides has none."""
    *overloads, own = overload_sets()[name]
    assert all(map(is_overload, overloads))
    assert not is_overload(own)
    shapes = [parameters(item) for item in overloads]
    flags = {
        parameter
        for shape in shapes
        for parameter, (annotation, _) in shape.items()
        if annotation in ("Literal[True]", "Literal[False]")
    }
    fallbacks = [shape for shape in shapes if flags and all(shape[flag] == ("bool", "False") for flag in flags)]
    other = {
        parameter for shape in shapes for parameter in shape if len({s.get(parameter) for s in shapes}) > 1
    } - flags
    whole = [shape for shape in shapes if shape == parameters(own)]
    if any(annotation == "JSONPath" for shape in shapes for annotation, _ in shape.values()):
        whatever, mine = (
            {name: annotation for name, (annotation, _) in s.items()} for s in (shapes[-1], parameters(own))
        )
        assert whatever == mine, "a path decides: the last overload takes one of which checkers know nothing"
    elif flags and not other:
        assert fallbacks == [shapes[-1]] == whole, "flags alone decide: the last overload takes a plain bool for each"
    elif flags:
        assert fallbacks, "a flag decides: an overload takes a plain bool for each"
        assert not whole, "checkers split what None decides: no overload takes it undecided"
    else:
        assert not whole, "nothing but None decides: checkers split it, so a fallback would only blur"
    for flag in flags:
        assert {shape[flag] for shape in shapes} <= {
            ("Literal[True]", None),
            ("Literal[False]", "False"),
            ("bool", "False"),
        }, flag


def test_overloads_return_what_the_method_says() -> None:
    """The method's own annotation is the union of its overloads'."""
    for name, (*overloads, own) in overload_sets().items():
        promised = set(_members(own.returns))
        given = {member for item in overloads for member in _members(item.returns)}
        assert promised == (given if "Any" not in given else {"Any"}), name


def _members(node: ast.expr | None) -> list[str]:
    """Return the members of a union, inside ``Queued`` too."""
    assert node is not None
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Queued":
        return _members(node.slice)
    if isinstance(node, ast.BinOp):
        return _members(node.left) + _members(node.right)
    return [ast.unparse(node)]


if __name__ == "__main__":
    ANY_METHODS.write_text("".join(f"{name}\n" for name in any_methods()), encoding="utf-8")
