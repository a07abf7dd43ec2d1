"""Routing, retry and cache facts of a command: defaults from the spec's flags, tips and key specs, then the overlay."""

from __future__ import annotations

from typing import Final, cast

from .ir import Facts, LoweringError
from .overlay import Entry
from .spec import Command, KeySpec

REQUEST_POLICIES: Final = frozenset({"all_nodes", "all_shards", "multi_shard", "special"})
RESPONSE_POLICIES: Final = frozenset(
    {
        "one_succeeded", "all_succeeded", "agg_logical_and", "agg_logical_or", "agg_min", "agg_max", "agg_sum",
        "special",
    }
)  # fmt: skip
KEY_PATTERNS: Final = frozenset({"word", "match", "sort"})
KEY_REPLIES: Final = frozenset({"each", "first", "map", "scan", "series"})


def facts(command: Command, entry: Entry) -> Facts:
    """Return a command's facts.

    ``replay``: the spec's ``readonly``. ``cacheable``: readonly, with keys, deterministic, not blocking, and upstream
    gives no tip against it.

    Raises:
        LoweringError: a blocking command without a place of its block time, or an unknown policy or rule.
    """
    told = entry.facts
    readonly = "readonly" in command.flags
    blocking = _optional_text(told.get("blocking"))
    if "blocking" in command.flags and blocking is None and not entry.exclude:
        raise LoweringError(f"{command.name}: the overlay must say where the block time stands (facts.blocking)")
    found = tuple(_keys(spec) for spec in command.key_specs if "not_key" not in spec.flags and _known(spec))
    keys = tuple(str(item) for item in _list(told["keys"])) if "keys" in told else found
    fickle = {"nondeterministic_output", "dont_cache"} & set(command.hints)
    plain = readonly and bool(keys) and blocking is None and not fickle
    defaults = {"keys": list(found), "replay": readonly, "cacheable": plain, "dedicated": False}
    for name, value in defaults.items():
        if name in told and told[name] == value and not entry.exclude:
            raise LoweringError(f"{command.name}: facts.{name} says what is so without it")
    return Facts(
        keys=keys,
        blocking=blocking,
        replay=bool(told.get("replay", readonly)),
        cacheable=bool(told.get("cacheable", plain)),
        dedicated=bool(told.get("dedicated", False)),
        request_policy=_policy(command, told, "request_policy", REQUEST_POLICIES),
        response_policy=_policy(command, told, "response_policy", RESPONSE_POLICIES),
        key_patterns=_rule(command, told, "key_patterns", KEY_PATTERNS),
        key_replies=_rule(command, told, "key_replies", KEY_REPLIES),
    )


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _policy(command: Command, told: dict[str, object], name: str, known: frozenset[str]) -> str | None:
    value = _optional_text(told.get(name))
    for hint in command.hints:
        if value is None and hint.startswith(f"{name}:"):
            value = hint.partition(":")[2]
    return _one_of(command, name, value, known)


def _rule(command: Command, told: dict[str, object], name: str, known: frozenset[str]) -> str | None:
    return _one_of(command, name, _optional_text(told.get(name)), known)


def _one_of(command: Command, name: str, value: str | None, known: frozenset[str]) -> str | None:
    if value is not None and value not in known:
        raise LoweringError(f"{command.name}: unknown {name} {value!r}")
    return value


def _known(spec: KeySpec) -> bool:
    return spec.begin != "unknown" and spec.find != "unknown"


def _keys(spec: KeySpec) -> str:
    """Return the source of a key description of ``redpoll.spec``."""
    base = spec.index if spec.begin == "index" else 0
    if spec.find == "keynum":
        step = f", {spec.keystep}" if spec.keystep != 1 else ""
        span = f"KeyCount({base + spec.keynumidx}, {base + spec.firstkey}{step})"
    else:
        last = spec.lastkey if spec.lastkey < 0 else base + spec.lastkey
        rest = f", {spec.keystep}, {spec.limit}" if spec.limit > 1 else f", {spec.keystep}" if spec.keystep != 1 else ""
        span = f"KeyRange({base}, {last}{rest})"
    return span if spec.begin == "index" else f"KeyAfter({spec.keyword!r}, {spec.startfrom}, {span})"
