"""The pipeline: load → normalise → overlay → lower → render → format → write (or compare)."""

from __future__ import annotations

import ast
import keyword
import re
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import black
from black.mode import Mode, TargetVersion
from black.parsing import InvalidInput

from . import docs, facts, ir, lower, naming, overlay, phrases, refusals, render, replies, since, spec, tested, writing
from .changes import difference
from .fields import SpecError
from .places import ROOT

OUTPUT: Final = ROOT / "src" / "redpoll" / "commands"
MODE: Final = Mode(line_length=120, target_versions={TargetVersion.PY311})
RESERVED: Final = frozenset(
    {
        "aclose", "batch", "binary", "close", "connection", "consumer", "dedicated", "evalsha_or_eval", "execute",
        "from_url", "hscan_iter", "library", "lock", "monitor", "on", "pipeline", "reauthenticate", "register_script",
        "release", "scan_iter", "script", "sscan_iter",
        "subscribe", "text", "transaction", "using", "watch_transaction", "zscan_iter",
    }
)  # fmt: skip
"""Names of handwritten client methods, which a command must not take."""

USED: Final = frozenset({"S", "TYPE_CHECKING", "builtins", "overload"})
"""Names that generated classes use, which neither a method nor a constant must take."""


class GenerationError(Exception):
    """What stops the generation; the message holds one line a fault."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What methods are made for.

    Attributes:
        redpoll: for redpoll itself; else for others, who add commands of their own.
        taken: method names that no command must take, and what has them.
        servers: the servers of the tests, for docstrings to say what none of them has.
    """

    redpoll: bool
    taken: Mapping[str, str]
    servers: tuple[tested.Server, ...] = ()


def purpose() -> Purpose:
    """Return the purpose of redpoll's own commands."""
    return Purpose(True, dict.fromkeys(RESERVED, "a handwritten method"), tested.load())


def run(*, check: bool = False, stamp: bool = False) -> int:
    """Generate the commands, or with ``check`` compare; return the exit code.

    Args:
        check: write nothing, and return 1 where a byte of the output would differ.
        stamp: first write the present spec hashes into the overlay.
    """
    try:
        commands = spec.load(ROOT / "commands.json")
        if stamp:
            for name in overlay.stamp(commands):
                print(f"stamped   {name}")
        files = generate(commands, overlay.load())
    except (SpecError, overlay.OverlayError, GenerationError) as error:
        print(error, file=sys.stderr)
        return 2
    return store(files, check=check)


def store(files: Mapping[str, str], *, check: bool = False) -> int:
    """Write redpoll's commands, or with ``check`` compare them; say what changed and return the exit code."""
    try:
        old = writing.read(OUTPUT)
        if not check:
            with stage("write"):
                writing.replace(OUTPUT, files)
    except writing.WriteError as error:
        print(error, file=sys.stderr)
        return 2
    if not check:
        for line in difference(old, files):
            print(line)
        return 0
    faults = writing.compare(old, files)
    for line in faults:
        print(line, file=sys.stderr)
    print("src/redpoll/commands differs from commands.json and the overlay" if faults else "up to date")
    return 1 if faults else 0


def generate(commands: Mapping[str, spec.Command], over: overlay.Overlay) -> dict[str, str]:
    """Return the generated files, by name.

    Raises:
        OverlayError: the overlay is stale.
        GenerationError: a command that the rules and the overlay cannot make a method of.
    """
    with stage("overlay"):
        containers, modules = layout(commands)
        overlay.check(over, commands, modules, used=False)
    with stage("lower"):
        found = methods(commands, over, modules, containers)
        overlay.check(over, commands, modules, used=True)
    with stage("render"):
        rendered = sources(commands, over, found)
    with stage("format"):
        return {name: formatted(name, text) for name, text in rendered.items()}


def layout(commands: Mapping[str, spec.Command]) -> tuple[frozenset[str], dict[str, str]]:
    """Return the containers among the commands, and each command's module.

    Raises:
        GenerationError: a group that no module can be named after.
    """
    containers = frozenset(name.partition(" ")[0] for name in commands if " " in name)
    return containers, {name: _module(command, containers) for name, command in commands.items()}


def _module(command: spec.Command, containers: frozenset[str]) -> str:
    try:
        name = naming.module_name(command, containers)
    except ir.LoweringError as error:
        raise GenerationError(f"{command.name}: its group: {error}") from error
    if name in ("table", "since"):
        raise GenerationError(f"{command.name}: the module {name!r} is a table of all commands")
    return name


