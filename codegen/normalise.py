"""Argument trees in one form: upstream writes the same grammar in several ways.

- A block's leading token, alone or before a value, becomes the block's own (``<COUNT n [ANY]>`` → ``COUNT <n [ANY]>``).
- A pure token before a plain value becomes the value's token.
- A block of one child is that child, and so is a choice of one.

The words on the wire stay the same.
"""

from __future__ import annotations

from dataclasses import replace

from .spec import Argument


def without(nodes: tuple[Argument, ...], names: tuple[str, ...]) -> tuple[Argument, ...]:
    """Return the nodes without those of the given names, at any depth."""
    kept = (node for node in nodes if node.name not in names)
    return tuple(replace(node, arguments=without(node.arguments, names)) for node in kept)


def holds(nodes: tuple[Argument, ...], name: str) -> bool:
    """Tell whether a node of that name is there, at any depth."""
    return any(node.name == name or holds(node.arguments, name) for node in nodes)


def normalise(nodes: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """Return a sequence of sibling nodes in normal form."""
    result: list[Argument] = []
    for node in map(_node, nodes):
        before = result[-1] if result else None
        if before is not None and _is_bare_token(before) and _is_plain_leaf(node):
            result[-1] = replace(node, token=before.token)
        else:
            result.append(node)
    return tuple(result)


def _is_bare_token(node: Argument) -> bool:
    return node.type == "pure-token" and not node.optional and not node.multiple


def _is_plain_leaf(node: Argument) -> bool:
    leaf = node.type not in ("pure-token", "oneof", "block")
    return leaf and node.token is None and not node.optional and not node.multiple


def _is_tokened_leaf(node: Argument) -> bool:
    return node.token is not None and _is_plain_leaf(replace(node, token=None))


def _node(node: Argument) -> Argument:
    if node.type == "oneof":
        options = tuple(_node(child) for child in node.arguments)
        only = _merged(node, options[0]) if len(options) == 1 else None
        return only or replace(node, arguments=options)
    if node.type != "block":
        return node
    children = node.arguments
    first = children[0] if children else None
    if node.token is None and first is not None and len(children) > 1 and _is_bare_token(first):
        return _node(replace(node, token=first.token, multiple_token=node.multiple, arguments=children[1:]))
    if node.token is None and first is not None and len(children) > 1 and _is_tokened_leaf(first):
        rest = (replace(first, token=None), *children[1:])
        return _node(replace(node, token=first.token, multiple_token=node.multiple, arguments=rest))
    children = normalise(children)
    if len(children) == 1:
        only = _merged(node, children[0])
        if only is not None:
            return only
    return replace(node, arguments=children)


def _merged(block: Argument, child: Argument) -> Argument | None:
    """Return a block of one child as that child; None where both have a token, or both repeat."""
    if (block.token is not None and child.token is not None) or (block.multiple and child.multiple):
        return None
    if child.optional and not child.multiple and (block.token is not None or not block.optional):
        return None
    if child.type == "pure-token" and block.token is not None:
        return None
    name = block.name if child.type in ("oneof", "block") else child.name
    return replace(
        child,
        name=name,
        token=block.token if block.token is not None else child.token,
        optional=block.optional or child.optional,
        multiple=block.multiple or child.multiple,
        multiple_token=block.multiple_token or child.multiple_token,
        since=block.since or child.since,
        providers=block.providers or child.providers,
    )
