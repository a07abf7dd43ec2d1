"""The time series commands, on the stand-in."""

from __future__ import annotations

import datetime as dt

import pytest

from redpoll.errors import ServerError
from redpoll.records.timeseries import CompactionRule, Series, SeriesInfo, SeriesSample
from tests.live.commands.cases import Case, Raises, called, case
from tests.live.modules.conftest import ModuleTable

T = ("TS.CREATE t LABELS room study type temp", "TS.MADD t 100 1.5 t 200 2 t 300 1 t 400 -2")
U = ("TS.CREATE u LABELS room hall type temp", "TS.MADD u 100 9 u 250 3")
LABELS = {"room": "study", "type": "temp"}
SAMPLES = [(100, 1.5), (200, 2.0), (300, 1.0), (400, -2.0)]
SECOND = dt.timedelta(seconds=1)
MOMENT = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
MILLISECONDS = 2208988800000


def now(value: int) -> bool:
    return abs(value / 1000 - dt.datetime.now(dt.UTC).timestamp()) < 3600


def described(info: SeriesInfo[str]) -> bool:
    seen = (info.total_samples, info.first_timestamp, info.last_timestamp, info.chunk_type, info.labels, info.rules)
    return seen == (4, 100, 400, "compressed", LABELS, [CompactionRule("c", 100, "avg", 0)]) and info.source_key is None


