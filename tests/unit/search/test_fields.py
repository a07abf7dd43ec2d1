"""The fields of a schema and the definition of an index, as words; redis-py's classes say the same where they are told the same."""

from __future__ import annotations

from typing import Any

import pytest
from redis.commands.search import field as theirs
from redis.commands.search.index_definition import IndexDefinition as TheirDefinition
from redis.commands.search.index_definition import IndexType

from redpoll import UsageError
from redpoll.search import (
    GeoField,
    GeoShapeField,
    IndexDefinition,
    NumericField,
    TagField,
    TextField,
    VectorField,
)
from redpoll.search.encode import create, schema

CREATE = {
    "maxtextfields": False,
    "temporary": None,
    "nooffsets": False,
    "nohl": False,
    "nofields": False,
    "nofreqs": False,
    "stopwords": None,
    "skipinitialscan": False,
}
VECTOR: dict[str, Any] = {"type": "FLOAT32", "dim": 4, "distance_metric": "COSINE"}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (TextField("title"), "title TEXT"),
        (TextField("$.t", as_="title", weight=2.5), "$.t AS title TEXT WEIGHT 2.5"),
        (TextField("t", nostem=True, phonetic="dm:en", withsuffixtrie=True), "t TEXT NOSTEM PHONETIC dm:en WITHSUFFIXTRIE"),
        (TextField("t", indexempty=True, indexmissing=True), "t TEXT INDEXEMPTY INDEXMISSING"),
        (TextField("t", sortable=True, unf=True, noindex=True), "t TEXT SORTABLE UNF NOINDEX"),
        (TagField("tags"), "tags TAG"),
        (TagField("tags", separator=";", casesensitive=True), "tags TAG SEPARATOR ; CASESENSITIVE"),
        (TagField("$.a[*]", as_="a", withsuffixtrie=True, indexempty=True), "$.a[*] AS a TAG WITHSUFFIXTRIE INDEXEMPTY"),
        (TagField("tags", indexmissing=True, sortable=True), "tags TAG INDEXMISSING SORTABLE"),
        (NumericField("n", sortable=True), "n NUMERIC SORTABLE"),
        (NumericField("n", as_="x", indexmissing=True, sortable=True, noindex=True),
         "n AS x NUMERIC INDEXMISSING SORTABLE NOINDEX"),
        (GeoField("where", indexmissing=True, sortable=True), "where GEO INDEXMISSING SORTABLE"),
        (GeoShapeField("area"), "area GEOSHAPE"),
        (GeoShapeField("area", as_="a", coord_system="FLAT", indexmissing=True), "area AS a GEOSHAPE FLAT INDEXMISSING"),
        (VectorField("v", "FLAT", **VECTOR), "v VECTOR FLAT 6 TYPE FLOAT32 DIM 4 DISTANCE_METRIC COSINE"),
        (VectorField("v", "FLAT", **VECTOR, initial_cap=9, block_size=3),
         "v VECTOR FLAT 10 TYPE FLOAT32 DIM 4 DISTANCE_METRIC COSINE INITIAL_CAP 9 BLOCK_SIZE 3"),
        (VectorField("v", "HNSW", **VECTOR, m=40, ef_construction=250, ef_runtime=20, epsilon=0.02, as_="w"),
         "v AS w VECTOR HNSW 14 TYPE FLOAT32 DIM 4 DISTANCE_METRIC COSINE"
         " M 40 EF_CONSTRUCTION 250 EF_RUNTIME 20 EPSILON 0.02"),
        (VectorField("v", "SVS-VAMANA", **VECTOR, compression="LVQ8", graph_max_degree=40, attributes={"NEW": 1}),
         "v VECTOR SVS-VAMANA 12 TYPE FLOAT32 DIM 4 DISTANCE_METRIC COSINE COMPRESSION LVQ8 GRAPH_MAX_DEGREE 40 NEW 1"),
        (VectorField("v", "SVS-VAMANA", **VECTOR, construction_window_size=1, search_window_size=2, epsilon=0.5,
                     training_threshold=3, reduce=2, indexmissing=True),
         "v VECTOR SVS-VAMANA 16 TYPE FLOAT32 DIM 4 DISTANCE_METRIC COSINE EPSILON 0.5"
         " CONSTRUCTION_WINDOW_SIZE 1 SEARCH_WINDOW_SIZE 2 TRAINING_THRESHOLD 3 REDUCE 2 INDEXMISSING"),
    ],
)  # fmt: skip
def test_a_field(field: Any, words: str) -> None:
    assert [str(word) for word in field.words("FT.CREATE")] == words.split()


