"""What the templates see: methods, faces and modules as pieces of source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

_BUILTINS: Final = frozenset(
    {
        "bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "memoryview", "object", "set", "str",
        "tuple", "type",
    }
)  # fmt: skip
"""Types that annotations name, and that a command's method of the same name hides in its class."""


def indent(text: str, width: int) -> str:
    """Indent all lines but the first; blank ones stay blank."""
    pad = " " * width
    return "\n".join(line if index == 0 or not line else pad + line for index, line in enumerate(text.split("\n")))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as source: the parameters behind ``self``, and what comes back."""

    params: str
    returns: str


@dataclass(frozen=True, slots=True)
class Constant:
    """One ``Spec`` constant."""

    name: str
    type: str
    source: str


@dataclass(frozen=True, slots=True)
class Encoder:
    """The function that turns a call's arguments into words."""

    params: str
    body: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A method as the templates see it."""

    name: str
    params: str
    returns: str
    overloads: tuple[Signature, ...]
    constants: tuple[Constant, ...]
    encoder: Encoder | None
    call: tuple[str, ...]
    doc: str
    command_doc: str


@dataclass(frozen=True, slots=True)
class Face:
    """One class of a module."""

    name: str
    base: str
    doc: str
    queued: bool
    methods: tuple[Rendered, ...]

    @property
    def prefix(self) -> str:
        """What stands before ``def``."""
        return "" if self.queued else "async "

    def wrap(self, returns: str) -> str:
        """Return a method's annotation in this face."""
        if hidden := self._hidden():
            returns = ast.unparse(_Qualified(hidden).visit(ast.parse(returns, mode="eval")))
        return f"Queued[{returns}]" if self.queued else returns

    def parameters(self, source: str) -> str:
        """Return a method's parameters in this face."""
        if not (hidden := self._hidden()):
            return source
        node = ast.parse(f"def f({source}): ...").body[0]
        _Qualified(hidden).visit(node)
        return ast.unparse(node).removeprefix("def f(").partition("):\n")[0]

    def _hidden(self) -> frozenset[str]:
        return _BUILTINS & {method.name for method in self.methods}

    def docstring(self, method: Rendered) -> str:
        """Return the awaited face's docstring, or a short reference to it."""
        if self.queued:
            return f"Queue {method.command_doc}; arguments and result as awaited."
        return indent(f"{method.doc}\n", 8) + " " * 8

    def body(self, method: Rendered) -> list[str]:
        """Return the lines that run the call."""
        run = "self._queue(" if self.queued else "await self._run("
        # Only the call itself: a token of a hostile spec may read the same.
        lines = [re.sub(r"^( *return )RUN\(", rf"\1{run}", line) for line in method.call]
        if method.returns == "S" and not self.queued and len(lines) == 1:
            return [lines[0].replace("return ", "result: S = ", 1), "return result"]
        return lines


class _Qualified(ast.NodeTransformer):
    """Names types by way of ``builtins`` where a method hides them."""

    def __init__(self, hidden: frozenset[str]) -> None:
        self.hidden = hidden

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.hidden:
            return node
        return ast.Attribute(ast.Name("builtins", ast.Load()), node.id, ast.Load())


@dataclass(frozen=True, slots=True)
class Module:
    """One file of ``redpoll.commands``."""

    name: str
    title: str
    methods: tuple[Rendered, ...]
    faces: tuple[Face, ...]
    imports: str = ""
