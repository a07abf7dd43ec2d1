"""The sorted set commands, those that do not block."""

from __future__ import annotations

import math

import pytest

from tests.live.commands.cases import Case, Table, case

Z = "ZADD z 1 a 2.5 b +inf c -inf d"
S = "ZADD z 1 a 2 b 3 c"
P = "ZADD p 10 b 20 x"
LEX = "ZADD z 0 a 0 b 0 c"
ALL = [("d", -math.inf), ("a", 1.0), ("b", 2.5), ("c", math.inf)]
INF = math.inf

CASES: list[Case] = [
    case(lambda c: c.zadd("z", {"a": 1, b"b": 2.5}), 2, then={"ZRANGE z 0 -1": ["a", "b"]}),
    case(lambda c: c.zadd("z", {"a": 5, "q": 1}, incr=False), 1, S),
    case(lambda c: c.zadd("z", {"a": INF, "q": -INF}, ch=True), 2, S, then={"ZRANGE z 0 0": ["q"]}),
    case(lambda c: c.zadd("z", {"a": 9, "q": 9}, nx=True), 1, S, then={"ZCARD z": 4, "ZRANK z a": 0}),
    case(lambda c: c.zadd("z", {"a": 9, "q": 9}, xx=True, ch=True), 1, S, then={"ZCARD z": 3}),
    case(lambda c: c.zadd("z", {"b": 1.5, "c": 9}, gt=True, ch=True), 1, S),
    case(lambda c: c.zadd("z", {"b": 1.5, "c": 9}, lt=True, ch=True), 1, S),
    case(lambda c: c.zadd("z", {"a": 1.5}, incr=True), 2.5, S),
    case(lambda c: c.zadd("z", {"a": 1}, incr=True), 2.0, S),
    case(lambda c: c.zadd("z", {"a": 1}, incr=True, nx=True), None, S),
    case(lambda c: c.zcard("z"), 3, S),
    case(lambda c: c.zcount("z", 1, "(3"), 2, S),
    case(lambda c: c.zcount("z", "-inf", "+inf"), 4, Z),
    case(lambda c: c.zcount("z", -INF, INF), 4, Z),
    case(lambda c: c.zdiff("z", "p"), ["a", "c"], S, P),
    case(lambda c: c.zdiff(["z", "p"], withscores=False), ["a", "c"], S, P),
    case(lambda c: c.zdiff("z", withscores=True), ALL, Z),
    case(lambda c: c.zdiff("none", withscores=True), []),
    case(lambda c: c.zdiffstore("o", "z", "p"), 2, S, P, then={"ZCARD o": 2}),
    case(lambda c: c.zincrby("z", 0.5, "a"), 1.5, S),
    case(lambda c: c.zincrby("z", INF, "a"), INF, S),
    case(lambda c: c.zinter("z", "p"), ["b"], S, P),
    case(lambda c: c.zinter("z", "p", withscores=False), ["b"], S, P),
    case(lambda c: c.zinter(["z", "p"], weights=[2, 0.5], withscores=True), [("b", 9.0)], S, P),
    case(lambda c: c.zinter("z", "p", aggregate="MIN", withscores=True), [("b", 2.0)], S, P),
    case(lambda c: c.zinter("z", "p", aggregate="MAX", withscores=True), [("b", 10.0)], S, P),
    case(lambda c: c.zintercard("z", "p"), 1, S, P),
    case(lambda c: c.zintercard("z", limit=2), 2, S),
    case(
        lambda c: c.zinterstore("o", "z", "p", weights=[1, 2], aggregate="SUM"),
        1,
        S,
        P,
        then={"ZCOUNT o 22 22": 1},
    ),
    case(lambda c: c.zlexcount("z", "-", "(c"), 2, LEX),
    case(lambda c: c.zmpop(["none", "z"], "MIN", count=2), ("z", [("d", -INF), ("a", 1.0)]), Z),
    case(lambda c: c.zmpop("z", "MAX"), ("z", [("c", INF)]), Z),
    case(lambda c: c.zmpop("none", "MAX"), None),
    case(lambda c: c.zmscore("z", "a", "q"), [1.0, None], S),
    case(lambda c: c.zmscore("z", ["c", "a"]), [3.0, 1.0], S),
    case(lambda c: c.zmscore("z", 7, b"a"), [None, 1.0], S),
    case(lambda c: c.zpopmax("z"), ("c", INF), Z),
    case(lambda c: c.zpopmax("none"), None),
    case(lambda c: c.zpopmax("z", 2), [("c", 3.0), ("b", 2.0)], S),
    case(lambda c: c.zpopmax("z", 1), [("c", 3.0)], S),
    case(lambda c: c.zpopmax("none", 2), []),
    case(lambda c: c.zpopmin("z"), ("d", -INF), Z),
    case(lambda c: c.zpopmin("none"), None),
    case(lambda c: c.zpopmin("z", 1), [("a", 1.0)], S),
    case(lambda c: c.zpopmin("z", 2), [("a", 1.0), ("b", 2.0)], S),
    case(lambda c: c.zrandmember("z"), "a", "ZADD z 1 a"),
    case(lambda c: c.zrandmember("none", withscores=False), None),
    case(lambda c: c.zrandmember("z", -2), ["a", "a"], "ZADD z 1 a"),
    case(lambda c: c.zrandmember("z", 9, withscores=False), ["a"], "ZADD z 1 a"),
    case(lambda c: c.zrandmember("z", -2, withscores=True), [("a", 1.0), ("a", 1.0)], "ZADD z 1 a"),
    case(lambda c: c.zrandmember("none", 2, withscores=True), []),
    case(lambda c: c.zrange("z", 0, -1), ["a", "b", "c"], S),
    case(lambda c: c.zrange("z", 0, 1, desc=True, withscores=False), ["c", "b"], S),
    case(lambda c: c.zrange("z", 0, -1, withscores=True), ALL, Z),
    case(lambda c: c.zrange("z", "(1", "+inf", byscore=True, withscores=True), [("b", 2.0), ("c", 3.0)], S),
    case(lambda c: c.zrange("z", 1, 3, byscore=True, offset=1, num=1), ["b"], S),
    case(lambda c: c.zrange("z", "[b", "+", bylex=True), ["b", "c"], LEX),
    case(lambda c: c.zrange("none", 0, -1, withscores=True), []),
    case(lambda c: c.zrangebylex("z", "-", "(c"), ["a", "b"], LEX),
    case(lambda c: c.zrangebylex("z", "-", "+", offset=1, num=1), ["b"], LEX),
    case(lambda c: c.zrangebyscore("z", 1, "(3"), ["a", "b"], S),
    case(lambda c: c.zrangebyscore("z", 1, INF, withscores=False, offset=1, num=1), ["b"], S),
    case(lambda c: c.zrangebyscore("z", "-inf", "+inf", withscores=True), ALL, Z),
    case(lambda c: c.zrangestore("o", "z", 0, 1), 2, S, then={"ZRANGE o 0 -1": ["a", "b"]}),
    case(
        lambda c: c.zrangestore("o", "z", "+inf", "(1", byscore=True, desc=True, offset=0, num=1),
        1,
        S,
        then={"ZRANGE o 0 -1": ["c"]},
    ),
    case(lambda c: c.zrank("z", "b"), 1, S),
    case(lambda c: c.zrank("z", "q", withscore=False), None, S),
    case(lambda c: c.zrank("z", "b", withscore=True), (1, 2.0), S),
    case(lambda c: c.zrank("z", "q", withscore=True), None, S),
    case(lambda c: c.zrem("z", "a", "q"), 1, S),
    case(lambda c: c.zremrangebylex("z", "[a", "(c"), 2, LEX),
    case(lambda c: c.zremrangebyrank("z", 0, 1), 2, S),
    case(lambda c: c.zremrangebyscore("z", "(1", INF), 2, S),
    case(lambda c: c.zrevrange("z", 0, 1), ["c", "b"], S),
    case(lambda c: c.zrevrange("z", 0, 1, withscores=False), ["c", "b"], S),
    case(lambda c: c.zrevrange("z", 0, -1, withscores=True), ALL[::-1], Z),
    case(lambda c: c.zrevrangebylex("z", "+", "[b"), ["c", "b"], LEX),
    case(lambda c: c.zrevrangebylex("z", "+", "-", offset=2, num=5), ["a"], LEX),
    case(lambda c: c.zrevrangebyscore("z", "+inf", 2), ["c", "b"], S),
    case(lambda c: c.zrevrangebyscore("z", 3, 1, withscores=False, offset=0, num=1), ["c"], S),
    case(lambda c: c.zrevrangebyscore("z", INF, -INF, withscores=True), ALL[::-1], Z),
    case(lambda c: c.zrevrank("z", "c"), 0, S),
    case(lambda c: c.zrevrank("z", "c", withscore=False), 0, S),
    case(lambda c: c.zrevrank("z", "c", withscore=True), (0, 3.0), S),
    case(lambda c: c.zscan("z"), (0, ALL), Z),
    case(lambda c: c.zscan("z", 0, match="a*", count=10, noscores=False), (0, [("a", 1.0)]), Z),
    case(lambda c: c.zscan("z", noscores=True), (0, ["d", "a", "b", "c"]), Z, only="valkey"),
    case(lambda c: c.zscore("z", "d"), -INF, Z),
    case(lambda c: c.zscore("z", "q"), None, Z),
    case(lambda c: c.zunion("z", "p"), ["a", "c", "b", "x"], S, P),
    case(lambda c: c.zunion("z", withscores=False), ["a", "b", "c"], S),
    case(lambda c: c.zunion("z", withscores=True), ALL, Z),
    case(
        lambda c: c.zunion("z", "p", weights=[1, 2], aggregate="MAX", withscores=True),
        [("a", 1.0), ("c", 3.0), ("b", 20.0), ("x", 40.0)],
        S,
        P,
    ),
    case(lambda c: c.zunionstore("o", "z", "p", weights=[1, 0.5]), 4, S, P, then={"ZRANGE o 0 0": ["a"]}),
    case(lambda c: c.zunionstore("o", ["z", "p"], aggregate="MIN"), 4, S, P, then={"ZRANK o b": 1}),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
