"""Three lines that a type checker must reject, among lines that it must accept. `make demo` shows what mypy says."""

from __future__ import annotations

from redpoll import Redis


async def mistakes(r: Redis) -> None:
    """Never run: the marked lines are wrong."""
    await r.zadd("board", {"ann": 3.5})
    await r.zadd("board", {"ann": "first"})  # wrong: a score is a number

    await r.hget("user:1", "name")
    await r.hget("user:1")  # wrong: which field?

    name: str | None = await r.get("name")
    raw: bytes | None = await r.get("name")  # wrong: this client gives text
    print(name, raw)
