"""An index over hashes: made, filled, searched and counted. It needs a server with Search: Redis 8, or Redis Stack.

python examples/search.py redis://localhost:6379
"""

from __future__ import annotations

import asyncio
import sys

from redpoll import Redis
from redpoll.records.search import AggregateResult, SearchResult
from redpoll.search import (
    Cursor,
    Desc,
    GroupBy,
    IndexDefinition,
    Limit,
    NumericField,
    SortBy,
    TagField,
    TextField,
    reducers,
)

BOOKS: dict[str, dict[str, str | int]] = {
    "book:1": {"title": "The Sea Wolf", "genre": "novel", "year": 1904},
    "book:2": {"title": "The Sea Around Us", "genre": "science", "year": 1951},
    "book:3": {"title": "The Old Man and the Sea", "genre": "novel", "year": 1952},
}


async def fill(r: Redis) -> None:
    """Make the index, and the documents: hashes, found by their prefix."""
    fields = [TextField("title", weight=2), TagField("genre"), NumericField("year", sortable=True)]
    await r.ft_create("books", fields, IndexDefinition("book:"))
    for key, book in BOOKS.items():
        await r.hset(key, book)


async def newest(r: Redis, words: str) -> SearchResult[str]:
    """Return the newest books with some words in their title."""
    query = f"@title:({words})"
    return await r.ft_search("books", query, sortby=Desc("year"), return_=["title", "year"], limit=(0, 5))


async def genres(r: Redis) -> AggregateResult[str]:
    """Return how many books each genre has, and when its last one came out."""
    group = GroupBy("@genre", [reducers.count(as_="books"), reducers.max("@year", as_="last")])
    return await r.ft_aggregate("books", "*", group, SortBy(Desc("@books")), Limit(0, 10))


async def years(r: Redis) -> list[str]:
    """Return all years, read in parts of two rows."""
    part = await r.ft_aggregate("books", "*", GroupBy("@year"), cursor=Cursor(2))
    found = [row["year"] for row in part.rows]
    while part.cursor:
        part = await r.ft_cursor_read("books", part.cursor)
        found += [row["year"] for row in part.rows]
    return found


async def main(url: str) -> None:
    async with Redis.from_url(url) as r:
        await fill(r)
        found = await newest(r, "sea")
        print(f"{found.total} with sea:")
        for document in found.documents:
            print(f"  {document.fields['year']} {document.fields['title']}")
        for row in (await genres(r)).rows:
            print(f"{row['genre']}: {row['books']}, the last in {row['last']}")
        print("years:", ", ".join(sorted(await years(r))))
        await r.ft_dropindex("books", dd=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379"))
