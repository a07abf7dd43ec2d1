"""The calls that users of redis-py have in their fingers: they bind here too and send the same words.

``FORMS`` has the most used calls, each with its positional form and its option keywords as redis-py takes them (which is
asserted, of the redis-py that is installed). Each option must be taken here under the same name, or stand in ``DIFFERS``
with the reason. ``docs/from-redis-py.md`` tells users the same.
"""

from __future__ import annotations

import datetime as dt
import inspect
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from typing_extensions import override

import redpoll
from codegen.verify import Awaited, Recorded
from tests.live.annotations import shapes

DOCS = Path(__file__).parents[2] / "docs" / "from-redis-py.md"
DAY = dt.timedelta(days=1)
MOMENT = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Form:
    """One call of redis-py: its positional arguments and each option with a value."""

    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    @override
    def __str__(self) -> str:
        return f"{self.method}{self.args!r}"


def form(method: str, *args: Any, **options: Any) -> Form:
    return Form(method, args, options)


FORTY = """
from_url pipeline transaction pubsub lock register_script scan_iter hscan_iter get getdel ttl set mget mset delete exists
expire setex incr hset hget hgetall hmget hdel hincrby lpush lrange lpop blpop sadd smembers sismember zadd zrange xadd
xread xreadgroup xack publish eval
"""
"""The most used methods of redis-py."""

HANDWRITTEN: list[Form] = [
    form("from_url", "redis://localhost", decode_responses=True),
    form("pipeline", transaction=True),
    form("transaction", print, "watched"),
    form("pubsub"),
    form("lock", "name", timeout=1, sleep=0.1, blocking=True, blocking_timeout=1),
    form("register_script", "return 1"),
    form("scan_iter", match="k*", count=10, _type="hash"),
    form("hscan_iter", "h", match="f*", count=10, no_values=True),
]
"""Methods of the client itself."""

FORMS: list[Form] = [
    form("get", "k"),
    form("getdel", "k"),
    form("ttl", "k"),
    form("set", "k", "v", nx=True, xx=True, get=True, ifeq="a", ifne="a", ifdeq="a", ifdne="a"),
    form("set", "k", "v", ex=1, px=DAY, exat=MOMENT, pxat=1, keepttl=True),
    form("mget", ["a", "b"]),
    form("mget", "a", "b", "c"),
    form("mset", {"a": 1, "b": b"2"}),
    form("delete", "a", "b"),
    form("exists", "a", "b"),
    form("expire", "k", 10, nx=True, xx=True, gt=True, lt=True),
    form("expire", "k", DAY),
    form("pexpire", "k", DAY, nx=True, xx=True, gt=True, lt=True),
    form("expireat", "k", MOMENT, nx=True, xx=True, gt=True, lt=True),
    form("pexpireat", "k", MOMENT, nx=True, xx=True, gt=True, lt=True),
    form("setex", "k", 10, "v"),
    form("setex", "k", DAY, "v"),
    form("psetex", "k", DAY, "v"),
    form("incr", "n", amount=2),
    form("incrby", "n", 5),
    form("incrby", "n", amount=5),
    form("decr", "n", amount=2),
    form("decrby", "n", amount=2),
    form("incrbyfloat", "n", amount=2.5),
    form("hset", "h", "f", "v"),
    form("hset", "h", mapping={"f": 1, "g": 2.5}, items=["f", 1]),
    form("hget", "h", "f"),
    form("hgetall", "h"),
    form("hmget", "h", ["f", "g"]),
    form("hmget", "h", "f", "g"),
    form("hdel", "h", "f", "g"),
    form("hincrby", "h", "f", amount=3),
    form("hincrbyfloat", "h", "f", amount=1.5),
    form("lpush", "l", 1, "b"),
    form("rpush", "l", 1, "b"),
    form("lrange", "l", 0, -1),
    form("lpop", "l", count=2),
    form("rpop", "l", 2),
    form("blpop", "l", timeout=1),
    form("blpop", ["l", "m"], 2),
    form("brpop", ["l", "m"], timeout=0),
    form("sadd", "s", "a", 1),
    form("smembers", "s"),
    form("sismember", "s", "a"),
    form("zadd", "z", {"m": 1, "n": 2.5}, nx=True, xx=True, ch=True, gt=True, lt=True),
    form("zadd", "z", {"m": 1}, incr=True),
    form("zrange", "z", 0, -1, desc=True, withscores=True, score_cast_func=float),
    form("zrange", "z", "-", "+", byscore=True, bylex=True),
    form(
        "xadd",
        "x",
        {"f": 1},
        id="*",
        maxlen=9,
        approximate=False,
        nomkstream=True,
        minid="1-0",
        idmpauto="p",
        idmp=("p", "i"),
        ref_policy="ACKED",
    ),
    form("xread", {"x": "0", "y": "$"}, count=1, block=5, max_count=1, max_size=1),
    form(
        "xreadgroup", "g", "c", {"x": ">"}, count=1, block=5, noack=True, claim_min_idle_time=1, max_count=1, max_size=1
    ),
    form("xack", "x", "g", "1-0", "2-0"),
    form("publish", "channel", "message"),
    form("eval", "return 1", 0),
    form("eval", "return 1", 1, "k", "a", 2),
    form("evalsha", "sha", 1, "k", "a"),
    form("eval_ro", "return 1", 1, "k", "a"),
    form("evalsha_ro", "sha", 2, "k", "l"),
    form("fcall", "f", 1, "k", "a"),
    form("fcall_ro", "f", 0, "a"),
    form("config_set", "maxmemory", 0),
    form("ping"),
    form("geoadd", "g", (13.5, 38.5, "Palermo"), nx=True, xx=True, ch=True),
]
"""Commands."""

