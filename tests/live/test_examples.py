"""The examples and the README run as they stand, and give what they say they give."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from redpoll.testing import EmbeddedServer

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "def test_" not in block]


def promised(line: str) -> tuple[bool, object]:
    """Return whether a comment promises a value, and the value: `# 1, an int` and `# False: the key exists` do."""
    comment = line.partition("  # ")[2]
    for end in [len(comment), *(match.start() for match in re.finditer(r"[:,] ", comment))]:
        try:
            return True, ast.literal_eval(comment[:end].strip())
        except (SyntaxError, ValueError):
            continue
    return False, None


async def run(block: str, names: dict[str, Any]) -> int:
    """Run a block statement by statement and return how many promised values were checked."""
    checked = 0
    for node in ast.parse(block).body:
        promises, value = promised(block.splitlines()[(node.end_lineno or 1) - 1])
        statement = ast.get_source_segment(block, node) or ""
        kind = "eval" if isinstance(node, ast.Expr) else "exec"
        code = compile(statement, "README.md", kind, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            result = await result
        if promises and isinstance(node, ast.Expr):
            assert result == value, statement
            assert type(result) is type(value), statement
            checked += 1
    return checked


async def test_the_readme_for_redis_py_users(valkey: EmbeddedServer) -> None:
    block = next(block for block in BLOCKS if "from_url" in block)
    assert await run(block.replace("localhost:6379", f"{valkey.host}:{valkey.port}"), {}) >= 8


async def test_the_readme_opens_with_a_program_that_runs(
    valkey: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    program = BLOCKS[0].replace('host="localhost"', f'host="{valkey.host}", port={valkey.port}')
    names: dict[str, Any] = {}
    await asyncio.to_thread(exec, program, names)
    assert capsys.readouterr().out == "Ada\n"


def test_the_readme_has_no_other_program() -> None:
    assert len(BLOCKS) == 2


def example(*words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    program = [sys.executable, "-W", "error", *words]
    done = subprocess.run(
        program, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    return done.stdout


def test_the_tour_by_itself(server: EmbeddedServer) -> None:
    printed = example("examples/tour.py", server.url()).splitlines()
    assert printed[0] == "True"
    assert printed[-1] == "'int'"


def test_transactions(server: EmbeddedServer) -> None:
    assert example("examples/transactions.py", server.url()).splitlines() == [
        "order 1 of 1 in the log",
        "now 1 1",
        "WrongType True 2",
        "ann 0 bo 100",
        "WatchConflict not_run",
    ]


def test_scanning(server: EmbeddedServer) -> None:
    printed = example("examples/scan.py", server.url()).splitlines()
    assert printed[0] == "1000 users"
    assert printed[-1] == "0 keys left"


def test_consuming_streams(server: EmbeddedServer) -> None:
    printed = example("examples/streams.py", server.url()).splitlines()
    assert printed == [
        "ann dies with order 0",
        "bo cooked 19 orders, ann's too",
        "failed: 7",
        "0 pending",
    ]


def test_the_demo_keeps_its_promises() -> None:
    assert example("examples/demo.py", "--keep").endswith("\nAll as promised.\n")


def test_the_scripts(server: EmbeddedServer) -> None:
    assert example("examples/scripts.py", server.url()).splitlines() == [
        "[1, 0, -1]",
        "4 4",
        "1 2",
        "{'last': 'friday', 'count': '2'}",
    ]


def test_the_lock(server: EmbeddedServer) -> None:
    assert example("examples/lock.py", server.url()).splitlines() == [
        "one at a time: True",
        "another one gets it: False",
        "still held: True",
        "lost: not_run",
    ]


def test_the_example_of_subscriptions(server: EmbeddedServer) -> None:
    assert example("examples/pubsub.py", server.url()).splitlines() == [
        "news: redpoll sings",
        "sport.chess: 1-0",
        "quiet: None",
        "order 17",
        "a gap: connection",
        "back again",
        "KeyEvent(key='user:1', event='set', db=0)",
    ]
