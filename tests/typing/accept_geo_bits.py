"""Geo indexes, bitmaps and HyperLogLogs."""

from __future__ import annotations

from typing import assert_type

from redpoll import Redis
from redpoll.records.data import GeoResult


async def geo(r: Redis) -> None:
    assert_type(await r.geoadd("g", (13.36, 38.11, "Palermo"), (15.08, 37.5, b"Catania"), nx=True), int)
    assert_type(await r.geodist("g", "a", "b"), float | None)
    assert_type(await r.geodist("g", "a", "b", "KM"), float | None)
    assert_type(await r.geohash("g", "a", "b"), list[str | None])
    assert_type(await r.geopos("g", "a", "b"), list[tuple[float, float] | None])


async def geosearch(r: Redis, b: Redis[bytes], flag: bool) -> None:
    here = (15.0, 37.0)
    assert_type(await r.geosearch("g", frommember="a", byradius=(10, "KM")), list[str])
    assert_type(await b.geosearch("g", fromlonlat=here, bybox=(1, 2.5, "M"), asc=True, count=3), list[bytes])
    assert_type(await r.geosearch("g", fromlonlat=here, byradius=(10, "KM"), withdist=True), list[GeoResult[str]])
    assert_type(await r.geosearch("g", fromlonlat=here, byradius=(10, "KM"), withcoord=True), list[GeoResult[str]])
    assert_type(await b.geosearch("g", fromlonlat=here, byradius=(10, "KM"), withhash=True), list[GeoResult[bytes]])
    assert_type(
        await r.geosearch("g", fromlonlat=here, byradius=(1, "MI"), withcoord=True, withdist=True),
        list[GeoResult[str]],
    )
    assert_type(
        await r.geosearch("g", fromlonlat=here, byradius=(1, "FT"), withdist=flag), list[GeoResult[str]] | list[str]
    )
    assert_type(await r.geosearch("g", bypolygon=[(0, 0), (0, 1), (1, 1)]), list[str])
    assert_type(await r.geosearchstore("to", "g", frommember="a", byradius=(1, "KM"), storedist=True), int)


async def georadius(r: Redis, flag: bool) -> None:
    assert_type(await r.georadius("g", 15, 37, 10, "KM"), list[str])
    assert_type(await r.georadius("g", 15, 37, 10, "KM", withdist=True), list[GeoResult[str]])
    assert_type(await r.georadius("g", 15, 37, 10, "KM", store="to"), int)
    assert_type(await r.georadius("g", 15, 37, 10, "KM", storedist="to"), int)
    assert_type(await r.georadiusbymember("g", "a", 10, "KM", withhash=True), list[GeoResult[str]])
    assert_type(await r.georadius_ro("g", 15, 37, 10, "KM", withdist=flag), list[GeoResult[str]] | list[str])


async def results(r: Redis) -> None:
    for found in await r.geosearch("g", frommember="a", byradius=(10, "KM"), withdist=True):
        assert_type(found.member, str)
        assert_type(found.distance, float | None)
        assert_type(found.position, tuple[float, float] | None)
        assert_type(found.hash, int | None)


async def bits(r: Redis) -> None:
    assert_type(await r.setbit("k", 7, 1), int)
    assert_type(await r.getbit("k", 7), int)
    assert_type(await r.bitcount("k"), int)
    assert_type(await r.bitcount("k", 0, -1, unit="BIT"), int)
    assert_type(await r.bitpos("k", 1, 2), int)
    assert_type(await r.bitop("AND", "to", "a", "b"), int)
    assert_type(await r.bitfield("k", ("SET", "u8", 0, 255), ("GET", "u8", "#1")), list[int | None])


async def hyperloglog(r: Redis) -> None:
    assert_type(await r.pfadd("k", "a", "b"), bool)
    assert_type(await r.pfcount("a", ["b", "c"]), int)
    assert_type(await r.pfmerge("to", "a", "b"), bool)
