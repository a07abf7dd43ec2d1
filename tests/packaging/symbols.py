"""Run by the interpreter of an environment that has redpoll and nothing else: what is public there, as JSON.

``methods``: the methods of each class that ``redpoll`` exports; ``functions``: the functions that it exports;
``undocumented``: what is public in any module and has no docstring.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

import redpoll


def modules() -> Iterator[types.ModuleType]:
    yield redpoll
    for found in pkgutil.walk_packages(redpoll.__path__, "redpoll."):
        yield importlib.import_module(found.name)


def public(owner: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(owner).items():
        if not name.startswith("_"):
            yield f"{owner.__module__}.{owner.__qualname__}.{name}" if inspect.isclass(owner) else name, value


def defined(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the public classes and functions of a module, and their methods and properties."""
    for name, value in public(module):
        if getattr(value, "__module__", None) != module.__name__ or not inspect.isclass(value) | inspect.isfunction(
            value
        ):
            continue
        yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for inner, item in public(value):
                function = item.fget if isinstance(item, property) else getattr(item, "__func__", item)
                if inspect.isfunction(function):
                    yield inner, function


def inherited(value: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class has of redpoll's own."""
    for base in value.__mro__:
        if base.__module__.partition(".")[0] == "redpoll":
            yield from vars(base).items()


def documented(value: Any) -> bool:
    text = value.__doc__ or ""
    return bool(text) and not (inspect.isclass(value) and text.startswith(f"{value.__name__}("))  # a dataclass' own


def main() -> None:
    exported = {name: getattr(redpoll, name) for name in redpoll.__all__}
    classes = {name: value for name, value in exported.items() if inspect.isclass(value)}
    found = {
        "file": redpoll.__file__,
        "methods": {
            name: sorted({each for each, item in inherited(value) if not each.startswith("_") and callable(item)})
            for name, value in classes.items()
        },
        "functions": [name for name, value in exported.items() if inspect.isfunction(value)],
        "undocumented": [
            *(module.__name__ for module in modules() if not module.__doc__),
            *(name for module in modules() for name, value in defined(module) if not documented(value)),
        ],
    }
    print(json.dumps(found))


main()
