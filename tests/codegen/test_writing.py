"""A generated folder is replaced as a whole or not at all, and nothing that was not generated is ever lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codegen import writing
from codegen.writing import MARK, WriteError

OLD = {"__init__.py": f"{MARK}one\n", "a.py": f"{MARK}a\n"}
NEW = {"__init__.py": f"{MARK}one\n", "b.py": f"{MARK}b\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writing.replace(tmp_path / "made", OLD)
    return tmp_path / "made"


def left(folder: Path) -> list[str]:
    """The folder's neighbours: no temporary ones may stay."""
    return sorted(path.name for path in folder.parent.iterdir())


def test_a_new_folder(tmp_path: Path) -> None:
    writing.replace(tmp_path / "deep" / "made", OLD)
    assert writing.read(tmp_path / "deep" / "made") == OLD
    assert left(tmp_path / "deep" / "made") == ["made"]
    assert writing.read(tmp_path / "nowhere") == {}


def test_all_files_are_replaced_and_what_stays_keeps_its_time(folder: Path) -> None:
    os.utime(folder / "__init__.py", (1, 1))
    writing.replace(folder, NEW)
    assert writing.read(folder) == NEW
    assert (folder / "__init__.py").stat().st_mtime == 1
    assert left(folder) == ["made"]


def test_nothing_is_touched_where_nothing_changes(folder: Path) -> None:
    inode = folder.stat().st_ino
    writing.replace(folder, OLD)
    assert folder.stat().st_ino == inode


@pytest.mark.parametrize("at", range(7))
def test_a_failure_at_any_step_leaves_the_old_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    # Each call that changes the file system fails in turn; putting the old folder back must not.
    count = 0

    def failing(real: Any) -> Any:
        def call(*args: Any, **keywords: Any) -> Any:
            nonlocal count
            count += 1
            if count == at + 1:
                raise OSError(28, "No space left on device")
            return real(*args, **keywords)

        return call

    for owner, name in (
        (writing.tempfile, "mkdtemp"), (Path, "mkdir"), (writing.shutil, "copy2"), (Path, "write_text"), (os, "replace"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))
    with pytest.raises(WriteError, match="made: cannot be written: No space left on device"):
        writing.replace(folder, NEW)
    monkeypatch.undo()
    assert writing.read(folder) == OLD
    assert left(folder) == ["made"]


def test_an_interrupt_between_the_two_renames_puts_the_old_folder_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def interrupted(source: Any, target: Any) -> None:
        if Path(source).name == "new":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writing.replace(folder, NEW)
    assert writing.read(folder) == OLD
    assert left(folder) == ["made"]


def test_a_folder_with_anything_else_in_it_is_refused(folder: Path) -> None:
    (folder / "__pycache__").mkdir()
    writing.refuse_foreign(folder)
    (folder / "mine.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "data").mkdir()
    with pytest.raises(WriteError, match=r"made: data, mine\.py was not generated"):
        writing.refuse_foreign(folder)
    with pytest.raises(WriteError, match=r"mine\.py: is no folder"):
        writing.refuse_foreign(folder / "mine.py")
    writing.refuse_foreign(folder / "nothing")


def test_comparing() -> None:
    assert writing.compare(OLD, OLD) == []
    assert writing.compare(OLD, {**NEW, "__init__.py": "x"}) == [
        "missing   b.py",
        "extra     a.py",
        "differs   __init__.py",
    ]
