"""Any spec, however odd, gives code that compiles or a reason that names the command; nothing else."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codegen import importer, mine, render, sources, spec
from codegen.fields import printable
from codegen.overlay import Overlay
from codegen.places import ROOT

HOSTILE = (
    '"', '"""', "'''", "\\", "{{ x }}", "{% raw %}", "${x}", "%s", "{0}", "RUN(", "__import__('os')", '"] = 1  # ', "é", "*", "",
    "\n", "\x00", "a\nb", "class", "None", "list", "tuple", "self", "words", "result", "set", "int", "S", "a b", "1", "_", "TYPE_CHECKING",
)  # fmt: skip
PLAIN = (
    "key",
    "member",
    "count",
    "numkeys",
    "timeout",
    "seconds",
    "EX",
    "NX",
    "LIMIT",
    *(f"word{n}" for n in range(30)),
)
printed = st.characters(categories=["L", "N", "P", "S"])
# Mostly words as servers have them, so that most trees get as far as to be lowered and rendered.
words = st.one_of(*[st.sampled_from(PLAIN)] * 6, st.sampled_from(HOSTILE), st.text(printed, max_size=4))
kinds = st.sampled_from(
    [*sorted(spec.ARGUMENT_TYPES - {"oneof", "block", "pure-token"})] * 9 + ["quaternion", "block", "pure-token"]
)
flags = {name: st.sampled_from([True, False, None]) for name in ("optional", "multiple", "multiple_token")}
values = st.fixed_dictionaries({"name": words, "type": kinds}, optional={"token": words, "since": words, **flags})
tokens = st.fixed_dictionaries({"name": words, "type": st.just("pure-token"), "token": words}, optional=flags)


def within(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inner = {
        "name": words,
        "type": st.sampled_from(["oneof", "block"]),
        "arguments": st.lists(children, min_size=1, max_size=4),
    }
    return st.fixed_dictionaries(inner, optional={"token": words, **flags})


nodes = st.recursive(st.one_of(values, tokens), within, max_leaves=10)
entries = st.fixed_dictionaries(
    {"arguments": st.lists(nodes, max_size=4), "arity": st.integers(-4, 4)},
    optional={
        "since": words, "group": words, "summary": words, "complexity": words, "module": words, "replaced_by": words,
        "command_flags": st.lists(st.sampled_from(["readonly", "write", "blocking", '"']), max_size=2),
        "hints": st.lists(st.one_of(words, st.just("request_policy:all_nodes"), st.just("request_policy:odd")), max_size=2),
    },
)  # fmt: skip
specs = st.dictionaries(
    st.one_of(words, words.map("MOD.{}".format), words.map("BOX {}".format)), entries, min_size=1, max_size=3
)


def check(raw: dict[str, Any]) -> None:
    """Generate as for somebody's own package, without the formatter, which is too slow for this."""
    skipped: dict[str, str] = {}
    found = sources.from_json(raw, "fuzz.json", skipped)
    merged = importer.merge(found, described=False)
    made = mine.Made(skipped=skipped | merged.left_out)
    mine.lower(made, merged.commands, Overlay({}, dict.fromkeys(merged.commands, "Do it.")))
    containers = {name.partition(" ")[0] for name in merged.commands if " " in name}
    told = {printable(name.upper()) for name in raw} - containers
    assert told == ({item.command for item in made.methods} | made.skipped.keys()) - containers
    assert all(why and why.isprintable() for why in made.skipped.values())
    env = render.environment()
    by_module: dict[str, list[Any]] = {}
    for item in made.methods:
        by_module.setdefault(item.module, []).append(item)
    for name, items in by_module.items():
        assert name.isidentifier()
        compile(render.module_source(env, render.module(name, items)), f"{name}.py", "exec")


def value_of(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", **facts}


def token_of(word: str) -> dict[str, Any]:
    return {"name": word, "type": "pure-token", "token": word}


def group_of(*nodes: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"name": "group", "type": "block", "arguments": list(nodes), **facts}


def mod(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"MOD.A": {"arity": -2, "arguments": list(nodes)}}


COMMON = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@given(specs)
@COMMON
@example(mod(group_of(token_of("X"), multiple=True)))
@example(mod(group_of({**token_of("X"), "multiple": True}, value_of("x", multiple=True))))
@example(mod(value_of("i", multiple=True)))
@example(mod({"name": "x", "type": "block", "arguments": []}))
def test_any_tree(raw: dict[str, Any]) -> None:
    check(raw)


REAL = [command for command in spec.load(ROOT / "commands.json").values() if command.arguments]


@given(st.sampled_from(REAL), st.randoms(use_true_random=False), st.lists(nodes, min_size=1, max_size=3))
@COMMON
def test_any_change_of_a_real_command(command: spec.Command, random: Any, news: list[Any]) -> None:
    entry = copy.deepcopy(spec.to_json(command))
    for key in ("providers", "reply_schema"):
        entry.pop(key, None)
    entry["replaced_by"] = " ".join(entry.get("replaced_by", []))
    for new in news:
        lists = [entry["arguments"]]
        for tree in lists:
            for node in tree:
                node.pop("providers", None)
                lists += [node["arguments"]] if node.get("arguments") else []
        tree = random.choice(lists)
        at = random.randrange(len(tree) + 1)
        change = random.choice(("insert", "replace", "update", "double", "drop"))
        if change == "insert" or not tree or at == len(tree):
            tree.insert(at, new)
        elif change == "replace":
            tree[at] = new
        elif change == "update":
            tree[at] |= {key: value for key, value in new.items() if key not in ("type", "arguments")}
        elif change == "double":
            tree.insert(at, copy.deepcopy(tree[at]))
        else:
            del tree[at]
    check({f"MOD.{command.name}": entry})
