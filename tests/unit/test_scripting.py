"""Scripts, functions and what locks send, on a client whose replies are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typing_extensions import override

from redpoll.commands import Commands, QueuedCommands
from redpoll.errors import (
    LockLost,
    OutcomeUnknown,
    ProtocolViolation,
    RedisError,
    ServerError,
    UsageError,
    server_error,
)
from redpoll.functions import Library
from redpoll.lock import Lock
from redpoll.scripting import Script, decoder_of
from redpoll.shapes import decoded
from redpoll.spec import Spec

MISSING = "NOSCRIPT No matching script. Please use EVAL."
BROKEN = "ERR Error compiling script (new function): user_script:1: '=' expected near '1'"
ONE = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"


class Client(Commands[Any]):
    """A client that keeps what is sent, and answers with what it was given."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.sent: list[tuple[Any, ...]] = []
        self.specs: list[Spec[Any]] = []

    @override
    def _run(self, spec: Spec[Any], words: tuple[Any, ...]) -> Awaitable[Any]:
        return self._answer(spec, words)

    async def _answer(self, spec: Spec[Any], words: tuple[Any, ...]) -> Any:
        self.sent.append(words)
        self.specs.append(spec)
        reply = self.replies.pop(0)
        if isinstance(reply, str) and " " in reply:
            raise server_error(reply, command=spec.name)
        if isinstance(reply, RedisError):
            raise reply
        return decoded(spec, reply, "h:1")


async def test_a_script_that_the_server_knows() -> None:
    client = Client(1)
    script: Script[Any] = Script(client, "return 1")
    assert script.sha == ONE
    assert await script(["k"], ["a", 2]) == 1
    assert client.sent == [("EVALSHA", ONE, 1, "k", "a", 2)]
    assert not client.specs[0].replay
    assert repr(script) == f"<Script {ONE}>"


async def test_a_script_that_it_does_not_know() -> None:
    client = Client(MISSING, 1)
    assert await Script(client, b"return 1", returns=int)() == 1
    assert client.sent == [("EVALSHA", ONE, 0), ("EVAL", b"return 1", 0)]


@pytest.mark.parametrize("reply", ["NOSCRIPT made up by the script", "READONLY You can't write", "ERR x y"])
async def test_no_other_error_makes_it_run_again(reply: str) -> None:
    client = Client(reply)
    with pytest.raises(ServerError):
        await Script(client, "return 1")()
    assert len(client.sent) == 1


async def test_it_is_sent_in_full_once_only() -> None:
    client = Client(MISSING, MISSING)
    with pytest.raises(ServerError, match="NOSCRIPT"):
        await Script(client, "return 1")()
    assert len(client.sent) == 2


async def test_one_that_only_reads_may_run_twice() -> None:
    client = Client(MISSING, 1, 1)
    await Script(client, "return 1", readonly=True)()
    assert [words[0] for words in client.sent] == ["EVALSHA_RO", "EVAL_RO"]
    await Script(client, "return 1", retry=True)()
    assert [spec.replay for spec in client.specs] == [True, True, True]


async def test_one_that_does_not_compile() -> None:
    client = Client(MISSING, BROKEN, BROKEN)
    script = Script[Any](client, "\n  retur 1  -- a secret is no argument\nreturn 2")
    for call in (script, script.load):
        with pytest.raises(ServerError, match=r"near '1' \(script [0-9a-f]{40}: retur 1  -- a") as error:
            await call()
        assert script.sha in str(error.value)
        assert "return 2" not in str(error.value)
        assert error.value.outcome == "not_run"
    assert len(Script[Any](None, "x" * 500).explained(ServerError(BROKEN)).message) < 250


async def test_another_client_and_none() -> None:
    mine, other = Client(), Client(1, "0" * 40)
    script = Script[Any](mine, "return 1")
    await script(["k"], [], other)
    await script.load(other)
    assert len(other.sent) == 2
    lonely = Script[Any](None, "return 1")
    for call in (lonely, lonely.load):
        with pytest.raises(UsageError, match="client="):
            await call()


def test_a_batch_that_cannot_load_it() -> None:
    with pytest.raises(UsageError, match="pipeline"):
        Script[Any](Client(), "return 1")(client=QueuedCommands())


def test_keys_are_a_collection() -> None:
    with pytest.raises(UsageError, match="keys"):
        Script[Any](Client(), "return 1")("k")  # type: ignore[call-overload]  # as is said at once, before it is awaited


