"""From argument trees to parameters and encoding steps, by rules; the overlay's patches are applied on the way.

Each node is lowered in one of two ways. What must be there becomes positional parameters and unconditional words
(``_required``). What may be left out becomes a ``_Unit``: keyword parameters, a Python test that tells whether it was
given, and the steps then taken (``_unit``). Exclusive choices are units with a check. The rules:

- a choice that may be made several times → independent keywords;
- a pure token → a bool; a choice of pure tokens → one bool each where it is optional and has no token of its own, else
  a ``Literal`` (YES or NO behind a token: a bool or None); a choice of other things → exclusive keywords;
- ``{token | value}`` → one parameter;
- a repeated value → ``*args`` at the end, else a collection; its count is computed;
- a repeated pair → a mapping; other repeated blocks → tuples;
- an optional block → one value, a tuple, or flattened with "requires" checks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from .ir import Check, Each, LoweringError, Param, ParamKind, Step, When, Words
from .naming import CONVERTERS, DURATIONS, LOCALS, PAIR_KEYS, choice_type, is_count, leaf_type, plural, python_name
from .normalise import holds, normalise, without
from .overlay import Entry
from .spec import Argument, Command


@dataclass(frozen=True, slots=True)
class _Unit:
    """Something that may be left out: ``given`` is the test, ``head`` the name an error uses for it."""

    given: str
    head: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What lowering yields: parameters in Python order and steps in wire order."""

    params: tuple[Param, ...]
    steps: tuple[Step, ...]


def lower(command: Command, entry: Entry) -> Signature:
    """Return a command's parameters and steps.

    Raises:
        LoweringError: the rules cannot name or shape a node.
    """
    arguments = entry.arguments if entry.arguments is not None else command.arguments
    entry.used.update(f"drop.{name}" for name in entry.drop if holds(arguments, name))
    return _Lowering(command, entry).run(normalise(without(arguments, entry.drop)))


