"""The documented grammar of FT.AGGREGATE and FT.HYBRID, read back from words: an independent check of the builders.

It knows nothing of them: counts are obeyed as the server obeys them, so a wrong one makes what follows unreadable.
"""

from __future__ import annotations

from typing import Any

REDUCERS = {
    "COUNT": (0,),
    "COUNT_DISTINCT": (1,),
    "COUNT_DISTINCTISH": (1,),
    "SUM": (1,),
    "MIN": (1,),
    "MAX": (1,),
    "AVG": (1,),
    "STDDEV": (1,),
    "QUANTILE": (2,),
    "TOLIST": (1,),
    "FIRST_VALUE": (1, 3, 4),
    "RANDOM_SAMPLE": (2,),
}
"""The functions, and how many words they take."""

PARTS = {"LOAD", "GROUPBY", "SORTBY", "APPLY", "FILTER", "LIMIT"}


class Unreadable(Exception):
    """The words are not in the grammar."""


class Reader:
    """Reads words one by one."""

    def __init__(self, words: list[Any]) -> None:
        self.words = words
        self.at = 0

    def end(self) -> bool:
        return self.at == len(self.words)

    def peek(self) -> Any:
        return None if self.end() else self.words[self.at]

    def take(self) -> Any:
        if self.end():
            raise Unreadable(f"{self.words} end too soon")
        self.at += 1
        return self.words[self.at - 1]

    def match(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def need(self, token: str) -> None:
        if not self.match(token):
            raise Unreadable(f"{self.words}: {token} is needed at {self.at}, not {self.peek()!r}")

    def number(self, least: int = 0) -> int:
        word = self.take()
        if not isinstance(word, int) or word < least:
            raise Unreadable(f"{self.words}: a number from {least} is needed, not {word!r}")
        return word

    def several(self) -> Reader:
        return Reader([self.take() for _ in range(self.number())])

    def option(self, token: str) -> Any:
        return self.take() if self.match(token) else None


def named(reader: Reader) -> list[Any]:
    """Read fields that may have another name."""
    found: list[Any] = []
    while not reader.end():
        field = reader.take()
        found.append((field, reader.take()) if reader.match("AS") else field)
    return found


def keys(reader: Reader) -> list[Any]:
    """Read sort keys with their directions."""
    found: list[Any] = []
    while not reader.end():
        field = reader.take()
        found.append((field, reader.take() if reader.peek() in ("ASC", "DESC") else None))
    if not found:
        raise Unreadable("no sort key")
    return found


def reducer(reader: Reader) -> tuple[Any, ...]:
    """Read one reducer behind REDUCE."""
    function, args = reader.take(), reader.several()
    if function == "COLLECT":
        args.need("FIELDS")
        fields = "*" if args.match("*") else args.several().words
        order = keys(args.several()) if args.match("SORTBY") else None
        limit = (args.number(), args.number(1)) if args.match("LIMIT") else None
        given: Any = (fields, order, limit, args.match("DISTINCT"))
        if not args.end():
            raise Unreadable(f"COLLECT: {args.words}")
    else:
        given = tuple(args.words)
        if len(given) not in REDUCERS[function] or (len(given) > 2 and given[1] != "BY"):
            raise Unreadable(f"{function}: {given}")
    return function, given, reader.option("AS")


def step(reader: Reader) -> tuple[Any, ...]:
    """Read one step."""
    kind = reader.take()
    if kind == "LOAD":
        return kind, "*" if reader.match("*") else named(reader.several())
    if kind == "GROUPBY":
        fields = reader.several().words
        reducers: list[Any] = []
        while reader.match("REDUCE"):
            reducers.append(reducer(reader))
        return kind, fields, reducers
    if kind == "SORTBY":
        order = keys(reader.several())
        return kind, order, reader.option("MAX"), reader.match("WITHCOUNT"), reader.match("WITHOUTCOUNT")
    if kind == "APPLY":
        expression = reader.take()
        reader.need("AS")
        return kind, expression, reader.take()
    return (kind, reader.take()) if kind == "FILTER" else (kind, reader.number(), reader.number())


def steps(reader: Reader) -> list[Any]:
    """Read all steps."""
    found: list[Any] = []
    while reader.peek() in PARTS:
        found.append(step(reader))
    return found


def parameters(reader: Reader) -> dict[Any, Any] | None:
    """Read parameters."""
    if not reader.match("PARAMS"):
        return None
    words = reader.several().words
    return dict(zip(words[::2], words[1::2], strict=True))


def aggregate(words: list[Any]) -> dict[str, Any]:
    """Read what follows the index of FT.AGGREGATE."""
    reader = Reader(words)
    found: dict[str, Any] = {"query": reader.take(), "verbatim": reader.match("VERBATIM")}
    found |= {"scorer": reader.option("SCORER"), "addscores": reader.match("ADDSCORES")}
    found |= {"timeout": reader.option("TIMEOUT"), "steps": steps(reader)}
    found["cursor"] = (reader.option("COUNT"), reader.option("MAXIDLE")) if reader.match("WITHCURSOR") else None
    found |= {"params": parameters(reader), "dialect": reader.option("DIALECT")}
    if not reader.end():
        raise Unreadable(f"{words}: {reader.peek()!r} is left")
    return found


def pairs(reader: Reader, *known: str) -> dict[str, Any]:
    """Read options of a clause that counts its words."""
    found: dict[str, Any] = {}
    while not reader.end():
        name = reader.take()
        if name not in known or name in found:
            raise Unreadable(f"{name!r} is none of {known}, or comes twice")
        found[name] = reader.take()
    return found


def hybrid(words: list[Any]) -> dict[str, Any]:
    """Read what follows the index of FT.HYBRID, greedily, clause by clause, as the server does."""
    reader = Reader(words)
    reader.need("SEARCH")
    found: dict[str, Any] = {"query": reader.take(), "scorer": reader.option("SCORER")}
    found["search_as"] = reader.option("YIELD_SCORE_AS")
    reader.need("VSIM")
    found |= {"field": reader.take(), "vector": reader.take(), "knn": None, "range": None, "filter": None}
    if reader.match("KNN"):
        found["knn"] = pairs(reader.several(), "K", "EF_RUNTIME", "SHARD_K_RATIO")
    elif reader.match("RANGE"):
        found["range"] = pairs(reader.several(), "RADIUS", "EPSILON")
    if reader.match("FILTER"):
        if isinstance(reader.peek(), int):
            inner = reader.several()
            found["filter"] = (inner.take(), pairs(inner, "POLICY", "BATCH_SIZE"))
        else:
            found["filter"] = (reader.take(), {})
    found["vsim_as"] = reader.option("YIELD_SCORE_AS")
    found["combine"] = None
    if reader.match("COMBINE"):
        method = reader.take()
        known = {"RRF": ("CONSTANT", "WINDOW"), "LINEAR": ("ALPHA", "BETA", "WINDOW")}[method]
        found["combine"] = (method, pairs(reader.several(), *known, "YIELD_SCORE_AS"))
    found |= {"steps": steps(reader), "nosort": reader.match("NOSORT"), "params": parameters(reader)}
    found["timeout"] = reader.option("TIMEOUT")
    if not reader.end():
        raise Unreadable(f"{words}: {reader.peek()!r} is left")
    return found
