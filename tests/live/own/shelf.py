"""A server with commands that this project has never seen: a real one, behind a proxy that adds them.

The proxy describes them in COMMAND and COMMAND DOCS, and runs each as a script of the real server. All else passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Any, Final, Self

import hiredis

from redpoll.testing import EmbeddedServer
from tests.codegen.scripted import KEY_SPEC_REPLY, encoded

Entry = list[Any]


def leaf(name: str, type_: str = "string", *flags: str, **facts: str) -> Entry:
    more = [word for pair in facts.items() for word in pair]
    return ["name", name, "type", type_, *more, *(["flags", list(flags)] if flags else [])]


def block(name: str, *children: Entry, flags: tuple[str, ...] = ()) -> Entry:
    return ["name", name, "type", "block", "arguments", list(children), *(["flags", list(flags)] if flags else [])]


KEY: Final = ["name", "key", "type", "key", "key_spec_index", 0]
FIELDS: Final = block("data", leaf("field"), leaf("value"), flags=("multiple",))
EXPIRE: Final = leaf("seconds", "integer", "optional", token="EX")

TABLE: Final = [
    # name, arity, flags, first key, last key, step, ACL categories, tips, key specs, subcommands
    ["shelf.put", -4, ["write"], 1, 1, 1, [], [], [KEY_SPEC_REPLY], []],
    ["shelf.take", -3, ["readonly"], 1, 1, 1, [], [], [KEY_SPEC_REPLY], []],
    ["shelf.greet", -2, ["readonly"], 0, 0, 0, [], [], [], []],
    ["shelf.dark", -2, ["readonly"], 1, 1, 1, [], [], [KEY_SPEC_REPLY], []],
    ["shelf.wait", 3, ["write", "blocking"], 1, 1, 1, [], [], [KEY_SPEC_REPLY], []],
    ["shelf.odd", 2, ["readonly"], 0, 0, 0, [], [], [], []],
    ["shelf", -2, [], 0, 0, 0, [], [], [], [["shelf|size", 3, ["readonly"], 2, 2, 1, [], [], [], []]]],
]


def told(summary: str, *arguments: Entry, **more: Any) -> Entry:
    facts = ["summary", summary, "since", "1.2.0", "group", "module", "module", "shelf", "complexity", "O(1)"]
    return [*facts, *(word for pair in more.items() for word in pair), "arguments", list(arguments)]


DOCS: Final = [
    *("shelf.put", told('Put "things" on a shelf.\nOr more.', KEY, FIELDS, EXPIRE)),
    *(
        "shelf.take",
        told(
            "Take things.", KEY, leaf("field", "string", "multiple"), leaf("n", "pure-token", "optional", token="NAMES")
        ),
    ),
    *("shelf.greet", told("Greet.", leaf("name"), leaf("loud", "pure-token", "optional", token="LOUD"))),
    *("shelf.wait", told("Wait for a thing.", KEY, leaf("timeout", "double"))),
    *("shelf.odd", told("Odd.", leaf("thing", "quaternion"))),
    *("shelf", told("Shelves.", subcommands=["shelf|size", told("Count.", KEY)])),
]

SCRIPTS: Final = {
    b"SHELF.PUT": b"""
        local n, i = 0, 1
        while ARGV[i] and not (ARGV[i] == 'EX' and i == #ARGV - 1) do
            n, i = n + redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]), i + 2
        end
        if ARGV[i] then redis.call('EXPIRE', KEYS[1], ARGV[i + 1]) end
        return n""",
    b"SHELF.TAKE": b"""
        local last = ARGV[#ARGV] == 'NAMES' and #ARGV - 1 or #ARGV
        local out = {}
        for i = 1, last do
            local value = redis.call('HGET', KEYS[1], ARGV[i])
            out[#out + 1] = last < #ARGV and {ARGV[i], value} or value
        end
        return out""",
    b"SHELF.DARK": b"return redis.call('HLEN', KEYS[1])",
    b"SHELF.SIZE": b"return redis.call('HLEN', KEYS[1])",
    b"SHELF.GREET": b"return ARGV[2] == 'LOUD' and string.upper('hello ' .. ARGV[1]) or 'hello ' .. ARGV[1]",
}


def rewritten(words: list[bytes]) -> list[bytes]:
    """Return a command as the real server knows it."""
    name = words[0].upper()
    if name == b"SHELF":
        name, words = b".".join((name, words[1].upper())), words[1:]
    if name == b"SHELF.WAIT":
        return [b"BLPOP", *words[1:]]
    if name not in SCRIPTS:
        return words
    return [b"EVAL", SCRIPTS[name], b"0" if name == b"SHELF.GREET" else b"1", *words[1:]]


class Shelf:
    """The proxy, on a loop and thread of its own, as a context manager."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        self.answers = {
            (b"COMMAND",): encoded(server.call("COMMAND") + TABLE),
            (b"COMMAND", b"DOCS"): encoded(server.call("COMMAND", "DOCS") + DOCS),
        }
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop
        ).result(10)
        self.port: int = self.listener.sockets[0].getsockname()[1]
        return self

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def stop(self) -> None:
        self.listener.close()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        behind, beyond = await asyncio.open_connection(self.server.host, self.server.port)
        back = asyncio.create_task(pump(behind, writer))
        try:
            await self.forward(reader, writer, beyond)
        except (ConnectionError, asyncio.CancelledError):
            pass  # either side has gone, or the test is over
        finally:
            back.cancel()
            for end in (writer, beyond):
                end.close()
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()
            self.tasks.discard(task)

    async def forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, beyond: asyncio.StreamWriter
    ) -> None:
        parser = hiredis.Reader()
        while chunk := await reader.read(65536):
            parser.feed(chunk)
            while (words := parser.gets()) is not False:
                # Whoever asks for the specs waits for each answer, so these can come from here.
                answer = self.answers.get(tuple(word.upper() for word in words))
                if answer is None:
                    beyond.write(encoded(rewritten(words)))
                else:
                    writer.write(answer)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()