INCOMPLETE = ("h",)
"""The arguments of HSET with a mapping by keyword, which both refuse without it."""

DIFFERS: dict[tuple[str, str], str] = {
    ("hset", "items"): "a flat list is a mapping here: dict(zip(items[::2], items[1::2]))",
    ("zrange", "score_cast_func"): "scores are float, always",
    ("xadd", "ref_policy"): "keepref=True, delref=True or acked=True, as XTRIM and XDELEX have them",
    ("xread", "max_count"): "maxcount, as its token",
    ("xread", "max_size"): "maxsize, as its token",
    ("xreadgroup", "max_count"): "maxcount, as its token",
    ("xreadgroup", "max_size"): "maxsize, as its token",
    ("xreadgroup", "claim_min_idle_time"): "claim, as its token",
    ("scan_iter", "_type"): "type, as SCAN's own method has it",
    ("hscan_iter", "no_values"): "novalues, as its token",
    ("pipeline", "transaction"): "pipeline() is no transaction; transaction() is one",
}
"""Options that are not taken under redis-py's name, and what to write instead."""

ABSENT: dict[str, str] = {
    "pubsub": "subscribe() gives an iterator of messages",
}
"""Methods of redis-py's client that this one does not have, and why."""

ELSEWHERE: dict[str, str] = {"transaction": "watch_transaction"}
"""Methods of redis-py's client whose name is another method's here, and what does the same."""

OTHER_WORDS: dict[tuple[str, str], str] = {
    ("incr", ""): "INCR instead of INCRBY with 1",
    ("decr", ""): "DECR instead of DECRBY with 1",
    ("zrange", "desc"): "ZRANGE with REV instead of the deprecated ZREVRANGE",
}
"""Options (none: the call without options) with which other words are sent, to the same effect."""


def said(word: Any) -> bytes:
    """Return a word as both clients send it."""
    return word if isinstance(word, bytes) else (repr(word) if isinstance(word, float) else str(word)).encode()


class Written(redis.asyncio.Redis):
    """redis-py's client, whose calls return the words that they would send."""

    @override
    def execute_command(self, *args: Any, **options: Any) -> Any:
        return args