@pytest.mark.parametrize(
    ("returns", "reply", "value"),
    [
        (int, 7, 7),
        (int, b"7", 7),
        (int, 7.0, 7),
        (float, "1.5", 1.5),
        (float, 2, 2.0),
        (str, b"t\xc3\xa9", "t\u00e9"),
        (str, "t", "t"),
        (bytes, b"t", b"t"),
        (bool, 1, True),
        (bool, 0, False),
        (bool, None, False),
        (bool, False, False),
        (bool, b"OK", True),
        (list, [1, "a"], [1, "a"]),
        (dict, ["a", 1], {"a": 1}),
        (dict, {"a": 1}, {"a": 1}),
        (set, [1, 2, 1], {1, 2}),
        (len, [1, 2], 2),
    ],
)
def test_returns(returns: Callable[[Any], Any], reply: Any, value: Any) -> None:
    found = decoder_of(returns)
    assert found is not None
    assert found(reply) == value
    assert type(found(reply)) is type(value)


@pytest.mark.parametrize(
    ("returns", "reply"),
    [(int, None), (int, "x"), (int, 1.5), (str, None), (str, 1), (bytes, 3), (bool, 2), (list, "ab"), (dict, ["a"])],
)
async def test_a_reply_of_another_kind(returns: Callable[[Any], Any], reply: Any) -> None:
    with pytest.raises(ProtocolViolation) as error:
        await Script(Client(reply), "return 1", returns=returns)()
    assert error.value.outcome == "ran"


def test_what_returns_cannot_be() -> None:
    assert decoder_of(None) is None
    with pytest.raises(UsageError, match="not str"):
        decoder_of("int")  # type: ignore[arg-type]  # what is tested


async def test_functions() -> None:
    client = Client(5, 5)
    lib = Library(client, "mylib", "#!lua name=mylib\nredis.register_function('f', function() return 5 end)")
    assert await lib.function("f", returns=int)(keys=["k"], args=["a"]) == 5
    await lib.function("f", readonly=True)()
    assert client.sent == [("FCALL", "f", 1, "k", "a"), ("FCALL_RO", "f", 0)]
    assert [spec.replay for spec in client.specs] == [False, True]
    with pytest.raises(UsageError, match="without its code"):
        await Library(client, "mylib").load()


@pytest.mark.parametrize("code", ["", "return 1", "#!lua name=other\n", "#!lua\nname=mylib", b"#!lua name=mylib2\n"])
def test_code_of_another_library(code: str | bytes) -> None:
    with pytest.raises(UsageError, match="name=mylib"):
        Library(Client(), "mylib", code)


def test_the_name_may_stand_behind_other_options() -> None:
    assert Library(Client(), "a", b"#!js api_version=1.0 name=a\n").code is not None


@pytest.mark.parametrize(
    "options",
    [
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": float("nan")},
        {"ttl": float("inf")},
        {"ttl": True},
        {"sleep": 0},
        {"blocking_timeout": -1},
    ],
)
def test_impossible_locks(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Lock(Client(), "l", **options)


async def test_a_release_whose_outcome_is_unknown_is_sent_again() -> None:
    client = Client(None, OutcomeUnknown("cut"), 0)
    lock = Lock(client, "l")
    assert await lock.acquire()
    await lock.release()  # it was the first one that deleted the key
    assert [words[0] for words in client.sent] == ["SET", "EVALSHA", "EVALSHA"]
    token = client.sent[0][2]
    assert len(token) == 16
    assert client.sent[1][3:] == ("l", token)
    assert client.specs[0].replay


async def test_a_lock_that_was_not_held_any_more() -> None:
    client = Client(None, 0, None, -1)
    lock = Lock(client, "l")
    await lock.acquire()
    with pytest.raises(LockLost) as error:
        await lock.release()
    assert error.value.outcome == "not_run"
    assert "'l'" not in str(error.value)
    await lock.acquire()
    with pytest.raises(LockLost):
        await lock.extend(5)
    assert lock.remaining == 0


async def test_a_time_that_may_have_been_shortened_counts_as_such() -> None:
    lock = Lock(Client(None, OutcomeUnknown("cut"), OutcomeUnknown("cut")), "l", ttl=30)
    await lock.acquire()
    with pytest.raises(OutcomeUnknown):
        await lock.extend(60)
    assert 20 < lock.remaining <= 30
    with pytest.raises(OutcomeUnknown):
        await lock.extend(2, replace_ttl=True)
    assert 0 < lock.remaining <= 2


async def test_what_needs_a_lock_that_is_held() -> None:
    lock = Lock(Client(None), "l")
    for call in (lock.release(), lock.extend(1), lock.reacquire()):
        with pytest.raises(UsageError, match="not acquired"):
            await call
    assert not await lock.owned()
    assert await lock.acquire()
    with pytest.raises(UsageError, match="already"):
        await lock.acquire()
