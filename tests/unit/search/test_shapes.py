"""What the replies' decoders know of a call: its words, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from redpoll.commands.search import FT_PROFILE, FT_SEARCH, encode_ft_profile
from redpoll.records.search import Document, SearchResult
from redpoll.search import AggregateRequest, HybridQuery, HybridVsimQuery, Query


def decoded(words: tuple[Any, ...], reply: Any) -> Any:
    decode = FT_SEARCH.of(words).decode
    assert decode is not None
    return decode(reply)


def test_one_spec_a_shape() -> None:
    plain = FT_SEARCH.of(("FT.SEARCH", "idx", "q"))
    assert FT_SEARCH.of(("FT.SEARCH", "other", "NOCONTENT", "VERBATIM", "LIMIT", 0, 1)) is plain
    scored = FT_SEARCH.of(("FT.SEARCH", "idx", "q", "VERBATIM", "WITHSCORES"))
    assert scored is not plain
    assert (scored.name, scored.replay, scored.cacheable, scored.text) == ("FT.SEARCH", True, False, True)


@pytest.mark.parametrize("word", ["WITHSCORES", "NOCONTENT"])
def test_what_only_reads_as_an_option(word: str) -> None:
    for words in [
        ("FT.SEARCH", "idx", word),
        ("FT.SEARCH", "idx", "q", "INFIELDS", 1, word),
        ("FT.SEARCH", "idx", "q", "SORTBY", word),
    ]:
        assert decoded(words, [1, "d", ["a", "b"]]) == SearchResult(1, [Document("d", {"a": "b"})])


def test_a_reply_that_does_not_fit_its_shape() -> None:
    for reply in ([1, "d"], [1, "d", "0.5"], [1, "d", "x", []], [1, "d", "0.5", ["a"]], [], 7, {"results": []}):
        with pytest.raises((ValueError, TypeError, KeyError, StopIteration, RuntimeError)):
            decoded(("FT.SEARCH", "idx", "q", "WITHSCORES"), reply)


def test_profiles() -> None:
    hybrid = HybridQuery("q", HybridVsimQuery("@v", "$v"))
    queries = [Query("q"), Query("q", nocontent=True), AggregateRequest("NOCONTENT"), hybrid]
    specs = [FT_PROFILE.of(encode_ft_profile("idx", query, limited)) for query in queries for limited in (False, True)]
    assert all(one is two for one, two in zip(specs[::2], specs[1::2], strict=True)), "LIMITED shapes no result"
    assert len(set(specs)) == len(queries)