def theirs(each: Form, options: Mapping[str, Any]) -> Counter[bytes]:
    client = Written()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # redis-py calls some deprecated or experimental
        words = getattr(client, each.method)(*each.args, **options)
    flat = [part for word in words for part in (word.split() if word is words[0] else [word])]
    return Counter(map(said, flat))


def ours(each: Form, options: Mapping[str, Any]) -> Counter[bytes]:
    coroutine = getattr(Awaited(), each.method)(*each.args, **options)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    recorded: Recorded = stop.value.value
    return Counter(map(said, recorded.words))


def taken(each: Form) -> list[dict[str, Any]]:
    """Return no options, and each option that is not expected to differ."""
    found = [{name: value} for name, value in each.options.items() if (each.method, name) not in DIFFERS]
    return found if each.args == INCOMPLETE else [{}, *found]


@pytest.mark.parametrize("each", HANDWRITTEN + FORMS, ids=str)
def test_redis_py_takes_it(each: Form) -> None:
    signature = inspect.signature(getattr(redis.asyncio.Redis, each.method))
    first = () if each.method == "from_url" else (None,)
    for name, value in each.options.items():
        signature.bind(*first, *each.args, **{name: value})
    signature.bind(*first, *each.args)


@pytest.mark.parametrize("each", FORMS, ids=str)
def test_it_binds(each: Form) -> None:
    found = getattr(redpoll.Redis, each.method)
    for options in taken(each):
        inspect.signature(found).bind(None, *each.args, **options)
        assert any(shape.takes(each.args, options) for shape in shapes(found)), f"no overload takes {options}"
    for name, value in each.options.items():
        if (each.method, name) in DIFFERS:
            with pytest.raises(TypeError):
                inspect.signature(found).bind(None, *each.args, **{name: value})


@pytest.mark.parametrize("each", FORMS, ids=str)
def test_it_sends_the_same_words(each: Form) -> None:
    for options in taken(each):
        same = ours(each, options) == theirs(each, options)
        assert same is ((each.method, "".join(options)) not in OTHER_WORDS), options


@pytest.mark.parametrize("each", HANDWRITTEN, ids=str)
def test_methods_of_the_client(each: Form) -> None:
    found = getattr(redpoll.Redis, each.method, None)
    if each.method in ABSENT:
        assert found is None, f"{each.method} is there now: take it off ABSENT, and off the page for users"
        return
    assert found is not None
    if each.method in ELSEWHERE:
        assert hasattr(redpoll.Redis, ELSEWHERE[each.method])
        with pytest.raises(TypeError):
            inspect.signature(found).bind(None, *each.args)
        return
    first = () if each.method == "from_url" else (None,)
    for options in taken(each):
        inspect.signature(found).bind(*first, *each.args, **options)


def test_options_are_no_positional_arguments() -> None:
    inspect.signature(redis.asyncio.Redis.set).bind(None, "k", "v", 60)
    with pytest.raises(TypeError, match="positional"):
        inspect.signature(redpoll.Redis.set).bind(None, "k", "v", 60)


def test_what_differs_has_a_reason_and_is_needed() -> None:
    every = {(each.method, name) for each in HANDWRITTEN + FORMS for name in each.options}
    assert DIFFERS.keys() <= every
    assert ABSENT.keys() <= {each.method for each in HANDWRITTEN}
    for reason in [*DIFFERS.values(), *ABSENT.values(), *OTHER_WORDS.values()]:
        assert len(reason) > 15


def test_the_forty_are_all_here() -> None:
    assert len(FORTY.split()) == len(set(FORTY.split())) == 40
    assert set(FORTY.split()) <= {each.method for each in HANDWRITTEN + FORMS}


def test_users_are_told() -> None:
    text = DOCS.read_text(encoding="utf-8")
    missing = {name for _, name in DIFFERS if f"{name}=" not in text}
    missing |= {name for name in ABSENT.keys() | ELSEWHERE.keys() if f"`{name}" not in text}
    assert not missing
