"""What a newly generated tree has that the old one had not: methods, parameters, return types; as lines and as Markdown."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: its parameters by name, as source in Python order, and what comes back."""

    text: str
    params: Mapping[str, str]
    returns: str


@dataclass(slots=True)
class Surface:
    """What callers see of one method.

    Attributes:
        name: the method.
        command: the command that it sends.
        signatures: overloads first.
        doc: the docstring's lines.
    """

    name: str
    command: str = ""
    signatures: list[Signature] = field(default_factory=list[Signature])
    doc: list[str] = field(default_factory=list[str])

    @property
    def whole(self) -> Signature:
        """The signature that holds all parameters."""
        return self.signatures[-1]

    @property
    def texts(self) -> list[str]:
        """All signatures as source."""
        return [signature.text for signature in self.signatures]

    @property
    def syntax(self) -> str:
        """The command's syntax line."""
        return next((line for line in self.doc if line.startswith("``") and line.endswith("``")), "").strip("`")

    def said(self, beginning: str) -> str:
        """Return the docstring's line that begins so, without the full stop; empty where there is none."""
        return next((line.removesuffix(".") for line in self.doc if line.startswith(beginning)), "")


def surface(files: Mapping[str, str]) -> dict[str, Surface]:
    """Return the awaited methods of generated files, by name."""
    found: dict[str, Surface] = {}
    for name, text in files.items():
        if not name.endswith(".py"):
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:  # an old file may be broken; the new one replaces it
            continue
        constants = dict(_constants(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef):
                method = found.setdefault(node.name, Surface(node.name))
                method.signatures.append(_signature(node))
                used = (constants[name] for name in _names(node) if name in constants)
                method.doc = (ast.get_docstring(node) or "").split("\n")
                method.command = method.command or next(used, "")
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each ``Spec`` constant with its command."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Call):
            first = node.value.args[0] if node.value.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.target.id, first.value


def _names(node: ast.AsyncFunctionDef) -> Iterator[str]:
    return (inner.id for part in node.body for inner in ast.walk(part) if isinstance(inner, ast.Name))


def _signature(node: ast.AsyncFunctionDef) -> Signature:
    args = node.args
    returns = ast.unparse(node.returns) if node.returns else ""
    params: dict[str, str] = {}
    plain = [*args.posonlyargs, *args.args]
    defaults = [*[None] * (len(plain) - len(args.defaults)), *args.defaults]
    for arg, default in [*zip(plain, defaults, strict=True), *zip(args.kwonlyargs, args.kw_defaults, strict=True)]:
        params[arg.arg] = ast.unparse(arg) + (f" = {ast.unparse(default)}" if default is not None else "")
    if args.vararg is not None:
        params[args.vararg.arg] = f"*{ast.unparse(args.vararg)}"
    params.pop("self", None)
    return Signature(f"({ast.unparse(args)}) -> {returns}", params, returns)


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield what is new, changed and removed: methods with their parameters and return types."""
    before, after = surface(old), surface(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"new       {name}{after[name].whole.text}"
        elif name not in after:
            yield f"removed   {name}{before[name].whole.text}"
        elif before[name].texts != after[name].texts:
            yield f"changed   {name}"
            yield from (f"          - {line}" for line in before[name].texts if line not in after[name].texts)
            yield from (f"          + {line}" for line in after[name].texts if line not in before[name].texts)


def markdown(before: Mapping[str, Surface], after: Mapping[str, Surface]) -> str:
    """Return what changed between two trees' methods as sections of a changelog; empty where nothing did."""
    both = sorted(after.keys() & before.keys())
    sections = {
        "Added": [_added(after[name]) for name in sorted(after.keys() - before.keys())],
        "Changed": [line for name in both for line in _changed(before[name], after[name])],
        "Deprecated": [
            line for name, method in sorted(after.items()) for line in _deprecated(before.get(name), method)
        ],
        "Removed": [f"- `{before[name].command}`: `{name}`" for name in sorted(before.keys() - after.keys())],
    }
    return "\n".join("\n".join([f"### {title}", "", *lines, ""]) for title, lines in sections.items() if lines)


def unfollowed(before: Mapping[str, Surface], after: Mapping[str, Surface]) -> Iterator[str]:
    """Yield a line for each command whose arguments changed while its method's signature did not."""
    for name in sorted(after.keys() & before.keys()):
        one, two = before[name], after[name]
        if one.texts == two.texts and one.syntax != two.syntax:
            yield f"{two.command}: `{name}` is the same, but the syntax is now `{two.syntax}`, was `{one.syntax}`"


def _added(method: Surface) -> str:
    text = method.whole.text.replace("(self, ", "(", 1).replace("(self)", "()", 1)
    since = method.said("Since ").removeprefix("Since ")
    return f"- `{method.command}`: `{method.name}{text}`{f' ({since})' if since else ''}"


def _changed(before: Surface, after: Surface) -> Iterator[str]:
    if before.texts == after.texts:
        return
    one, two = before.whole, after.whole
    told = [f"new parameter `{two.params[name]}`" for name in two.params if name not in one.params]
    told += [f"no parameter `{name}` any more" for name in one.params if name not in two.params]
    kept = [name for name in two.params if name in one.params]
    told += [f"parameter `{two.params[n]}`, was `{one.params[n]}`" for n in kept if one.params[n] != two.params[n]]
    if one.returns != two.returns:
        told.append(f"returns `{two.returns}`, was `{one.returns}`")
    if not told:
        told = ["other overloads" if one.text == two.text else "another order of parameters"]
    yield f"- `{after.command}`: `{after.name}`"
    yield from (f"  - {line}" for line in told)


def _deprecated(before: Surface | None, after: Surface) -> Iterator[str]:
    said = after.said("Deprecated since ")
    if said and not (before is not None and before.said("Deprecated since ")):
        yield f"- `{after.command}`: {said.removeprefix('Deprecated ')}"
