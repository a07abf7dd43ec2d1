"""Generation from tiny specs of a test's own, through the whole pipeline, and the result as running code."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from codegen import generate, naming, overlay, spec
from codegen.overlay import Entry
from codegen.spec import Command

KEY = {"name": "key", "type": "key", "key_spec_index": 0}


def leaf(name: str, type_: str = "string", **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **facts}


def token(word: str, **facts: Any) -> dict[str, Any]:
    return {"name": word.lower(), "type": "pure-token", "token": word, **facts}


def oneof(name: str, *options: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": "oneof", "arguments": list(options), **facts}


def block(name: str, *children: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": "block", "arguments": list(children), **facts}


def command(name: str, *arguments: dict[str, Any], **facts: Any) -> Command:
    entry = {
        "since": "1.0.0",
        "group": "string",
        "providers": {"redis": "1.0.0"},
        "arguments": list(arguments),
        **facts,
    }
    return spec.read_command(name, entry, "test")


class Generated:
    """The files that were generated, and their methods with words recorded."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.spaces: dict[str, dict[str, Any]] = {}
        for name, text in files.items():
            if name != "__init__.py":
                space = {"__name__": f"generated.{name.removesuffix('.py')}"}
                exec(compile(text, name, "exec"), space)
                self.spaces[name.removesuffix(".py")] = space

    def signature(self, method: str) -> str:
        """The parameters and the return annotation of an awaited method."""
        return self.signatures(method)[-1]

    def signatures(self, method: str) -> list[str]:
        """The same, overloads first."""
        found: list[str] = []
        for text in self.files.values():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.AsyncFunctionDef) and node.name == method:
                    args = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
                    found.append(f"({args}) -> {ast.unparse(node.returns) if node.returns else '?'}")
        return found

    def words(self, method: str, *args: Any, **keywords: Any) -> tuple[Any, ...]:
        """What an awaited call sends; what a queued one sends must be the same."""
        found: list[Any] = []
        for space in self.spaces.values():
            for name, class_ in list(space.items()):
                if isinstance(class_, type) and method in vars(class_):
                    found.append(self._words(name, class_, method, args, keywords))
        assert found
        assert found.count(found[0]) == len(found)
        return tuple(found[0])

    def spec(self, method: str, *args: Any, **keywords: Any) -> Any:
        """The spec that a call is run with."""
        (found,) = (
            self._recorded(name, class_, method, args, keywords)[0]
            for space in self.spaces.values()
            for name, class_ in list(space.items())
            if isinstance(class_, type) and method in vars(class_) and not name.startswith("Queued")
        )
        return found

    def _words(self, name: str, class_: Any, method: str, args: Any, keywords: Any) -> Any:
        return self._recorded(name, class_, method, args, keywords)[1]

    @staticmethod
    def _recorded(name: str, class_: Any, method: str, args: Any, keywords: Any) -> Any:
        class Recorder(class_):  # type: ignore[misc]
            async def _run(self, spec: Any, words: Any) -> Any:
                return spec, words

            def _queue(self, spec: Any, words: Any) -> Any:
                return spec, words

        result = getattr(Recorder(), method)(*args, **keywords)
        if name.startswith("Queued"):
            return result
        try:
            result.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("the method waits")


def stamped(command: Command, entry: Entry, *others: Command) -> Entry:
    """The entry with the file and hash that the overlay's check wants."""
    containers = frozenset(item.name.partition(" ")[0] for item in (command, *others) if " " in item.name)
    return replace(
        entry,
        file=f"{naming.module_name(command, containers)}.toml",
        spec=spec.node_hash(command),
        why=entry.why or "why",
    )


def overlay_of(*commands: Command, **facts: Any) -> overlay.Overlay:
    """An overlay whose one entry, of the first command, has the given fields; none without them."""
    first = commands[0]
    entries = {first.name: stamped(first, Entry(first.name, **facts), *commands)} if facts else {}
    return overlay.Overlay(entries, {item.name: "Do it." for item in commands})


def attempt(item: Command) -> Generated | str:
    """Generate one command; return the error's text where that is refused."""
    try:
        return make(item)
    except generate.GenerationError as error:
        return str(error)


def make(*commands: Command, **facts: Any) -> Generated:
    """Generate the commands; ``facts`` are fields of the first one's overlay entry."""
    files = generate.generate({item.name: item for item in commands}, overlay_of(*commands, **facts))
    return Generated(files)
