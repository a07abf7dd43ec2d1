"""What each command of a transaction tells, by what the server answered; and what a long batch keeps."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from hiredis import ReplyError

from redpoll.errors import (
    DecodeFailed,
    ExecAborted,
    Loading,
    Moved,
    OutOfMemory,
    ProtocolViolation,
    RedisError,
    ServerError,
    TransactionBroken,
    WatchConflict,
    WrongType,
)
from redpoll.pipeline import Pipeline
from redpoll.protocol.calls import Group
from redpoll.spec import Spec
from redpoll.transaction import Transaction


class Answers:
    """A link that answers what it was made with."""

    address = "host:1"
    hooks = None
    settings: Any = None

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.groups: list[Group] = []

    def submit_group(self, spec: Spec[Any], payload: bytes, texts: Sequence[bool], **options: Any) -> Group:
        group = Group()
        group.fill(asyncio.get_running_loop(), spec, payload)
        group.fill_group(list(texts))
        self.groups.append(group)
        if self.replies:
            group.future.set_result(self.replies)
        return group


QUEUED, OOM, UNKNOWN = "QUEUED", ReplyError("OOM no"), ReplyError("ERR unknown command 'X'")
ABORTED = ReplyError("EXECABORT Transaction discarded because of previous errors.")


async def told(*replies: Any, text: bool = True) -> list[Any]:
    """Return what two commands, GET and DUMP, give where the server answers so."""
    link: Any = Answers(*replies)
    tx: Transaction[Any] = Transaction(link, text, None, False)
    tx.get("a")
    tx.dump("b")
    return await tx.execute(raise_on_error=False)


async def test_each_element_is_read_as_its_command_wants_it() -> None:
    assert await told("OK", QUEUED, QUEUED, [b"a", b"b"]) == ["a", b"b"]
    assert await told("OK", QUEUED, QUEUED, [b"a", b"b"], text=False) == [b"a", b"b"]
    bad, fine = await told("OK", QUEUED, QUEUED, [b"\xff", b"\xff"])
    assert isinstance(bad, DecodeFailed)
    assert (bad.outcome, bad.command, fine) == ("ran", "GET", b"\xff")
    nested = [{b"k": [b"v", {b"k": b"w"}]}, None, 1.5, True]
    link: Any = Answers("OK", QUEUED, [nested])
    tx: Transaction[Any] = Transaction(link, True, None, False)
    tx.raw("ANY")
    assert await tx.execute() == [[{"k": ["v", {"k": "w"}]}, None, 1.5, True]]


@pytest.mark.parametrize(
    ("replies", "kinds", "outcomes"),
    [
        (("OK", QUEUED, QUEUED, [ReplyError("WRONGTYPE no"), None]), (WrongType, type(None)), ("not_run", None)),
        (("OK", QUEUED, OOM, ABORTED), (ExecAborted, OutOfMemory), ("not_run", "not_run")),
        (("OK", UNKNOWN, QUEUED, ABORTED), (ServerError, ExecAborted), ("not_run", "not_run")),
        (("OK", QUEUED, ReplyError("MOVED 1 h:1"), ABORTED), (ExecAborted, Moved), ("not_run", "not_run")),
        (
            ("OK", QUEUED, QUEUED, ReplyError("EXECABORT Transaction discarded because of: LOADING wait")),
            (Loading, Loading),
            ("not_run", "not_run"),
        ),
        (("OK", QUEUED, QUEUED, None), (WatchConflict, WatchConflict), ("not_run", "not_run")),
        (
            (ReplyError("NOPERM no"), "v", UNKNOWN, ReplyError("ERR EXEC without MULTI")),
            (TransactionBroken, TransactionBroken),
            ("ran", "not_run"),
        ),
        (("OK", QUEUED, QUEUED, [1]), (ProtocolViolation, ProtocolViolation), ("unknown", "unknown")),
    ],
)
async def test_errors(replies: tuple[Any, ...], kinds: tuple[Any, ...], outcomes: tuple[Any, ...]) -> None:
    results = await told(*replies)
    assert tuple(type(each) for each in results) == kinds
    assert tuple(getattr(each, "outcome", None) for each in results) == outcomes
    for each, name in zip(results, ("GET", "DUMP"), strict=True):
        if isinstance(each, RedisError):
            assert (each.command, each.address) == (name, "host:1")


async def test_what_is_raised_is_the_cause() -> None:
    link: Any = Answers("OK", QUEUED, OOM, ABORTED)
    tx: Transaction[str] = Transaction(link, True, None, False)
    first, second = tx.get("a"), tx.incr("b")
    with pytest.raises(OutOfMemory) as caught:
        await tx.execute()
    assert second.exception() is caught.value
    assert isinstance(first.exception(), ExecAborted)


class Word(str):
    """A word of which one can tell whether it is still held."""


@pytest.mark.parametrize("kind", [Pipeline, Transaction])
async def test_words_and_payloads_are_let_go(kind: type[Pipeline[str]]) -> None:
    link: Any = Answers()
    batch = kind(link, True, None, False)
    word = Word("x" * 100)
    held = weakref.ref(word)
    for _ in range(5000):
        batch.set("k", word)
    del word
    running = asyncio.create_task(batch.execute())
    for _ in range(20):
        await asyncio.sleep(0)
    assert held() is None, "encoded, and not answered"
    if kind is Transaction:
        assert len(link.groups) == 1
    else:
        assert len(link.groups) == 4, "further ones wait for the replies"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
