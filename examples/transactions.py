"""Transactions: commands that run as a whole, and those that depend on what was read before.

python examples/transactions.py, with the embedded server, or with one of yours: … redis://localhost:6379/9
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from redpoll import Dedicated, Queued, Redis, Transaction, WatchConflict, WrongType
from redpoll.testing import EmbeddedServer


async def order(r: Redis) -> None:
    """Several commands as a whole: nobody sees the order without its line in the log."""
    async with r.transaction() as tx:
        number = tx.incr("orders")
        tx.xadd("log", {"event": "ordered"})
        length = tx.xlen("log")
    print("order", number.result(), "of", length.result(), "in the log")

    # The same in one expression, each value with its own type.
    number_now, log = await r.batch(lambda p: (p.get("orders"), p.xlen("log")), atomic=True)
    print("now", number_now, log)


async def mistake(r: Redis) -> None:
    """A command that fails undoes nothing of the others: servers roll nothing back."""
    tx = r.transaction(raise_on_error=False)
    pushed, counted = tx.lpush("orders", "no list"), tx.incr("orders")
    await tx.execute()
    print(type(pushed.exception()).__name__, isinstance(pushed.exception(), WrongType), counted.result())


async def transfer(r: Redis, amount: int) -> int:
    """Take from one account what it has and put it on another; run anew if it changed in between."""

    async def body(c: Dedicated, tx: Transaction) -> Queued[int]:
        balance = int(await c.get("account:ann") or 0)
        if balance < amount:
            raise ValueError(f"only {balance} there")  # nothing is sent
        tx.decrby("account:ann", amount)
        return tx.incrby("account:bo", amount)

    return (await r.watch_transaction(["account:ann"], body)).result()


async def by_hand(r: Redis) -> None:
    """WATCH on a connection of one's own."""
    async with r.dedicated() as c:
        await c.watch("account:ann")
        await r.set("account:ann", 7)  # somebody else was faster
        try:
            async with c.transaction() as tx:
                tx.set("account:ann", 0)
        except WatchConflict as conflict:
            print(type(conflict).__name__, conflict.outcome)


async def main(url: str) -> None:
    """Run all of them."""
    async with Redis.from_url(url) as r:
        await r.delete("orders", "log", "account:ann", "account:bo")
        await order(r)
        await mistake(r)
        await r.set("account:ann", 100)
        await asyncio.gather(*(transfer(r, 10) for _ in range(10)))
        print("ann", await r.get("account:ann"), "bo", await r.get("account:bo"))
        with contextlib.suppress(ValueError):
            await transfer(r, 1)
        await by_hand(r)


if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        url = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(EmbeddedServer()).url()
        asyncio.run(main(url))