def methods(
    commands: Mapping[str, spec.Command],
    over: overlay.Overlay,
    modules: Mapping[str, str],
    containers: frozenset[str],
) -> list[ir.Method]:
    """Return the methods of all commands but containers and those that the overlay excludes.

    Raises:
        GenerationError: one line a command that fails.
    """
    found, faults = lowered(commands, over, modules, containers, purpose())
    if faults:
        raise GenerationError("\n".join(faults.values()))
    return found


def lowered(
    commands: Mapping[str, spec.Command],
    over: overlay.Overlay,
    modules: Mapping[str, str],
    containers: frozenset[str],
    aim: Purpose,
) -> tuple[list[ir.Method], dict[str, str]]:
    """Return the methods, and for each command that fails a line that names it and says why."""
    found: list[ir.Method] = []
    faults: dict[str, str] = {}
    names = dict(aim.taken)
    constants: dict[tuple[str, str], str] = {}
    for name, command in overlay.dated(commands, over).items():
        entry = over.entry(name)
        if entry.exclude or (name in containers and entry.method is None):
            continue
        try:
            item = _method(command, entry, modules[name], over.summaries.get(name, ""), aim)
        except (ir.LoweringError, replies.ReplyError) as error:
            faults[name] = f"{name}: {error}" if not str(error).startswith(name) else str(error)
            continue
        if item.name in names and not (aim.redpoll and item.facts.dedicated and item.name in RESERVED):
            faults[name] = f"{item.command}: the method {item.name!r} is taken by {names[item.name]}"
            continue
        clash = [name for name in render.constant_names(item) if (item.module, name) in constants]
        if clash:
            other = constants[item.module, clash[0]]
            faults[name] = f"{item.command}: the constant {clash[0]} is taken by {other}"
            continue
        constants |= dict.fromkeys(((item.module, name) for name in render.constant_names(item)), item.command)
        names[item.name] = item.command
        found.append(item)
    return found, faults


def _method(command: spec.Command, entry: overlay.Entry, module: str, summary: str, aim: Purpose) -> ir.Method:
    own = lower.Signature(signature(entry.signature), ()) if entry.signature else None
    lowered = own or lower.lower(command, entry)
    params = lowered.params
    taken = naming.LOCALS & {param.name for param in params}
    if taken:
        raise ir.LoweringError(f"parameter names that encoders use themselves: {', '.join(sorted(taken))}")
    cases = _cases(command, entry, {param.name for param in params})
    note = tested.note(command, aim.servers) if aim.redpoll else None
    steps = _checked(command.name, entry, lowered)
    body = tuple(entry.encode.strip("\n").split("\n")) if entry.encode else ()
    told = [docs.argument(param, _phrase(command.name, module, param) if aim.redpoll else None) for param in params]
    doc = docs.docstring(command, summary, told, cases, refusals.refusals(steps, body), note, page=aim.redpoll)
    method = ir.Method(
        command=command.name,
        name=entry.method or naming.method_name(command.name),
        module=module,
        params=params,
        steps=steps,
        cases=cases,
        facts=facts.facts(command, entry),
        doc=doc,
        body=body,
        overloads=entry.overloads,
    )
    for name in (method.name, method.constant):
        # A hostile name must not become code, nor hide what generated code uses.
        if not name.isidentifier() or keyword.iskeyword(name) or name in USED:
            raise ir.LoweringError(f"neither a method nor a constant can be called {name!r}")
    return method


def _phrase(command: str, module: str, param: ir.Param) -> str | None:
    known = phrases.load()
    place = known.place(command, module, param.name, general=param.type not in docs.TELLING)
    return None if place is None else known.told[place]


def _checked(command: str, entry: overlay.Entry, lowered: lower.Signature) -> tuple[ir.Step, ...]:
    """Return the steps with the overlay's own checks behind those of the rules.

    Raises:
        LoweringError: a condition is no expression, or names what is no parameter.
    """
    checks: list[ir.Step] = []
    for refuse, say in entry.checks:
        try:
            names = {node.id for node in ast.walk(ast.parse(refuse, mode="eval")) if isinstance(node, ast.Name)}
        except SyntaxError as error:
            raise ir.LoweringError(f"checks: {refuse!r} is no expression") from error
        if unknown := names - {param.name for param in lowered.params} - {"_a"}:
            raise ir.LoweringError(f"checks: {refuse!r} names unknown parameters: {', '.join(sorted(unknown))}")
        checks.append(ir.Check(refuse, f"_a.refused({command!r}, {say!r})"))
    first = next((i for i, step in enumerate(lowered.steps) if not isinstance(step, ir.Check)), len(lowered.steps))
    return (*lowered.steps[:first], *checks, *lowered.steps[first:])