def test_redis_py_says_the_same() -> None:
    hnsw = {"TYPE": "FLOAT32", "DIM": 4, "DISTANCE_METRIC": "COSINE", "M": 8}
    pairs: list[tuple[Any, Any]] = [
        (TextField("t", as_="a", weight=2.0, nostem=True, phonetic="dm:fr", withsuffixtrie=True, sortable=True),
         theirs.TextField("t", as_name="a", weight=2.0, no_stem=True, phonetic_matcher="dm:fr", withsuffixtrie=True,
                          sortable=True)),
        (TagField("g", separator="|", casesensitive=True, withsuffixtrie=True, indexmissing=True),
         theirs.TagField("g", separator="|", case_sensitive=True, withsuffixtrie=True, index_missing=True)),
        (NumericField("n", sortable=True), theirs.NumericField("n", sortable=True)),
        (GeoField("p"), theirs.GeoField("p")),
        (GeoShapeField("s", coord_system="FLAT"), theirs.GeoShapeField("s", coord_system="FLAT")),
        (VectorField("v", "HNSW", **VECTOR, m=8), theirs.VectorField("v", "HNSW", hnsw)),
        (IndexDefinition(["a:", "b:"], on="JSON", filter="@x>1"),
         TheirDefinition(prefix=["a:", "b:"], index_type=IndexType.JSON, filter="@x>1", score=None)),
    ]  # fmt: skip
    for ours, other in pairs:
        assert ours.words("FT.CREATE") == (other.args if isinstance(other, TheirDefinition) else other.redis_args())


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (IndexDefinition(), ""),
        (IndexDefinition("doc:"), "PREFIX 1 doc:"),
        (IndexDefinition(["a:", "b:"], on="JSON"), "ON JSON PREFIX 2 a: b:"),
        (IndexDefinition(on="HASH", filter="@x>1", language="german", language_field="lang"),
         "ON HASH FILTER @x>1 LANGUAGE german LANGUAGE_FIELD lang"),
        (IndexDefinition(score=0.5, score_field="s", payload_field="p"), "SCORE 0.5 SCORE_FIELD s PAYLOAD_FIELD p"),
        (IndexDefinition(indexall=True), "INDEXALL ENABLE"),
        (IndexDefinition("a:", indexall=False), "INDEXALL DISABLE PREFIX 1 a:"),
    ],
)  # fmt: skip
def test_a_definition(definition: IndexDefinition, words: str) -> None:
    assert [str(word) for word in definition.words("FT.CREATE")] == words.split()


def test_an_index() -> None:
    words = create("FT.CREATE", TextField("t"), IndexDefinition("d:"), **{**CREATE, "stopwords": ["a", "the"]})
    assert words == ["PREFIX", 1, "d:", "STOPWORDS", 2, "a", "the", "SCHEMA", "t", "TEXT"]
    assert create("FT.CREATE", [TagField("t")], None, **{**CREATE, "stopwords": []})[:2] == ["STOPWORDS", 0]
    flags = dict.fromkeys(("maxtextfields", "nooffsets", "nohl", "nofields", "nofreqs", "skipinitialscan"), True)
    words = create("FT.CREATE", [TextField("t"), TagField("t", as_="g")], None, **{**CREATE, **flags, "temporary": 60})
    assert " ".join(map(str, words)) == (
        "MAXTEXTFIELDS TEMPORARY 60 NOOFFSETS NOHL NOFIELDS NOFREQS SKIPINITIALSCAN SCHEMA t TEXT t AS g TAG"
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (TextField("t", unf=True), "unf needs sortable"),
        (TextField("t", noindex=True), "noindex needs sortable"),
        (NumericField("n", noindex=True), "noindex needs sortable"),
        (TextField("t", phonetic="dm:de"), "phonetic must be one of 'dm:en', 'dm:fr'"),  # type: ignore[arg-type]
        (TagField("t", separator="||"), "separator must be one character, not 2"),
        (GeoShapeField("t", coord_system="ROUND"), "coord_system must be one of"),  # type: ignore[arg-type]
        (VectorField("v", "IVF", **VECTOR), "algorithm must be one of 'FLAT', 'HNSW'"),  # type: ignore[arg-type]
        (VectorField("v", "FLAT", **{**VECTOR, "type": "INT4"}), "type must be one of"),
        (VectorField("v", "FLAT", **{**VECTOR, "distance_metric": "L1"}), "distance_metric must be one of"),
        (VectorField("v", "FLAT", **{**VECTOR, "dim": 0}), "dim must be a whole number from 1"),
        (VectorField("v", "FLAT", **VECTOR, m=16), "m: FLAT has no M"),
        (VectorField("v", "HNSW", **VECTOR, compression="LVQ8"), "compression: HNSW has no COMPRESSION"),
        (VectorField("v", "HNSW", **VECTOR, attributes=["A"]), "attributes must be a mapping"),  # type: ignore[arg-type]
        ("title", "schema: number 1 must be a Field, not str"),
        ([TextField("t"), None], "schema: number 2 must be"),
        ([], "schema needs at least one element"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(given: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        schema("FT.ALTER", given)
    assert caught.value.command == "FT.ALTER"
    assert caught.value.outcome == "not_run"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"definition": IndexDefinition(on="LIST")}, "on must be one of 'HASH', 'JSON'"),  # type: ignore[arg-type]
        ({"definition": IndexDefinition(score=1.5)}, "score must be from 0 to 1"),
        ({"definition": {"prefix": "a:"}}, "definition must be a IndexDefinition, not dict"),
        ({"stopwords": "the"}, "stopwords must be a collection"),
    ],
)
def test_an_index_that_cannot_be_right_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        create("FT.CREATE", **{**CREATE, "fields": TextField("t"), "definition": None, **changed})
