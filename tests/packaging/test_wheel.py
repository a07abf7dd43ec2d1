"""What a user gets: the built wheel in an empty environment, and what both type checkers say of its public API there.

The checkers are this environment's own; they look at the other one. Each runs once.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import missing
from tests.typing.test_typing import ANY_METHODS, ROOT

DYNAMIC = {
    *("Pipeline.execute", "Pipeline.raw", "Transaction.execute", "Transaction.raw", "Library.function"),
    *(
        f"{owner}.{name}"
        for owner in ("Client", "Dedicated", "Redis")
        for name in ("execute", "script", "register_script", "evalsha_or_eval")
    ),
}
"""Handwritten methods whose values no signature can know."""

PARAMETERS = {"Function": "[int]", "Queued": "[int]", "Script": "[int]", "Spec": "[int]"}
"""Generic classes without a default."""

LEFT_OUT = {"test", "tests", "codegen", "benchmarks", "examples"}


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel and what it depends on.

    Attributes:
        folder: an empty folder beside it, to run in.
        python: its interpreter.
        symbols: what ``symbols.py`` prints there.
    """

    folder: Path
    python: Path
    symbols: dict[str, Any]

    def checker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of this environment's checkers, which finds the other environment's Python first."""
        env = {
            **os.environ,
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
            "NO_COLOR": "1",
        }
        return run(sys.executable, "-m", *words, cwd=self.folder, env=env)


def run(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=280, check=False, **options)


def pip(*words: str | Path) -> None:
    done = run(sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check")
    if done.returncode and re.search(
        "Could not find a version|Connection|Failed to establish|No matching", done.stderr
    ):
        missing("a package index", f"the wheel is built and installed from one: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel. A build backend in this environment is used, so that it needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    own = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip("wheel", "--no-deps", "--wheel-dir", folder, *own, ROOT)
    (built,) = folder.glob("redpoll-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    made = run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    assert made.returncode == 0, made.stderr
    python = folder / "env" / "bin" / "python"
    pip("--python", python, "install", wheel)
    (folder / "work").mkdir()
    told = run(python, "-I", Path(__file__).with_name("symbols.py"), cwd=folder / "work")
    assert told.returncode == 0, told.stderr
    return Installed(folder / "work", python, json.loads(told.stdout))


def test_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    own = {name for name in names if ".dist-info/" not in name and not name.startswith("redpoll_codegen/")}
    source = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert own == (source - {"redpoll_codegen.py"}) | {"redpoll/py.typed"}
    generator = {
        path.relative_to(ROOT / "codegen").as_posix() for path in (ROOT / "codegen").rglob("*.*") if _kept(path)
    }
    assert {name.partition("/")[2] for name in names if name.startswith("redpoll_codegen/")} == generator
    assert not {name.partition("/")[0] for name in names} & LEFT_OUT


def _kept(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_it_is_the_wheel_that_is_looked_at(installed: Installed) -> None:
    assert Path(installed.symbols["file"]).is_relative_to(installed.python.parent.parent)


def test_every_public_symbol_has_a_docstring(installed: Installed) -> None:
    assert not installed.symbols["undocumented"]


def test_every_public_type_is_complete(installed: Installed) -> None:
    done = installed.checker("pyright", "--verifytypes", "redpoll", "--ignoreexternal", "--outputjson")
    found = json.loads(done.stdout)["typeCompleteness"]
    wrong = [each["name"] for each in found["symbols"] if each["isExported"] and not each["isTypeKnown"]]
    counts = found["exportedSymbolCounts"]
    print(f"{counts['withKnownType']} symbols, complete: {found['completenessScore']:.1%}")
    assert not wrong, [(each["name"], each.get("diagnostics")) for each in found["symbols"] if each["name"] in wrong]
    assert counts["withKnownType"] > 4000
    assert found["completenessScore"] == 1
    assert found["missingFunctionDocStringCount"] == found["missingClassDocStringCount"] == 0
    assert done.returncode == 0


# Each public method, as both checkers type it


@pytest.fixture(scope="module")
def revealing(installed: Installed) -> dict[int, str]:
    """A program that reveals every public method's type: which one at which line."""
    lines, where = ["import redpoll"], dict[int, str]()
    for owner, methods in installed.symbols["methods"].items():
        if methods:
            lines.append(f"def of_{owner.lower()}(value: redpoll.{owner}{PARAMETERS.get(owner, '')}) -> None:")
        for name in methods:
            lines.append(f"    reveal_type(value.{name})")
            where[len(lines)] = f"{owner}.{name}"
    for name in installed.symbols["functions"]:
        lines.append(f"reveal_type(redpoll.{name})")
        where[len(lines)] = name
    (installed.folder / "reveal.py").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert len(where) > 2000
    return where


def dynamic(revealed: dict[str, str]) -> set[str]:
    """Return the names whose type says Any or Unknown.

    A coroutine's first two parameters are nobody's concern, nor what ``dumps`` and ``decode`` take and ``loads`` returns.
    """
    dull = r"decode: [^=]*?Any|Coroutine(Type)?\[Any, Any, |dumps: [^=]*\(Any\)|dumps: [^=]*\[\[Any\]|loads: [^=]*="
    return {name for name, text in revealed.items() if re.search(r"\b(Any|Unknown)\b", re.sub(dull, "[", text))}


def judge(revealed: dict[str, str], where: dict[int, str]) -> None:
    """Every name was revealed, and only those that are listed may be dynamic."""
    assert revealed.keys() == set(where.values())
    listed = {name.partition(".")[2] for name in ANY_METHODS.read_text(encoding="utf-8").split()}
    found = dynamic(revealed)
    print(f"{len(revealed)} types, {len(found)} with Any")
    assert {name for name in found if name.rpartition(".")[2] not in listed} == DYNAMIC


def test_mypy_types_every_method(installed: Installed, revealing: dict[int, str]) -> None:
    done = installed.checker(
        *("mypy", "--strict", "--python-executable", str(installed.python)),
        *("--cache-dir", str(installed.folder / "cache"), "reveal.py"),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    revealed: dict[str, str] = {}
    for line, text in re.findall(r"^reveal\.py:(\d+): note: (?:Revealed type is )?(.*)$", done.stdout, re.MULTILINE):
        name = revealing[int(line)]
        revealed[name] = f"{revealed.get(name, '')} {text}"
    judge(revealed, revealing)


def test_pyright_types_every_method(installed: Installed, revealing: dict[int, str]) -> None:
    done = installed.checker("pyright", "--pythonpath", str(installed.python), "--outputjson", "reveal.py")
    found = json.loads(done.stdout)
    assert not [each for each in found["generalDiagnostics"] if each["severity"] != "information"]
    revealed = {revealing[each["range"]["start"]["line"] + 1]: each["message"] for each in found["generalDiagnostics"]}
    judge(revealed, revealing)


def test_what_is_dynamic_is_found() -> None:
    texts = {
        "a": "def () -> typing.Coroutine[Any, Any, int]",
        "b": "() -> CoroutineType[Any, Any, dict[str, Any]]",
        "c": "() -> list[Unknown]",
        "d": "def (AnyName) -> Company",
    }
    assert dynamic(texts) == {"b", "c"}