CASES: list[Case] = [
    case(lambda c: c.ts_create("t"), True),
    case(
        lambda c: c.ts_create(
            "t",
            retention=SECOND,
            encoding="UNCOMPRESSED",
            chunk_size=128,
            duplicate_policy="LAST",
            ignore=(10, 5),  # the stand-in takes no float
            labels={"a": "b", "c": 1},
        ),
        True,
        then={"TS.QUERYINDEX a=b c=1": ["t"]},
    ),
    case(lambda c: c.ts_alter("t", labels={"a": "b"}, retention=5000), True, *T, then={"TS.QUERYINDEX a=b": ["t"]}),
    case(lambda c: c.ts_add("t", 100, 1.5), 100),
    case(lambda c: c.ts_add("t", MOMENT, 1, labels={"a": "b"}), MILLISECONDS),
    case(lambda c: c.ts_add("t", "*", 1), now),
    case(lambda c: c.ts_add("t", 100, 5, on_duplicate="SUM"), 100, *T, then={"TS.DEL t 0 100": 1}),
    case(lambda c: c.ts_madd([("t", 500, 1), ("u", MOMENT, 2)]), [500, MILLISECONDS], *T, *U),
    case(lambda c: c.ts_incrby("t", 5, timestamp=500), 500, *T),
    case(lambda c: c.ts_decrby("t", 0.5, timestamp=MOMENT), MILLISECONDS, *T),
    case(lambda c: c.ts_del("t", 100, 200), 2, *T),
    case(lambda c: c.ts_get("t"), (400, -2.0), *T),
    case(lambda c: c.ts_get("t"), None, "TS.CREATE t"),
    case(lambda c: c.ts_range("t", "-", "+"), SAMPLES, *T),
    case(lambda c: c.ts_range("t", 150, dt.datetime.fromtimestamp(0.3, dt.UTC)), SAMPLES[1:3], *T),
    case(lambda c: c.ts_range("t", "-", "+", filter_by_ts=[100, 300], count=1), SAMPLES[:1], *T),
    case(lambda c: c.ts_range("t", "-", "+", filter_by_value=(1, 1)), [SAMPLES[2]], *T),  # the stand-in takes no float
    case(
        lambda c: c.ts_range("t", 0, 400, aggregation="sum", bucket_duration=200),
        [(0, 1.5), (200, 3.0), (400, -2.0)],
        *T,
    ),
    case(
        lambda c: c.ts_range("t", 100, 400, aggregation="max", bucket_duration=200, align=100),
        [(100, 2.0), (300, 1.0)],
        *T,
    ),
    case(lambda c: c.ts_range("t", "-", "+"), [], "TS.CREATE t"),
    case(lambda c: c.ts_revrange("t", "-", "+", count=2), SAMPLES[:1:-1], *T),
    case(lambda c: c.ts_revrange("t", 0, 399, aggregation="min", bucket_duration=SECOND), [(0, 1.0)], *T),
    case(lambda c: c.ts_nrange(["t", "u"], 0, 100), [(100, [1.5, 9.0])], *T, *U),
    case(lambda c: c.ts_nrange("t", "-", "+", count=1), [(100, [1.5])], *T),
    case(lambda c: c.ts_nrevrange(["t"], 0, 200), [(200, [2.0]), (100, [1.5])], *T),
    case(lambda c: c.ts_read("t", 300), SAMPLES[2:], *T),
    case(lambda c: c.ts_read("t", "-", max_count=1), SAMPLES[:1], *T),
    case(lambda c: c.ts_mget("type=temp"), {"t": SeriesSample({}, (400, -2.0))}, *T),
    case(
        lambda c: c.ts_mget(["type=temp", "room=study"], withlabels=True), {"t": SeriesSample(LABELS, (400, -2.0))}, *T
    ),
    case(lambda c: c.ts_mget("a=b"), {"t": SeriesSample({}, None)}, "TS.CREATE t LABELS a b"),
    case(
        lambda c: c.ts_mrange(0, 150, "type=temp"),
        {"t": Series({}, SAMPLES[:1]), "u": Series({}, [(100, 9.0)])},
        *T,
        *U,
    ),
    case(lambda c: c.ts_mrange("-", "+", "type=temp", withlabels=True), {"t": Series(LABELS, SAMPLES)}, *T),
    case(
        lambda c: c.ts_mrange("-", "+", ["type=temp"], selected_labels=["room"], count=1),
        {"t": Series({"room": "study"}, SAMPLES[:1])},
        *T,
    ),
    case(
        lambda c: c.ts_mrange(0, 399, "type=temp", aggregation="avg", bucket_duration=SECOND),
        {"t": Series({}, [(0, 1.5)])},
        *T,
    ),
    # Not groupby alone: there the stand-in gives labels, which no server does unasked.
    case(
        lambda c: c.ts_mrange(0, 100, "type=temp", groupby=("type", "max"), withlabels=True),
        lambda v: v["type=temp"].labels == {"type": "temp"} and v["type=temp"].reducer == "max",
        *T,
        *U,
    ),
    case(lambda c: c.ts_mrevrange(0, 200, "type=temp"), {"t": Series({}, SAMPLES[1::-1])}, *T),
    case(lambda c: c.ts_queryindex("type=temp", "room=study"), {"t"}, *T, *U),
    case(lambda c: c.ts_querylabels(filter=["type=temp"]), {"room", "type"}, *T),
    case(lambda c: c.ts_querylabels("room", filter=["type=temp"]), {"study", "hall"}, *T, *U),
    case(lambda c: c.ts_createrule("t", "c", "avg", SECOND), True, "TS.CREATE t", "TS.CREATE c"),
    case(lambda c: c.ts_createrule("t", "c", "std.p", 100, 50), True, "TS.CREATE t", "TS.CREATE c"),
    case(
        lambda c: c.ts_deleterule("t", "c"),
        True,
        *("TS.CREATE t", "TS.CREATE c", "TS.CREATERULE t c AGGREGATION avg 100"),
    ),
    case(lambda c: c.ts_info("t"), described, *T, "TS.CREATE c", "TS.CREATERULE t c AGGREGATION avg 100"),
    case(
        lambda c: c.ts_info("c", debug=True),
        lambda info: info.source_key == "t" and info.key == "c",
        *("TS.CREATE t", "TS.CREATE c", "TS.CREATERULE t c AGGREGATION avg 100"),
    ),
]

REFUSED: list[Case] = [
    case(lambda c: c.ts_add("t", 100, 5), Raises("upsert", ServerError), *T),
    case(lambda c: c.ts_info("none"), Raises("exist", ServerError)),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: ModuleTable, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda each: called(each)[0])
async def test_refusals(table: ModuleTable, refused: Case) -> None:
    await table.one(refused)


async def test_one_sample_of_several_is_refused(table: ModuleTable) -> None:
    added = case(
        lambda c: c.ts_madd([("t", 500, 1), ("none", 1, 1)]),
        lambda v: v[0] == 500 and isinstance(v[1], ServerError) and v[1].command == "TS.MADD",
        *T,
    )
    await table.one(added)
