"""The generator by its installed name, in a checkout: what a wheel holds as ``redpoll_codegen`` is the folder ``codegen`` here.

A module that has a ``__path__`` is a package, so ``redpoll_codegen.__main__`` is found there. No wheel holds this file.
"""

from __future__ import annotations

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "codegen")]
