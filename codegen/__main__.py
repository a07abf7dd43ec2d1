"""``python -m codegen``: generate the commands; ``python -m codegen import``: refresh ``commands.json``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import importer

ROOT = Path(__file__).resolve().parent.parent

_IMPORT = """\
Merge command specs into commands.json.

SOURCE is a redis-doc JSON file, a folder (every *.json below it) or an http(s) URL. What each one is (a server version's
dump, a module's documentation, reply schemas, a commands.json) is told by its content; a file whose name holds "valkey"
is Valkey's, any other Redis'. Neither names nor order change the result otherwise: the newest server version wins.

With SOURCEs alone the result is the union of exactly these, and what commands.json held before is gone. With --merge, or
with --server and no SOURCE, they are merged on top of it. On any error the old file stays as it is and the exit code is 2.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command == "import":
        if not options.sources and not options.server:
            parser.error("import: a SOURCE or --server is needed")
        on_top = bool(options.merge or not options.sources)
        return importer.run(options.sources, options.server, options.output, on_top=on_top)
    from . import generate  # lazily: an import of specs needs none of the templates

    return generate.run(check=options.check, stamp=options.stamp)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the output would differ")
    parser.add_argument(
        "--stamp", action="store_true", help="first write the present spec hashes into the overlay (look before you do)"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    sub = commands.add_parser(
        "import",
        help="refresh commands.json from upstream's specs and running servers",
        description=_IMPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.add_argument("sources", metavar="SOURCE", nargs="*", help="a JSON file, a folder or an http(s) URL")
    sub.add_argument(
        "--server",
        metavar="URL",
        action="append",
        default=[],
        help="a running server, redis://[user:password@]host:port (rediss:// for TLS); may be given more than once",
    )
    sub.add_argument("--merge", action="store_true", help="merge on top of what the output holds")
    sub.add_argument(
        "--output", metavar="FILE", type=Path, default=ROOT / "commands.json", help="default: the root's commands.json"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
