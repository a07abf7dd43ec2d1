"""What the search commands take: fields and definitions of indexes, queries, steps of aggregations, hybrid queries.

    from redpoll.search import Desc, NumericField, TextField

    await r.ft_create("books", [TextField("title"), NumericField("year", sortable=True)])
    found = await r.ft_search("books", "@title:sea", sortby=Desc("year"), limit=(0, 5))

They are plain data. Each says itself in words when the method that it is passed to is called; what cannot be right
raises ``UsageError`` there, before anything is sent.
"""

from __future__ import annotations

from . import reducers
from .common import Asc, Desc, Direction, Named, SortKey
from .fields import (
    Algorithm,
    Field,
    GeoField,
    GeoShapeField,
    Metric,
    NumericField,
    Phonetic,
    TagField,
    TextField,
    VectorField,
    VectorType,
)
from .hybrid import HybridQuery, HybridSearchQuery, HybridVsimQuery, Knn, Linear, Range, Rrf
from .index import IndexDefinition
from .pipeline import AggregateRequest, Apply, Cursor, Filter, GroupBy, Limit, Load, SortBy, Step
from .query import GeoFilter, Highlight, NumericFilter, Query, Summarize
from .reducers import Reducer

__all__ = [
    "AggregateRequest",
    "Algorithm",
    "Apply",
    "Asc",
    "Cursor",
    "Desc",
    "Direction",
    "Field",
    "Filter",
    "GeoField",
    "GeoFilter",
    "GeoShapeField",
    "GroupBy",
    "Highlight",
    "HybridQuery",
    "HybridSearchQuery",
    "HybridVsimQuery",
    "IndexDefinition",
    "Knn",
    "Limit",
    "Linear",
    "Load",
    "Metric",
    "Named",
    "NumericField",
    "NumericFilter",
    "Phonetic",
    "Query",
    "Range",
    "Reducer",
    "Rrf",
    "SortBy",
    "SortKey",
    "Step",
    "Summarize",
    "TagField",
    "TextField",
    "VectorField",
    "VectorType",
    "reducers",
]
