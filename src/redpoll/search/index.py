"""What an index covers."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

from redpoll.arguments import no_token, not_one_of, refused
from redpoll.types import Arg, Many, Value

from .common import counted, listed, no_number, options


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """Which documents an index covers, and what it takes from them beside its fields.

    Attributes:
        prefix: what the keys begin with: one text or several; all keys by default.
        on: ``"HASH"`` (the default) or ``"JSON"``.
        filter: an expression that documents must satisfy: ``'@subtitle != ""'``.
        language: of the documents; English by default.
        language_field: the field that says a document's language.
        score: of the documents, from 0 to 1; 1 by default.
        score_field: the field that says a document's score.
        payload_field: the field that holds a document's payload; deprecated.
        indexall: keep a list of all documents, for faster ``*`` queries (Redis 8).
    """

    prefix: Value | Many[Value] = ()
    _: KW_ONLY
    on: Literal["HASH", "JSON"] | None = None
    filter: Value | None = None
    language: Value | None = None
    language_field: Value | None = None
    score: float | None = None
    score_field: Value | None = None
    payload_field: Value | None = None
    indexall: bool | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the definition's words.

        Raises:
            UsageError: an unknown kind of documents, or a score that is not from 0 to 1.
        """
        if self.on is not None and no_token(self.on, ("HASH", "JSON")):
            raise not_one_of(command, "on", ("HASH", "JSON"))
        if self.score is not None and (no_number(self.score) or not 0 <= self.score <= 1):
            raise refused(command, "score must be from 0 to 1")
        prefixes = listed(self.prefix)
        indexall = None if self.indexall is None else "ENABLE" if self.indexall else "DISABLE"
        return [
            *options(("ON", self.on), ("INDEXALL", indexall)),
            *(counted("PREFIX", prefixes) if prefixes else ()),
            *options(
                ("FILTER", self.filter),
                ("LANGUAGE", self.language),
                ("LANGUAGE_FIELD", self.language_field),
                ("SCORE", self.score),
                ("SCORE_FIELD", self.score_field),
                ("PAYLOAD_FIELD", self.payload_field),
            ),
        ]