class _Lowering:
    def __init__(self, command: Command, entry: Entry) -> None:
        self.command = command
        self.entry = entry
        self.params: list[Param] = []
        self.checks: list[Step] = []
        self.many: set[str] = set()  # positional parameters that hold several values

    def run(self, arguments: Sequence[Argument]) -> Signature:
        steps = self._sequence(arguments)
        params = self._ordered()
        self._variadic(params)
        return Signature(tuple(params), (*self.checks, *steps))

    # Parameters

    def _param(self, name: str, type_: str, node: Argument, kind: ParamKind, default: str | None) -> str:
        """Add a parameter as the overlay wants it; return its (unique) final name."""
        patch = self.entry.params.get(name)
        taken = {param.name for param in self.params}
        if patch is not None:
            self.entry.used.add(f"params.{name}")
            name, type_ = patch.name or name, patch.type or type_
            kind, default = patch.kind or kind, patch.default or default
        elif name in LOCALS:
            name += "_"
        if name in taken:
            raise LoweringError(f"{self.command.name}: two parameters are called {name!r}")
        since = node.since if node.since and node.since != self.command.since else ""
        valkey = bool(node.providers) and "redis" not in node.providers
        token = node.token or ""
        self.params.append(Param(name, type_, kind, default, token, since or "", valkey))
        return name

    def _type(self, name: str) -> str:
        return next(param.type for param in self.params if param.name == name)

    def _word(self, name: str, expr: str | None = None) -> str:
        """Return the expression of a parameter's word: itself, or converted from a duration or a moment."""
        type_ = self._type(name)
        inner = type_.removeprefix("Many[").removesuffix("]")
        return self._converted(CONVERTERS.get(inner), name, expr or name)

    def _converted(self, converter: str | None, name: str, expr: str) -> str:
        told = f"{self.command.name!r}, {name!r}, " if converter in DURATIONS else ""
        return expr if converter is None else f"_a.{converter}({told}{expr})"

    def _ordered(self) -> list[Param]:
        """Return the parameters in Python order: the overlay's, else positional ones first, in wire order."""
        order = self.entry.order
        positional = [param for param in self.params if param.kind != "keyword"]
        keywords = [param for param in self.params if param.kind == "keyword"]
        if order:
            named = {param.name: param for param in self.params}
            unknown = [name for name in order if name not in named]
            if unknown:
                raise LoweringError(f"{self.command.name}: order names unknown parameters: {', '.join(unknown)}")
            self.entry.used.add("order")
            positional = [named[name] for name in order]
            positional = [dataclasses.replace(p, kind="plain") if p.kind == "keyword" else p for p in positional]
            keywords = [param for param in keywords if param.name not in order]
            left = [param.name for param in self.params if param not in keywords and param.name not in order]
            if left:
                raise LoweringError(f"{self.command.name}: order leaves out {', '.join(left)}")
        last_required = max((i for i, param in enumerate(positional) if param.default is None), default=-1)
        late = [param for param in positional[:last_required] if param.default is not None]
        positional = [param for param in positional if param not in late]
        late = [dataclasses.replace(param, kind="keyword") for param in late]
        return [*self._leading_keys(positional), *late, *keywords]

    def _leading_keys(self, positional: list[Param]) -> list[Param]:
        result: list[Param] = []
        leading = True
        for param in positional:
            leading = leading and param.type == "Key" and param.default is None and param.kind == "plain"
            leading = leading and param.name not in self.many
            result.append(dataclasses.replace(param, kind="only") if leading else param)
        return result

    def _variadic(self, params: list[Param]) -> None:
        """Turn the last positional parameter into ``*args`` where it holds several values."""
        positional = [param for param in params if param.kind in ("only", "plain")]
        for param in positional:
            if param.name not in self.many:
                continue
            element = param.type.removeprefix("Many[").removesuffix("]")
            index = params.index(param)
            if param is positional[-1] and self.entry.variadic:
                through = "spread" if element == "Key" or self.entry.spread else ""
                element = f"{element} | Many[{element}]" if through else element
                params[index] = dataclasses.replace(param, type=element, kind="var", default=None, through=through)
            elif element == "Key" and param.default is None:
                params[index] = dataclasses.replace(param, type="Key | Many[Key]", through="several")
            else:
                self.checks.append(self._collection(param.name))
            if param.default is None:
                self.checks.append(self._some(param.name))

    def _check(self, test: str, error: str, *more: object) -> Check:
        arguments = ", ".join([repr(self.command.name), *map(repr, more)])
        return Check(test, f"_a.{error}({arguments})")

    def _some(self, name: str) -> Check:
        """The check that a collection is not empty."""
        return self._check(f"not {name}", "empty", name)

    def _collection(self, name: str) -> Check:
        """The check that one text is not taken for a collection of its letters."""
        return self._check(f"_a.no_collection({name})", "not_a_collection", name)

    def _mapping(self, name: str) -> Check:
        return self._check(f"_a.no_mapping({name})", "not_a_mapping", name)

    # What must be there

    def _sequence(self, nodes: Sequence[Argument]) -> list[Step]:
        steps: list[Step] = []
        counted = False
        for index, node in enumerate(nodes):
            if is_count(node, nodes[index + 1] if index + 1 < len(nodes) else None):
                counted = True
                continue
            if node.optional and not (node.multiple and node.type not in ("oneof", "block") and node.token is None):
                steps += self._optional(node)
            else:
                steps += self._required(node, counted=counted)
            counted = False
        return steps

    def _optional(self, node: Argument) -> list[Step]:
        if node.type == "oneof" and node.token is None and node.multiple:
            return self._several_choices(node, required=False)
        if node.type == "oneof" and node.token is None:
            return self._choice(node.arguments, self._path(node), required=False)
        single = node.type not in ("oneof", "block", "pure-token") and node.token is None
        if single and not node.multiple and self._defaulted(node):
            return self._required(node, counted=False)
        unit = self._unit(node, kind="plain" if single else "keyword")
        return [When(unit.given, unit.steps)]

    def _defaulted(self, node: Argument) -> bool:
        """Whether the overlay gives an optional value a default of its own, which is then always sent."""
        patch = self.entry.params.get(python_name(node.name))
        return patch is not None and patch.default not in (None, "None")

    def _required(self, node: Argument, *, counted: bool) -> list[Step]:
        if node.type == "pure-token":
            return [Words((repr(node.token),))]
        head: list[Step] = [Words((repr(node.token),))] if node.token is not None and not node.multiple_token else []
        if node.type == "oneof":
            return head + self._required_choice(node)
        if node.type == "block":
            if node.multiple:
                return head + self._repeated(node, counted, kind="plain", default=None)[1]
            return head + self._block(node)
        name = python_name(node.name)
        if not node.multiple:
            name = self._param(name, leaf_type(node), node, "plain", None)
            return [*head, Words((self._word(name),))]
        default = "()" if node.optional else None
        name = self._param(plural(name), f"Many[{leaf_type(node)}]", node, "plain", default)
        self.many.add(name)
        return head + self._several(name, node, counted)

    def _block(self, node: Argument) -> list[Step]:
        halves = node.arguments
        if len(halves) == 2 and all(half.multiple and half.type not in ("oneof", "block") for half in halves):
            # Two parallel lists (XREAD's keys and ids) are one mapping.
            kind = f"Pairs[{leaf_type(halves[0])}, {leaf_type(halves[1])}]"
            name = self._param(python_name(node.name), kind, node, "plain", None)
            self.checks += [self._mapping(name), self._some(name)]
            return [Words((f"*_a.columns({name})",))]
        return self._sequence(halves)

    def _required_choice(self, node: Argument) -> list[Step]:
        options = node.arguments
        if all(option.type == "pure-token" for option in options) and not node.multiple:
            return [self._literal(node, options, "plain", None)]
        tokens = [option for option in options if option.type == "pure-token"]
        leaves = [option for option in options if option.type not in ("pure-token", "oneof", "block")]
        if len(options) == 2 and len(tokens) == 1 and len(leaves) == 1 and leaves[0].token is None:
            kind = leaf_type(leaves[0])
            kind = kind if kind in ("Value", "Key") else f"{kind} | Literal[{tokens[0].token!r}]"
            return [Words((self._param(python_name(leaves[0].name), kind, node, "plain", None),))]
        if node.multiple:
            return self._several_choices(node, required=not node.optional)
        return self._choice(options, self._path(node), required=True)

    def _literal(self, node: Argument, options: Sequence[Argument], kind: ParamKind, default: str | None) -> Words:
        tokens = [str(option.token) for option in options]
        type_ = choice_type(options)
        label = node.token if node.token and kind == "keyword" else node.name
        name = self._param(python_name(label), type_, node, kind, default)
        test = f"_a.no_token({name}, {tuple(token.upper() for token in tokens)!r})"
        test = test if default is None else f"{name} is not None and {test}"
        self.checks.append(self._check(test, "not_one_of", name, tuple(tokens)))
        return Words((name,))

    # What may be left out

    def _choice(self, options: Sequence[Argument], path: str, *, required: bool) -> list[Step]:
        """Exclusive keywords: at most one, or exactly one where the choice is required."""
        if path in self.entry.literals:
            self.entry.used.add(f"literals.{path}")
            node = Argument(path.rsplit(".", 1)[-1], "oneof", arguments=tuple(options))
            words = self._literal(node, options, "plain", "None")
            return [When(f"{self.params[-1].name} is not None", (words,))]
        units = [self._unit(option) for option in options]
        if len(units) > 1:
            rule, error = ("!= 1", "exactly_one") if required else ("> 1", "at_most_one")
            given = f"({', '.join(unit.given for unit in units)}).count(True) {rule}"
            self.checks.append(Check(given, f"_a.{error}({self.command.name!r}, {self._heads(units)})"))
        return [When(unit.given, unit.steps) for unit in units]

    def _several_choices(self, node: Argument, *, required: bool) -> list[Step]:
        """A choice that may be made several times: each alternative is a keyword of its own, given at most once."""
        units = [self._unit(option) for option in node.arguments]
        if required:
            test = f"not ({' or '.join(unit.given for unit in units)})"
            self.checks.append(Check(test, f"_a.at_least_one({self.command.name!r}, {self._heads(units)})"))
        return [When(unit.given, unit.steps) for unit in units]

    def _unit(self, node: Argument, kind: ParamKind = "keyword") -> _Unit:
        token: tuple[str, ...] = () if node.token is None else (repr(node.token),)
        label = python_name(node.token if node.token else node.name)
        if node.type == "pure-token":
            name = self._param(label, "bool", node, kind, "False")
            return _Unit(name, name, (Words(token),))
        if node.type == "oneof":
            return self._unit_choice(node, token)
        if node.type == "block":
            return self._unit_block(node, token, label)
        if node.multiple:
            return self._unit_several(node, token, label, counted=False)
        name = self._param(label, leaf_type(node), node, kind, "None")
        return _Unit(f"{name} is not None", name, (Words((*token, self._word(name))),))

    def _unit_several(self, node: Argument, token: tuple[str, ...], label: str, *, counted: bool) -> _Unit:
        name = self._param(label, f"Many[{leaf_type(node)}]", node, "keyword", "None")
        checks: tuple[Step, ...] = (self._collection(name), self._some(name))
        source = name
        if not self._type(name).startswith("Many["):  # the overlay takes one value as well
            source = f"_a.several({name})"
            checks = (self._check(f"not {source}", "empty", name),)
        head = () if node.multiple_token else (Words(token),)
        return _Unit(f"{name} is not None", name, (*checks, *head, *self._several(source, node, counted)))

    def _unit_choice(self, node: Argument, token: tuple[str, ...]) -> _Unit:
        if node.token is not None and [option.token for option in node.arguments] == ["YES", "NO"]:
            name = self._param(python_name(node.token), "bool", node, "keyword", "None")
            return _Unit(f"{name} is not None", name, (Words((*token, f"_a.yes_no({name})")),))
        if all(option.type == "pure-token" for option in node.arguments) and not node.multiple:
            words = self._literal(node, node.arguments, "keyword", "None")
            name = self.params[-1].name
            return _Unit(f"{name} is not None", name, (Words(token), words) if token else (words,))
        if node.multiple:
            raise LoweringError(f"{self.command.name}: the repeated choice {node.name} is inside another choice")
        before = len(self.params)
        steps = self._choice(node.arguments, self._path(node), required=False)
        given = " or ".join(self._given(param) for param in self.params[before:])
        return _Unit(f"({given})", self.params[before].name, ((Words(token), *steps) if token else tuple(steps)))

    @staticmethod
    def _heads(units: Sequence[_Unit]) -> str:
        return repr(tuple(unit.head for unit in units))

    @staticmethod
    def _given(param: Param) -> str:
        return param.name if param.is_flag else f"{param.name} is not None"

    def _unit_block(self, node: Argument, token: tuple[str, ...], label: str) -> _Unit:
        children = node.arguments
        head: tuple[Step, ...] = (Words(token),) if token and not node.multiple_token else ()
        if node.multiple:
            name, steps = self._repeated(node, counted=False, kind="keyword", default="None")
            return _Unit(f"{name} is not None", name, (*head, *steps))
        if len(children) == 2 and is_count(children[0], children[1]):
            if children[1].type == "block":
                inner = dataclasses.replace(children[1], name=label)
                name, steps = self._repeated(inner, counted=True, kind="keyword", default="None")
                return _Unit(f"{name} is not None", name, (*head, *steps))
            return self._unit_several(children[1], token, label, counted=True)
        required = [child for child in children if not child.optional]
        flat = all(self._is_element(child) for child in children) and len(children) > 1
        if node.name in self.entry.flatten:
            self.entry.used.add(f"flatten.{node.name}")
        elif flat:
            return self._unit_tuple(node, token, label)
        if not required and not token:
            raise LoweringError(
                f"{self.command.name}: nothing in {node.name} is required, so nothing marks it as given"
            )
        return self._flattened(node, token, label)

    @staticmethod
    def _is_element(node: Argument) -> bool:
        """Whether a node can be one element of a tuple: a plain value, or one of a few tokens."""
        if node.optional or node.multiple or node.token is not None:
            return False
        if node.type == "oneof":
            return all(option.type == "pure-token" for option in node.arguments)
        return node.type not in ("block", "pure-token")

    def _unit_tuple(self, node: Argument, token: tuple[str, ...], label: str) -> _Unit:
        kinds = [self._element_type(child) for child in node.arguments]
        name = self._param(label, f"tuple[{', '.join(kinds)}]", node, "keyword", "None")
        exprs: list[str] = []
        for index, kind in enumerate(kinds):
            exprs.append(self._converted(CONVERTERS.get(kind), name, f"{name}[{index}]"))
        check = self._check(f"_a.no_tuple({name}, {len(kinds)})", "not_a_tuple", name, len(kinds))
        return _Unit(f"{name} is not None", name, (check, Words((*token, *exprs))))

    @staticmethod
    def _element_type(node: Argument) -> str:
        return choice_type(node.arguments) if node.type == "oneof" else leaf_type(node)

    def _flattened(self, node: Argument, token: tuple[str, ...], label: str) -> _Unit:
        """An optional block as single keywords: its required parts mark it as given, the others require them."""
        children = list(node.arguments)
        required = [child for child in children if not child.optional]
        if len(required) == 1 and token and required[0].token is None and required[0].type not in ("oneof", "block"):
            children[children.index(required[0])] = dataclasses.replace(required[0], name=label)
        marks: list[_Unit] = []
        if not required:  # the token alone is a flag
            name = self._param(label, "bool", node, "keyword", "False")
            marks = [_Unit(name, name, ())]
        lowered = [(child, self._unit(child)) for child in children]
        marks += [unit for child, unit in lowered if not child.optional]
        options = [unit for child, unit in lowered if child.optional]
        given = " and ".join(mark.given for mark in marks)
        if len(marks) > 1:
            test = f"_a.count({{{', '.join(mark.given for mark in marks)}}}) != 1"
            self.checks.append(Check(test, f"_a.all_or_none({self.command.name!r}, {self._heads(marks)})"))
        for option in options:
            error = f"_a.requires({self.command.name!r}, {option.head!r}, {marks[0].head!r})"
            self.checks.append(Check(f"{option.given} and not ({given})", error))
        steps: list[Step] = [Words(token)] if token else []
        for child, unit in lowered:
            steps += [When(unit.given, unit.steps)] if child.optional else unit.steps
        return _Unit(given, marks[0].head, tuple(steps))

    # Repetitions

    def _several(self, source: str, node: Argument, counted: bool) -> list[Step]:
        """The words of a collection: of a parameter, or of what an expression makes of it."""
        count = [Words((f"_a.count({source})",))] if counted else []
        item = "each"
        word = self._word(source, item) if source.isidentifier() else item
        if node.multiple_token:
            return [*count, Each(item, source, (repr(node.token), word))]
        return [*count, Each(item, source, (word,)) if word != item else Words((f"*{source}",))]

    def _repeated(self, node: Argument, counted: bool, kind: ParamKind, default: str | None) -> tuple[str, list[Step]]:
        """A repeated block: a mapping for pairs, else tuples."""
        leaves = node.arguments
        if not all(leaf.type not in ("oneof", "block") and not leaf.multiple and not leaf.optional for leaf in leaves):
            raise LoweringError(f"{self.command.name}: the repeated {node.name} is more than a list of values")
        lead = (repr(node.token),) if node.multiple_token else ()
        pair = self._pair(leaves)
        if pair is not None:
            label = python_name(node.token) if node.token else "mapping"
            label = python_name(node.name) if label == "mapping" and kind == "keyword" else label
            name = self._param(label, f"Pairs[{leaf_type(pair[0])}, {leaf_type(pair[1])}]", node, kind, default)
            order = ("left", "right") if pair[0] is leaves[0] else ("right", "left")
            each: Step = Each("left, right", f"{name}.items()", (*lead, *order))
        else:
            values = [leaf for leaf in leaves if leaf.type != "pure-token"]
            if not values:
                raise LoweringError(f"{self.command.name}: the repeated {node.name} holds no value")
            inner = f"tuple[{', '.join(leaf_type(leaf) for leaf in values)}]"
            name = self._param(plural(python_name(node.name)), f"Many[{inner}]", node, kind, default)
            if kind == "plain":
                self.many.add(name)
            places = iter(range(len(values)))
            words = [repr(leaf.token) if leaf.type == "pure-token" else f"each[{next(places)}]" for leaf in leaves]
            checked = f"_a.tuples({self.command.name!r}, {name!r}, {name}, {len(values)})"
            each = Each("each", checked, (*lead, *words))
        steps: list[Step] = [Words((f"_a.count({name})",))] if counted else []
        shape = self._mapping(name) if pair is not None else self._collection(name)
        if default is not None:
            return name, [shape, self._some(name), *steps, each]
        if name not in self.many:
            self.checks += [shape, self._some(name)]
        return name, [*steps, each]

    @staticmethod
    def _pair(leaves: Sequence[Argument]) -> tuple[Argument, Argument] | None:
        """Return a pair's (key, value), whichever comes first on the wire; None where it is no mapping."""
        if len(leaves) != 2 or any(leaf.token is not None for leaf in leaves):
            return None
        first, second = leaves
        if first.name in PAIR_KEYS:
            return first, second
        return (second, first) if first.name == "score" and second.name == "member" else None

    @staticmethod
    def _path(node: Argument) -> str:
        return node.name
