"""The promise in one run: generated from the specs, typed, and true on a real server. Run it with `make demo`.

1. Regenerate the command methods and compare them, byte for byte, with what was there.
2. Start the embedded server.
3. Run examples/tour.py against it, and print each reply beside the type that mypy finds for the call; it must be of it.
4. Let mypy judge: it must accept the tour and reject the marked lines of examples/wrong.py, and no other line.

Ends with a verdict; the exit code is 1 where anything is not as promised. With --keep it does not regenerate.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tour import tour

from redpoll import Redis
from redpoll.testing import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples"
GENERATED = REPOSITORY / "src" / "redpoll" / "commands"
WIDTH = 98  # columns

failures: list[str] = []


def heading(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n")


def say(text: str, indent: int = 3) -> None:
    print(textwrap.indent(textwrap.fill(text, WIDTH - indent), " " * indent))


def check(fine: bool, promise: str) -> None:
    """Print whether a promise was kept, and remember one that was not."""
    print(f"   {'yes' if fine else 'NO '}  {promise}")
    if not fine:
        failures.append(promise)


def fingerprints() -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in GENERATED.glob("*") if path.is_file()}


def methods() -> int:
    """Count the command methods that clients have; overloads of one count once."""
    found = set[tuple[str, str]]()
    for path in GENERATED.glob("*.py"):
        found |= {(path.name, name) for name in re.findall(r"^    async def (\w+)", path.read_text(), re.MULTILINE)}
    return len(found)


def regenerate() -> None:
    before = fingerprints()
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "codegen"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    after = fingerprints()
    for line in (done.stdout + done.stderr).splitlines()[-6:]:
        say(line)
    commands = len(json.loads((REPOSITORY / "commands.json").read_text()))
    say(f"{methods()} methods in {len(after)} files, from {commands} entries of commands.json, in {seconds:.1f} s")
    check(done.returncode == 0, "the generator ran")
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    check(not changed, "the files are, byte for byte, what was there" + (f"; changed: {changed}" if changed else ""))


@dataclass(frozen=True)
class Step:
    """One `yield` of the tour: its line, its expression, and where that stands in the file."""

    line: int
    source: str
    start: int
    stop: int


def steps(source: str) -> list[Step]:
    """Return the tour's yields, in their order."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Step] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Yield) and node.value is not None:
            value = node.value
            start = starts[value.lineno - 1] + value.col_offset
            stop = starts[(value.end_lineno or value.lineno) - 1] + (value.end_col_offset or 0)
            found.append(Step(node.lineno, source[start:stop], start, stop))
    return sorted(found, key=lambda step: step.start)


@dataclass(frozen=True)
class Remark:
    """What mypy says about a line."""

    file: str
    line: int
    severity: str
    message: str


def remarks(source: str, yields: list[Step]) -> list[Remark]:
    """Run mypy over the tour, the wrong lines, and a copy of the tour that asks for the type of each yield."""
    copy = source
    for step in reversed(yields):
        copy = f"{copy[: step.start]}reveal_type({step.source}){copy[step.stop :]}"
    with tempfile.TemporaryDirectory(prefix="redpoll-demo-") as folder:
        revealed = Path(folder) / "revealed.py"
        revealed.write_text(copy)
        files = [revealed, EXAMPLES / "tour.py", EXAMPLES / "wrong.py"]
        command = [sys.executable, "-m", "mypy", "--output", "json", *map(str, files)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"mypy failed:\n{done.stdout}{done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [Remark(Path(r["file"]).name, r["line"], r["severity"], r["message"]) for r in lines]


def static_types(said: list[Remark]) -> dict[int, str]:
    """Return the static type of each yield, by its line."""
    found: dict[int, str] = {}
    for remark in said:
        revealed = re.fullmatch(r'Revealed type is "(.*)"', remark.message)
        if revealed and remark.file == "revealed.py":
            found[remark.line] = re.sub(r"\b(?:[a-z_]\w*\.)+", "", revealed[1])
    return found


async def replies(url: str) -> list[object]:
    async with Redis.from_url(url) as client, contextlib.aclosing(tour(client)) as running:
        return [reply async for reply in running]


def fits(value: object, kind: ast.expr) -> bool:
    """Tell whether a value is exactly of a type as mypy spells it; a bool is no int here."""
    match kind:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return fits(value, left) or fits(value, right)
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name):
            return name in {"Any", type(value).__name__}
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=inner)):
            return isinstance(value, tuple) and len(value) == len(inner) and all(map(fits, value, inner))
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, item])):
            return isinstance(value, dict) and all(fits(k, key) and fits(v, item) for k, v in value.items())
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if isinstance(value, list | set):
            return type(value).__name__ == name and all(fits(item, inner) for item in value)
    return False


def show_tour(yields: list[Step], got: list[object], static: dict[int, str]) -> None:
    for step, reply in zip(yields, got, strict=True):
        print(f"   {step.source}")
        shown = textwrap.shorten(repr(reply), WIDTH - 10, placeholder=" …")
        kind = static.get(step.line, "no type found")
        if len(shown) + len(kind) + 14 <= WIDTH:
            print(f"       {shown:<{max(48, len(shown))}}   {kind}")
        else:
            print(f"       {shown}\n       {'':<48}   {kind}")
    print()
    check(len(static) == len(yields), f"mypy finds the type of all {len(yields)} calls")
    types = [ast.parse(static.get(step.line, "unknown"), mode="eval").body for step in yields]
    strangers = [step.source for step, reply, kind in zip(yields, got, types, strict=True) if not fits(reply, kind)]
    check(not strangers, f"every reply is of that type{''.join(f'; not: {call}' for call in strangers)}")


def wrong_lines() -> Iterator[tuple[int, str]]:
    for number, line in enumerate((EXAMPLES / "wrong.py").read_text().splitlines(), start=1):
        if "# wrong:" in line:
            yield number, line.strip()


def judge(said: list[Remark]) -> None:
    marked = dict(wrong_lines())
    errors = [remark for remark in said if remark.severity == "error"]
    for number, line in marked.items():
        print(f"   wrong.py:{number}  {line}")
        for remark in errors:
            if remark.file == "wrong.py" and remark.line == number:
                say(f"mypy: {remark.message}", indent=7)
        print()
    accepted = [remark for remark in errors if remark.file != "wrong.py"]
    for remark in accepted:
        say(f"{remark.file}:{remark.line}: {remark.message}")
    rejected = {remark.line for remark in errors if remark.file == "wrong.py"}
    check(not accepted, "mypy accepts every line of tour.py")
    check(
        rejected == marked.keys() and len(marked) == 3,
        f"mypy rejects exactly the three marked lines of wrong.py (rejected: {sorted(rejected)})",
    )


def main(arguments: list[str]) -> int:
    if arguments != ["--keep"]:
        heading(1, "Regenerate the commands from commands.json and codegen/overlay")
        regenerate()

    with EmbeddedServer() as server:
        heading(2, "Start the embedded server")
        say(f"{server.binary.name} {server.version} on {server.host}:{server.port}")

        heading(3, "Run examples/tour.py: each call, its reply, and the type that mypy finds for it")
        source = (EXAMPLES / "tour.py").read_text()
        yields = steps(source)
        got = asyncio.run(replies(server.url()))
    said = remarks(source, yields)
    show_tour(yields, got, static_types(said))

    heading(4, "Let mypy judge three wrong lines, examples/wrong.py")
    judge(said)

    print(f"\n{'NOT as promised: ' + '; '.join(failures) if failures else 'All as promised.'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