def _cases(command: spec.Command, entry: overlay.Entry, params: set[str]) -> tuple[ir.Case, ...]:
    if not entry.reply:
        return (ir.Case((), replies.parse(replies.from_schema(command.reply_schema))),)
    conditions = [condition for case in entry.reply for condition in case.when]
    tests = {condition: render.test_of(condition) for condition in conditions}
    unknown = {tested[1] if tested else name.removeprefix("!") for name, tested in tests.items()} - params
    unknown |= {tested[0] for tested in tests.values() if tested} - render.TESTS.keys()
    if any(tests.values()) and len(entry.reply) != 2:
        raise ir.LoweringError("a test of a parameter tells two replies apart")
    if unknown:
        raise ir.LoweringError(f"the reply depends on unknown parameters: {', '.join(sorted(unknown))}")
    cases: list[ir.Case] = []
    for case in entry.reply:
        reply = replies.parse(case.expression)
        cases.append(ir.Case(case.when, replace(reply, raw=reply.raw or not (case.text and entry.text))))
    return tuple(cases)


def signature(parts: tuple[str, ...]) -> tuple[ir.Param, ...]:
    """Return the parameters of a handwritten parameter list.

    Raises:
        LoweringError: it is no parameter list.
    """
    try:
        node = ast.parse(f"def f({', '.join(parts)}): ...").body[0]
    except SyntaxError as error:
        raise ir.LoweringError(f"no parameter list: {', '.join(parts)}") from error
    if not isinstance(node, ast.FunctionDef):
        raise ir.LoweringError(f"no parameter list: {', '.join(parts)}")
    spare = node.args
    plain = [*spare.posonlyargs, *spare.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(spare.defaults)), *spare.defaults]
    result: list[ir.Param] = []
    for arg, default in zip(plain, defaults, strict=True):
        result.append(_declared(arg, "only" if arg in spare.posonlyargs else "plain", default))
    if spare.vararg is not None:
        result.append(_declared(spare.vararg, "var", None))
    result += [_declared(a, "keyword", d) for a, d in zip(spare.kwonlyargs, spare.kw_defaults, strict=True)]
    return tuple(result)


def _declared(arg: ast.arg, kind: ir.ParamKind, default: ast.expr | None) -> ir.Param:
    if arg.annotation is None:
        raise ir.LoweringError(f"the parameter {arg.arg} has no type")
    source = None if default is None else ast.unparse(default)
    type_ = ast.unparse(arg.annotation)
    return ir.Param(arg.arg, type_.removesuffix(" | None") if source == "None" else type_, kind, source)


def sources(commands: Mapping[str, spec.Command], over: overlay.Overlay, found: Sequence[ir.Method]) -> dict[str, str]:
    """Return the source of all files by name, not yet formatted."""
    env = render.environment()
    by_module: dict[str, list[ir.Method]] = {}
    for item in found:
        by_module.setdefault(item.module, []).append(item)
    contents = [render.module(name, items) for name, items in sorted(by_module.items())]
    files = {f"{content.name}.py": render.module_source(env, content) for content in contents}
    files["__init__.py"] = render.init_source(env, contents)
    raw = {item.command: any(case.reply.raw for case in item.cases) for item in found}
    table = {name: (facts.facts(command, over.entry(name)), raw.get(name, False)) for name, command in commands.items()}
    files["table.py"] = render.table_source(env, table)
    rows = {repr(name): repr(row) for name, row in since.rows(commands).items()}
    files["since.py"] = env.get_template("since.py.j2").render(rows=rows)
    return files


def formatted(name: str, text: str) -> str:
    """Return a file's source as black has it.

    Raises:
        GenerationError: it is no Python.
    """
    try:
        return black.format_str(re.sub(r"\n{4,}", "\n\n\n", text), mode=MODE)
    except InvalidInput as error:
        raise GenerationError(f"{name}: the rendered source is no Python: {error}") from error


@contextmanager
def stage(name: str) -> Generator[None, None, None]:
    """Print how long a stage took."""
    start = time.perf_counter()
    yield
    print(f"{name:<9} {time.perf_counter() - start:6.2f} s")
