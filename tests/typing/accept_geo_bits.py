"""Geo indexes, bitmaps, HyperLogLogs, arrays and vectors."""

from __future__ import annotations

from array import array
from typing import assert_type

from redpoll import Redis
from redpoll.records.data import GeoResult
from redpoll.values import BitGet, BitIncrBy, BitSet, GrepExact, GrepGlob, GrepMatch, GrepRe


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
    assert_type(await r.bitfield("k", BitSet("u8", 0, 255), BitGet("u8", "#1")), list[int | None])
    assert_type(await r.bitfield("k", BitIncrBy("u2", 100, 1, overflow="SAT")), list[int | None])
    assert_type(await r.bitfield_ro("k", BitGet("i5", 0), BitGet("u63", "#1")), list[int])


async def hyperloglog(r: Redis) -> None:
    assert_type(await r.pfadd("k", "a", "b"), bool)
    assert_type(await r.pfcount("a", ["b", "c"]), int)
    assert_type(await r.pfmerge("to", "a", "b"), bool)


async def arrays(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.argrep("a", 0, "+", GrepExact("x"), GrepExact("y"), GrepGlob("z*")), list[int])
    assert_type(await b.argrep("a", 0, 9, GrepRe("^x"), combine="AND", withvalues=True), list[tuple[int, bytes]])
    assert_type(await r.argrep("a", 0, 9, GrepMatch(1), withvalues=flag), list[tuple[int, str]] | list[int])
    assert_type(await r.arop("a", 0, 9, "SUM"), int | float | None)
    assert_type(await r.arop("a", 0, 9, match="x"), int)


async def vectors(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.vadd("v", [1, 0.5], "e"), bool)
    assert_type(await r.vadd("v", array("f", [1, 0.5]), "e", noquant=True), bool)
    assert_type(await r.vadd("v", bytearray(8), "e"), bool)
    assert_type(await r.vsim("v", "e"), list[str])
    assert_type(await b.vsim("v", element=b"e", withscores=True), dict[bytes, float])
    assert_type(await r.vsim("v", memoryview(b"12345678"), withattribs=True), dict[str, str | None])
