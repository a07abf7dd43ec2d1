"""A search: the query, what restricts it, and what comes back of each document."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from redpoll.arguments import milliseconds, no_token, no_tuple, not_a_tuple, not_one_of, refused, requires
from redpoll.types import Arg, Key, Many, Milliseconds, Pairs, ScoreBound, Unit, Value

from .common import Named, SortKey, counted, flags, limiting, listed, naming, only, options, parameters, some, sorting


@dataclass(frozen=True, slots=True)
class NumericFilter:
    """Documents whose number is within a range.

    Attributes:
        field: a numeric field.
        min: the least number; ``"(1.5"`` for more than that, ``"-inf"`` for any.
        max: the largest number, in the same way.
    """

    field: Value
    min: ScoreBound
    max: ScoreBound


@dataclass(frozen=True, slots=True)
class GeoFilter:
    """Documents whose point is within a circle.

    Attributes:
        field: a geo field.
        lon: the centre's longitude, in degrees.
        lat: its latitude.
        radius: in units.
        unit: kilometres by default.
    """

    field: Value
    lon: float
    lat: float
    radius: float
    unit: Unit = "km"


@dataclass(frozen=True, slots=True)
class Summarize:
    """Fields are cut to the parts with the matches.

    Attributes:
        fields: which ones; all by default.
        frags: how many parts; 3 by default.
        len: words a part; 20 by default.
        separator: what stands between the parts; ``"... "`` by default.
    """

    fields: Many[Value] | None = None
    _: KW_ONLY
    frags: int | None = None
    len: int | None = None
    separator: Value | None = None


@dataclass(frozen=True, slots=True)
class Highlight:
    """Matches in fields are marked.

    Attributes:
        fields: which ones; all by default.
        tags: what stands before and after a match; ``<b>`` and ``</b>`` by default.
    """

    fields: Many[Value] | None = None
    _: KW_ONLY
    tags: tuple[Value, Value] | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A query with its options, for ``ft_search`` and ``ft_profile``.

    Attributes:
        query: in the language of queries: ``"@title:(hello world)"``.
        nocontent: only the documents' keys.
        verbatim: no stems and synonyms of the query's words.
        nostopwords: keep stop words in the query.
        withscores: with each document's score.
        withpayloads: with each document's payload.
        withsortkeys: with the value that it was sorted by.
        filter: one numeric range or several, all of which must hold.
        geofilter: one circle or several.
        inkeys: only these documents.
        infields: only matches in these text fields.
        return_: fields of the documents that come back, each with another name where it is a tuple of both.
        summarize: cut fields to the matches; True for the defaults.
        highlight: mark the matches; True for the defaults.
        slop: how many other words may stand between those of a phrase.
        timeout: how long the server may work on it, in milliseconds.
        inorder: the words must come in the query's order.
        language: of the query.
        expander: of the query.
        scorer: of the documents: ``"BM25STD"``, ``"TFIDF"`` …
        explainscore: with an explanation of each score; needs ``withscores``.
        payload: for the scorer.
        sortby: a field, or ``Asc`` or ``Desc`` of one; by score, where it is not given.
        withcount: count all matches though only a page is sorted; needs ``sortby``.
        limit: how many documents to leave out and how many to take; 0 and 10 by default, 0 and 0 to count.
        params: values of the query's ``$names``; needs dialect 2.
        dialect: of the query; the server's default, where it is not given.
    """

    query: Value
    _: KW_ONLY
    nocontent: bool = False
    verbatim: bool = False
    nostopwords: bool = False
    withscores: bool = False
    withpayloads: bool = False
    withsortkeys: bool = False
    filter: NumericFilter | Many[NumericFilter] | None = None
    geofilter: GeoFilter | Many[GeoFilter] | None = None
    inkeys: Many[Key] | None = None
    infields: Many[Value] | None = None
    return_: Many[Named] | None = None
    summarize: Summarize | bool = False
    highlight: Highlight | bool = False
    slop: int | None = None
    timeout: Milliseconds | None = None
    inorder: bool = False
    language: Value | None = None
    expander: Value | None = None
    scorer: Value | None = None
    explainscore: bool = False
    payload: Value | None = None
    sortby: SortKey | None = None
    withcount: bool = False
    limit: tuple[int, int] | None = None
    params: Pairs[str, Value] | None = None
    dialect: int | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the query's words: first of all the query, then what decides the reply's shape.

        Raises:
            UsageError: an option that cannot be right, or that needs another one.
        """
        if self.explainscore and not self.withscores:
            raise requires(command, "explainscore", "withscores")
        if self.withcount and self.sortby is None:
            raise requires(command, "withcount", "sortby")
        return [
            self.query,
            *flags(
                ("NOCONTENT", self.nocontent),
                ("VERBATIM", self.verbatim),
                ("NOSTOPWORDS", self.nostopwords),
                ("WITHSCORES", self.withscores),
                ("WITHPAYLOADS", self.withpayloads),
                ("WITHSORTKEYS", self.withsortkeys),
            ),
            *self._restricted(command),
            *self._returned(command),
            *options(("SLOP", self.slop), ("TIMEOUT", _duration(command, "timeout", self.timeout))),
            *flags(("INORDER", self.inorder)),
            *options(("LANGUAGE", self.language), ("EXPANDER", self.expander), ("SCORER", self.scorer)),
            *flags(("EXPLAINSCORE", self.explainscore)),
            *options(("PAYLOAD", self.payload)),
            *(("SORTBY", *sorting(self.sortby)) if self.sortby is not None else ()),
            *flags(("WITHCOUNT", self.withcount)),
            *limiting(command, self.limit),
            *parameters(command, self.params),
            *options(("DIALECT", self.dialect)),
        ]

    def _restricted(self, command: str) -> list[Arg]:
        words: list[Arg] = []
        for each in listed(self.filter) if self.filter is not None else ():
            only(command, "filter", each, NumericFilter)
            words += ("FILTER", each.field, each.min, each.max)
        for circle in listed(self.geofilter) if self.geofilter is not None else ():
            only(command, "geofilter", circle, GeoFilter)
            if no_token(circle.unit, ("M", "KM", "MI", "FT")):
                raise not_one_of(command, "unit", ("m", "km", "mi", "ft"))
            words += ("GEOFILTER", circle.field, circle.lon, circle.lat, circle.radius, circle.unit.lower())
        if self.inkeys is not None:
            words += counted("INKEYS", some(command, "inkeys", self.inkeys))
        if self.infields is not None:
            words += counted("INFIELDS", some(command, "infields", self.infields))
        return words

    def _returned(self, command: str) -> list[Arg]:
        words: list[Arg] = []
        if self.return_ is not None:
            if self.nocontent:
                raise refused(command, "return_ says which fields come back, and nocontent that none do")
            words += counted("RETURN", naming(command, "return_", self.return_))
        if self.summarize is not False:
            part = Summarize() if self.summarize is True else self.summarize
            only(command, "summarize", part, Summarize)
            words += ["SUMMARIZE", *_fields(command, "summarize: fields", part.fields)]
            words += options(("FRAGS", part.frags), ("LEN", part.len), ("SEPARATOR", part.separator))
        if self.highlight is not False:
            mark = Highlight() if self.highlight is True else self.highlight
            only(command, "highlight", mark, Highlight)
            words += ["HIGHLIGHT", *_fields(command, "highlight: fields", mark.fields)]
            if mark.tags is not None:
                if no_tuple(mark.tags, 2):
                    raise not_a_tuple(command, "highlight: tags", 2)
                words += ("TAGS", *mark.tags)
        return words


def _fields(command: str, name: str, fields: Many[Value] | None) -> list[Arg]:
    return [] if fields is None else counted("FIELDS", some(command, name, fields))


def _duration(command: str, name: str, value: Milliseconds | None) -> Value | None:
    return None if value is None else milliseconds(command, name, value)
