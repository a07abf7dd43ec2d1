"""The geo commands: every flag of the searches, true and false, and each way to say where."""

from __future__ import annotations

from typing import Any

import pytest

from redpoll.records.data import GeoResult
from tests.live.commands.cases import Case, Table, case

G = "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"
PALERMO = pytest.approx((13.361389338970184, 38.1155563954963))
CATANIA = pytest.approx((15.087267458438873, 37.50266842333162))
HASHES = {"Catania": 3479447370796909, "Palermo": 3479099956230698}
BOTH = ["Catania", "Palermo"]
FAR = [GeoResult("Catania", distance=56.4413), GeoResult("Palermo", distance=190.4424)]
HASHED = [GeoResult(name, hash=HASHES[name]) for name in BOTH]
PLACED = [GeoResult("Catania", position=CATANIA), GeoResult("Palermo", position=PALERMO)]
WHOLE = [GeoResult("Catania", 56.4413, HASHES["Catania"], CATANIA)]
FROM = {"fromlonlat": (15, 37), "byradius": (200, "KM"), "asc": True}
NONE: dict[str, Any] = {"withcoord": False, "withdist": False, "withhash": False}


def searches(name: str, *where: Any, **options: Any) -> list[Case]:
    """Every shape of one search around 15° 37°, nearest first."""

    def search(**more: Any) -> Any:
        return lambda c: getattr(c, name)("geo", *where, **options, **more)

    return [
        case(search(), BOTH, G),
        case(search(**NONE), BOTH, G),
        case(search(withdist=True), FAR, G),
        case(search(withhash=True, withdist=False), HASHED, G),
        case(search(withcoord=True), PLACED, G),
        case(search(withcoord=True, withdist=True, withhash=True, count=1), WHOLE, G),
        case(search(count=1, any=True), lambda v: len(v) == 1, G),
        case(search(), []),
    ]


def near(name: str) -> list[Case]:
    """Every shape of one search around a member, nearest first."""

    def search(**more: Any) -> Any:
        return lambda c: getattr(c, name)("geo", "Palermo", 200, "KM", asc=True, **more)

    return [
        case(search(), BOTH[::-1], G),
        case(search(**NONE), BOTH[::-1], G),
        case(search(withdist=True), [GeoResult("Palermo", 0.0), GeoResult("Catania", 166.2742)], G),
        case(search(withhash=True), HASHED[::-1], G),
        case(search(withcoord=True), PLACED[::-1], G),
        case(
            search(withcoord=True, withdist=True, withhash=True, count=1),
            [GeoResult("Palermo", 0.0, HASHES["Palermo"], PALERMO)],
            G,
        ),
    ]


def stored(name: str, *where: Any) -> list[Case]:
    return [
        case(lambda c: getattr(c, name)("geo", *where, store="o"), 2, G, then={"ZCARD o": 2}),
        case(lambda c: getattr(c, name)("geo", *where, storedist="o"), 2, G, then={"ZCOUNT o 0 200": 2}),
    ]


CASES: list[Case] = [
    case(lambda c: c.geoadd("geo", (13.361389, 38.115556, "Palermo"), (15, 37, b"x")), 2, then={"ZCARD geo": 2}),
    case(lambda c: c.geoadd("geo", (15, 37, "Palermo"), nx=True), 0, G),
    case(lambda c: c.geoadd("geo", (15, 37, "Palermo"), xx=True, ch=True), 1, G),
    case(lambda c: c.geodist("geo", "Palermo", "Catania"), 166274.1516, G),
    case(lambda c: c.geodist("geo", "Palermo", "Catania", "KM"), 166.2742, G),
    case(lambda c: c.geodist("geo", "Palermo", "q"), None, G),
    case(lambda c: c.geohash("geo", "Palermo", "q"), ["sqc8b49rny0", None], G),
    case(lambda c: c.geopos("geo", "Palermo", "q"), [PALERMO, None], G),
    *searches("geosearch", **FROM),
    *searches("georadius", 15, 37, 200, "KM", asc=True),
    *searches("georadius_ro", 15, 37, 200, "KM", asc=True),
    *near("georadiusbymember"),
    *near("georadiusbymember_ro"),
    case(lambda c: c.geosearch("geo", fromlonlat=(15, 37), bybox=(400, 400, "KM"), desc=True), BOTH[::-1], G),
    case(lambda c: c.geosearch("geo", frommember="Palermo", byradius=(100, "MI")), ["Palermo"], G),
    case(
        lambda c: c.geosearch("geo", bypolygon=[(12, 39), (14, 39), (14, 38), (12, 38)]), ["Palermo"], G, only="valkey"
    ),
    case(lambda c: c.geosearchstore("o", "geo", **FROM), 2, G, then={"ZCARD o": 2}),
    case(lambda c: c.geosearchstore("o", "geo", storedist=True, count=1, **FROM), 1, G, then={"ZCOUNT o 56 57": 1}),
    *stored("georadius", 15, 37, 200, "KM"),
    *stored("georadiusbymember", "Palermo", 200, "KM"),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
