"""The intermediate representation: what a method is, after the rules and the overlay and before any text is rendered.

Wire order (``steps``) and Python order (``params``) are kept apart. Everything is frozen, so that each stage of the
generator can only derive, never patch what an earlier one decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ParamKind: TypeAlias = Literal["only", "plain", "var", "keyword"]


class LoweringError(Exception):
    """A command whose signature the rules cannot make: the overlay must say what is wanted."""


@dataclass(frozen=True, slots=True)
class Param:
    """One Python parameter.

    Attributes:
        name: the Python name.
        type: its annotation without the ``| None`` of an absent option; of one element for ``kind="var"``.
        kind: positional-only, positional or keyword, ``*args``, or keyword-only.
        default: the default's source, ``"None"`` or ``"False"`` for absent options; None where it is required.
        token: the word that the option adds to the command.
        since: the version that brought the option, where later than the command.
        valkey_only: only Valkey knows the option.
        through: the function of ``redpoll.arguments`` that a method applies before it calls the encoder.
    """

    name: str
    type: str
    kind: ParamKind = "plain"
    default: str | None = None
    token: str = ""
    since: str = ""
    valkey_only: bool = False
    through: str = ""

    @property
    def annotation(self) -> str:
        """The annotation as written in a signature."""
        return f"{self.type} | None" if self.default == "None" else self.type

    @property
    def is_flag(self) -> bool:
        """A bool that adds a token; one that may be None is YES or NO where it is given."""
        return self.type == "bool" and self.default != "None"


@dataclass(frozen=True, slots=True)
class Words:
    """Words that are always sent: Python expressions, ``*x`` among them."""

    exprs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class When:
    """Steps taken where ``test``, a Python expression over the parameters, is true."""

    test: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """``exprs`` for each ``target`` of ``source``."""

    target: str
    source: str
    exprs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """``raise error`` where ``test`` is true: the arguments contradict each other."""

    test: str
    error: str


Step: TypeAlias = Words | When | Each | Check


@dataclass(frozen=True, slots=True)
class Reply:
    """The value of one reply shape: its static type over ``S``, and the source of its decoder (None: as parsed).

    With ``by_words`` the source is of a function that takes a call's words and returns the decoder.
    """

    type: str
    decode: str | None = None
    raw: bool = False
    by_words: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """``reply`` comes where all of ``when`` are given; names start with ``!`` where they must be absent."""

    when: tuple[str, ...]
    reply: Reply


@dataclass(frozen=True, slots=True)
class Facts:
    """What routing, retries and caches need to know: each becomes an argument of ``redpoll.spec.Spec``."""

    keys: tuple[str, ...] = ()
    blocking: str | None = None
    replay: bool = False
    cacheable: bool = False
    dedicated: bool = False
    request_policy: str | None = None
    response_policy: str | None = None
    key_patterns: str | None = None
    key_replies: str | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One command as a method of both faces.

    Attributes:
        command: the command's name in upper case, words separated by one space.
        name: the Python name.
        module: the module of ``redpoll.commands`` that holds it.
        params: Python order.
        overloads: signatures that replace the single generated one (parameter lists as source), for a few commands.
        steps: wire order, after the command's own words.
        body: handwritten lines of the encoder from the overlay, instead of ``steps``.
        cases: reply shapes, tested in order; the last one has no condition.
        facts: routing, retry and cache facts.
        doc: the docstring's text.
    """

    command: str
    name: str
    module: str
    params: tuple[Param, ...]
    steps: tuple[Step, ...]
    cases: tuple[Case, ...]
    facts: Facts
    doc: str
    body: tuple[str, ...] = ()
    overloads: tuple[str, ...] = field(default=())

    @property
    def constant(self) -> str:
        """The name of the command's ``Spec`` constant."""
        return self.command.upper().translate(str.maketrans(" .-", "___"))

    @property
    def plain(self) -> bool:
        """Whether the words are one tuple display, so that no encoder is needed."""
        simple = all(isinstance(step, Words) for step in self.steps)
        return simple and not self.body and not any(param.through for param in self.params)
