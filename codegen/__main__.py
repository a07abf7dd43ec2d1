"""Typed methods for Redis and Valkey commands, generated from the servers' own specs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from .places import CHECKOUT, ROOT

Parsers: TypeAlias = Callable[..., argparse.ArgumentParser]
"""What adds the parser of a command."""

_SOURCE: Final = "a JSON file, a folder or an http(s) URL"
_SERVER: Final = "a running server, redis://[user:password@]host:port (rediss:// for TLS); may be given more than once"

_MINE: Final = """\
Write typed methods for the commands that redpoll lacks into a package of your own.

The commands are those of a running server or of spec files in redis-doc's form. FOLDER becomes a package that holds
nothing but generated files; its classes are mixed into a client and a pipeline of yours. A command that has no usable
description is skipped with the reason; the overlay, a TOML file of corrections, can describe it.

Exit codes: 0; 1 where a command was skipped, or with --check where FOLDER differs; 2 where nothing could be made, and
then nothing was changed.
"""

_IMPORT: Final = """\
Merge command specs into commands.json.

SOURCE is a redis-doc JSON file, a folder (every *.json below it) or an http(s) URL. What each one is (a server version's
dump, a module's documentation, reply schemas, a commands.json) is told by its content; a file whose name holds "valkey"
is Valkey's, any other Redis'. Neither names nor order change the result otherwise: the newest server version wins.

With SOURCEs alone the result is the union of exactly these, and what commands.json held before is gone. With --merge, or
with --server and no SOURCE, they are merged on top of it. On any error the old file stays as it is and the exit code is 2.
"""

_UPGRADE: Final = """\
Take up newer specs: import them on top of commands.json, regenerate the methods, prove the calls, and write a report of
what is new, changed, deprecated and removed, in Markdown, for the changelog. What must be done by hand first is at its
end; the methods then stay as they are, the exit code is 1, and the command can be run again.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        return _run(parser, options)
    except ModuleNotFoundError as error:
        if CHECKOUT or (error.name or "").partition(".")[0] not in ("black", "httpx", "jinja2", "tomlkit"):
            raise
        print(f"{parser.prog} needs {error.name}: pip install 'redpoll[codegen]'", file=sys.stderr)
        return 2


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    # Each command imports what it needs: an import of specs needs none of the templates.
    if options.command == "mine":
        from . import mine

        if not options.sources and not options.server:
            parser.error("mine: a SOURCE or --server is needed")
        if options.stamp and options.overlay is None:
            parser.error("mine: --stamp needs --overlay")
        order = mine.Order(
            options.sources, options.server, options.into, options.overlay, options.only, options.prefix,
            check=options.check, stamp=options.stamp,
        )  # fmt: skip
        return mine.run(order)
    if options.command == "import":
        from . import importer

        if not options.sources and not options.server:
            parser.error("import: a SOURCE or --server is needed")
        on_top = bool(options.merge or not options.sources)
        return importer.run(options.sources, options.server, options.output, on_top=on_top)
    if options.command == "upgrade":
        from . import upgrade

        return upgrade.run(options.specs, options.report, alone=options.alone)
    from . import generate

    return generate.run(check=options.check, stamp=options.stamp)


def _parser() -> argparse.ArgumentParser:
    prog = "python -m codegen" if CHECKOUT else "redpoll-codegen"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=not CHECKOUT).add_parser
    _add_mine(parsers)
    if not CHECKOUT:
        return parser
    parser.description = f"{__doc__} Without COMMAND: redpoll's own, from commands.json and the overlay."
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the output would differ")
    parser.add_argument(
        "--stamp", action="store_true", help="first write the present spec hashes into the overlay (look before you do)"
    )
    _add_import(parsers)
    _add_upgrade(parsers)
    return parser


def _add(parsers: Parsers, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    return parsers(name, help=summary, description=description, formatter_class=raw)


def _add_mine(parsers: Parsers) -> None:
    sub = _add(parsers, "mine", "typed methods for your own server's commands, in your own package", _MINE)
    sub.add_argument("sources", metavar="SOURCE", nargs="*", help=_SOURCE)
    sub.add_argument("--server", metavar="URL", action="append", default=[], help=_SERVER)
    sub.add_argument("--into", metavar="FOLDER", type=Path, required=True, help="the package to write")
    sub.add_argument("--overlay", metavar="FILE", type=Path, help="corrections, as TOML")
    sub.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        default=[],
        help="commands to take, such as 'MYMOD.*'; may be given more than once",
    )
    sub.add_argument("--prefix", metavar="NAME", default="My", help="what the classes' names begin with (default: My)")
    sub.add_argument("--check", action="store_true", help="write nothing; fail where FOLDER would differ")
    sub.add_argument("--stamp", action="store_true", help="first write the present spec hashes into the overlay")


def _add_import(parsers: Parsers) -> None:
    sub = _add(parsers, "import", "refresh commands.json from upstream's specs and running servers", _IMPORT)
    sub.add_argument("sources", metavar="SOURCE", nargs="*", help=_SOURCE)
    sub.add_argument("--server", metavar="URL", action="append", default=[], help=_SERVER)
    sub.add_argument("--merge", action="store_true", help="merge on top of what the output holds")
    sub.add_argument(
        "--output", metavar="FILE", type=Path, default=ROOT / "commands.json", help="default: the root's commands.json"
    )


def _add_upgrade(parsers: Parsers) -> None:
    sub = _add(parsers, "upgrade", "take up newer specs, regenerate, prove, and report", _UPGRADE)
    sub.add_argument("specs", metavar="SPEC", nargs="+", help=f"{_SOURCE}, or the redis:// URL of a running server")
    sub.add_argument("--alone", action="store_true", help="the SPECs replace what commands.json holds")
    sub.add_argument(
        "--report", metavar="FILE", type=Path, default=ROOT / "build" / "upgrade.md", help="default: build/upgrade.md"
    )


if __name__ == "__main__":
    sys.exit(main())
