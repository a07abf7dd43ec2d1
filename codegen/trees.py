"""Merging one command's argument trees of two servers into a tree that accepts what either accepts.

Redis' tree is the trunk. Nodes are paired by token, else by name, else (choices) by a token they share, else (required
values) by their place and the end of their names. What only one side has is marked with its provider, and a node of
Valkey's is put behind the node that it follows there. Where that is not well defined (a required argument that the other
side lacks), Redis' list stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .spec import Argument

Tree = tuple[Argument, ...]


def merge_trees(redis: Tree, valkey: Tree, redis_since: str, valkey_since: str) -> Tree:
    """Return Redis' tree with Valkey's additions.

    Args:
        redis: the trunk.
        valkey: the other side; an empty one means that nothing is known, so nothing is marked.
        redis_since: the version that brought the command to Redis, for marked nodes that carry none.
        valkey_since: the same for Valkey.
    """
    return _Merge(redis_since, valkey_since).nodes(redis, valkey, choice=False) if valkey else redis


class _Merge:
    def __init__(self, redis_since: str, valkey_since: str) -> None:
        self.since = {"redis": redis_since, "valkey": valkey_since}

    def mark(self, node: Argument, provider: str) -> Argument:
        return replace(node, providers={provider: node.since or self.since[provider]})

    def nodes(self, redis: Tree, valkey: Tree, *, choice: bool) -> Tree:
        valkey, dissolved = _dissolve(redis, valkey)
        pairs = _pair(redis, valkey)
        wraps = {} if choice else _wraps(redis, valkey, pairs)
        known = pairs | wraps
        alone = [index for index in range(len(redis)) if index not in known.values()]
        added = [index for index in range(len(valkey)) if index not in known]
        if not choice and not (
            all(redis[index].optional for index in alone)
            and all(valkey[index].optional or index in dissolved for index in added)
        ):
            return redis
        merged = [self.mark(node, "redis") if index in alone else node for index, node in enumerate(redis)]
        for ours, other in pairs.items():
            merged[other] = self.node(redis[other], valkey[ours], relax=not choice and ours not in dissolved)
        for ours, other in wraps.items():
            merged[other] = self.wrap(redis[other], valkey[ours])
        return tuple(self.insert(merged, valkey, known, dissolved, choice))

    def insert(
        self, merged: list[Argument], valkey: Tree, known: dict[int, int], dissolved: set[int], choice: bool
    ) -> Iterator[Argument]:
        behind: dict[int, list[Argument]] = {}
        anchor = -1
        for index, node in enumerate(valkey):
            if index in known:
                anchor = known[index]
            else:
                loose = replace(node, optional=True) if index in dissolved else node
                place = len(merged) - 1 if choice else anchor
                behind.setdefault(place, []).append(self.mark(loose, "valkey"))
        yield from behind.get(-1, ())
        for index, node in enumerate(merged):
            yield node
            yield from behind.get(index, ())

    def node(self, redis: Argument, valkey: Argument, *, relax: bool) -> Argument:
        # A Valkey-only alternative may make a required sibling optional (GEOSEARCH BYPOLYGON needs no FROM…): the merged
        # tree has to accept that call too.
        if relax and valkey.optional and not redis.optional:
            redis = replace(redis, optional=True)
        if redis.since and valkey.since and redis.since != valkey.since:
            redis = replace(redis, providers={"redis": redis.since, "valkey": valkey.since})
        if redis.type != valkey.type or not redis.arguments:
            return redis
        return replace(redis, arguments=self.nodes(redis.arguments, valkey.arguments, choice=redis.type == "oneof"))

    def wrap(self, redis: Argument, valkey: Argument) -> Argument:
        """Make Redis' only form one alternative of Valkey's choice."""
        children = tuple(
            replace(redis, optional=False) if _same(redis, child) else self.mark(child, "valkey")
            for child in valkey.arguments
        )
        return replace(valkey, optional=valkey.optional or redis.optional, arguments=children)


def _same(one: Argument, other: Argument) -> bool:
    if one.token is not None or other.token is not None:
        return one.token is not None and other.token is not None and one.token.upper() == other.token.upper()
    return one.name == other.name


def _pair(redis: Tree, valkey: Tree) -> dict[int, int]:
    """Return which node of Valkey's (index) is which of Redis' (index)."""
    pairs: dict[int, int] = {}
    for alike in (_equal, _same, _share):
        for ours, node in enumerate(valkey):
            if ours in pairs:
                continue
            for other, candidate in enumerate(redis):
                if other not in pairs.values() and alike(candidate, node):
                    pairs[ours] = other
                    break
    for index, (candidate, node) in enumerate(zip(redis, valkey, strict=False)):
        if pairs.get(index, index) != index:
            break
        if index not in pairs and index not in pairs.values() and _renamed(candidate, node):
            pairs[index] = index
    return pairs


def _equal(one: Argument, other: Argument) -> bool:
    return one.name == other.name and one.type == other.type and _same(one, other)


def _renamed(one: Argument, other: Argument) -> bool:
    """Tell whether two required values are one that goes by two names: ``master-name`` and ``primary-name``."""
    plain = all(not (node.arguments or node.optional or node.token is not None) for node in (one, other))
    noun = one.name.rpartition("-")[2] == other.name.rpartition("-")[2]
    return plain and noun and one.type == other.type and one.multiple == other.multiple


def _share(one: Argument, other: Argument) -> bool:
    """Tell whether two choices without a token of their own have a pure token in common."""
    if one.type != "oneof" or other.type != "oneof" or one.token is not None or other.token is not None:
        return False
    tokens = {child.token for child in one.arguments if child.type == "pure-token"}
    return any(child.type == "pure-token" and child.token in tokens for child in other.arguments)


def _wraps(redis: Tree, valkey: Tree, pairs: dict[int, int]) -> dict[int, int]:
    """Return the choices of Valkey's (index) one alternative of which is an unpaired node of Redis' (index)."""
    wraps: dict[int, int] = {}
    for ours, node in enumerate(valkey):
        if ours in pairs or node.type != "oneof" or node.token is not None:
            continue
        for other, candidate in enumerate(redis):
            free = other not in pairs.values() and other not in wraps.values()
            if free and sum(_same(candidate, child) for child in node.arguments) == 1:
                wraps[ours] = other
                break
    return wraps


def _dissolve(redis: Tree, valkey: Tree) -> tuple[Tree, set[int]]:
    """Replace a group of Valkey's that Redis spells as several nodes of one list by its members.

    Returns:
        The list, and the indexes of what came out of a group.
    """
    pairs = _pair(redis, valkey)
    free = [node for index, node in enumerate(redis) if index not in pairs.values()]
    found: list[Argument] = []
    dissolved: set[int] = set()
    for index, node in enumerate(valkey):
        members = [] if index in pairs or node.token is not None else list(_members(node, free))
        if sum(any(_same(one, member) for one in free) for member in members) >= 2:
            dissolved.update(range(len(found), len(found) + len(members)))
            found.extend(members)
        else:
            found.append(node)
    return tuple(found), dissolved


def _members(node: Argument, free: Sequence[Argument]) -> Iterator[Argument]:
    for child in node.arguments:
        if child.arguments and child.token is None and not any(_same(one, child) for one in free):
            yield from _members(child, free)
        else:
            yield child
