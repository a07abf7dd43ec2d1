"""Replies of COMMAND, FUNCTION and HOTKEYS."""

from __future__ import annotations

from typing import Any

from redpoll.records.commands import (
    ArgumentDocs,
    CommandDocs,
    CommandInfo,
    FunctionEngine,
    FunctionInfo,
    FunctionLibrary,
    FunctionStats,
    HotKeys,
    KeySpecInfo,
    RunningFunction,
)
from redpoll.types import Text

from .basic import extra_fields, readable, record_fields, strings, to_str, twos


def _opt_str(reply: Any) -> str | None:
    return None if reply is None else readable(reply)


def command_infos(reply: Any) -> list[CommandInfo]:
    """COMMAND."""
    return [_command(item) for item in reply]


def command_infos_opt(reply: Any) -> list[CommandInfo | None]:
    """COMMAND INFO: None for a name that the server does not know."""
    return [None if item is None else _command(item) for item in reply]


def _command(reply: Any) -> CommandInfo:
    name, arity, flags, first, last, step, *rest = reply
    categories, tips, key_specs, subcommands = (*rest, (), (), (), ())[:4]
    return CommandInfo(
        name=to_str(name),
        arity=arity,
        flags=strings(flags),
        first_key=first,
        last_key=last,
        step=step,
        acl_categories=strings(categories),
        tips=strings(tips),
        key_specs=[_key_spec(item) for item in key_specs],
        subcommands=[_command(item) for item in subcommands],
    )


def _key_spec(reply: Any) -> KeySpecInfo:
    data = record_fields(reply)
    take = data.pop
    return KeySpecInfo(
        flags=strings(take("flags")),
        begin_search=_search(take("begin_search")),
        find_keys=_search(take("find_keys")),
        notes=_opt_str(take("notes", None)),
        extra=extra_fields(data),
    )


def _search(reply: Any) -> dict[str, Any]:
    data = record_fields(reply)
    data["spec"] = extra_fields(record_fields(data.get("spec", ())))
    return extra_fields(data)


def command_docs(reply: Any) -> dict[str, CommandDocs]:
    """COMMAND DOCS, by name."""
    return {name: _docs(item) for name, item in record_fields(reply).items()}


def _docs(reply: Any) -> CommandDocs:
    data = record_fields(reply)
    take = data.pop
    return CommandDocs(
        summary=_opt_str(take("summary", None)),
        since=_opt_str(take("since", None)),
        group=_opt_str(take("group", None)),
        complexity=_opt_str(take("complexity", None)),
        arguments=[_argument(item) for item in take("arguments", ())],
        doc_flags=strings(take("doc_flags", ())),
        deprecated_since=_opt_str(take("deprecated_since", None)),
        replaced_by=_opt_str(take("replaced_by", None)),
        history=[(to_str(version), to_str(change)) for version, change in take("history", ())],
        subcommands=command_docs(take("subcommands", ())),
        extra=extra_fields(data),
    )


def _argument(reply: Any) -> ArgumentDocs:
    data = record_fields(reply)
    take = data.pop
    return ArgumentDocs(
        name=to_str(take("name")),
        type=to_str(take("type")),
        display_text=_opt_str(take("display_text", None)),
        token=_opt_str(take("token", None)),
        key_spec_index=take("key_spec_index", None),
        flags=strings(take("flags", ())),
        arguments=[_argument(item) for item in take("arguments", ())],
        extra=extra_fields(data),
    )


def keys_and_flags(reply: Any) -> list[tuple[Text, list[str]]]:
    """COMMAND GETKEYSANDFLAGS."""
    return [(key, strings(flags)) for key, flags in reply]


def function_list(reply: Any) -> list[FunctionLibrary]:
    """FUNCTION LIST. The server's order of functions is its hash table's, so they are sorted by name."""
    return [_library(item) for item in reply]


def _library(reply: Any) -> FunctionLibrary:
    data = record_fields(reply)
    take = data.pop
    functions = [_function(item) for item in take("functions")]
    return FunctionLibrary(
        name=to_str(take("library_name")),
        engine=to_str(take("engine")),
        functions=sorted(functions, key=lambda function: function.name),
        code=_opt_str(take("library_code", None)),
        extra=extra_fields(data),
    )


def _function(reply: Any) -> FunctionInfo:
    data = record_fields(reply)
    take = data.pop
    return FunctionInfo(
        to_str(take("name")), _opt_str(take("description")), set(strings(take("flags"))), extra_fields(data)
    )


def function_stats(reply: Any) -> FunctionStats:
    """FUNCTION STATS."""
    data = record_fields(reply)
    running = data.pop("running_script")
    engines = record_fields(data.pop("engines"))
    return FunctionStats(
        None if running is None else _running(running),
        {name: _engine(item) for name, item in engines.items()},
        extra_fields(data),
    )


def _running(reply: Any) -> RunningFunction:
    data = record_fields(reply)
    take = data.pop
    return RunningFunction(
        readable(take("name")), [readable(word) for word in take("command")], take("duration_ms"), extra_fields(data)
    )


def _engine(reply: Any) -> FunctionEngine:
    data = record_fields(reply)
    take = data.pop
    return FunctionEngine(take("libraries_count"), take("functions_count"), extra_fields(data))


def hot_keys(reply: Any) -> HotKeys[Text] | None:
    """HOTKEYS GET: nil where no tracking was started; one map, inside a list or not."""
    if reply is None:
        return None
    kind = reply.__class__
    data = record_fields(reply[0] if kind is list and len(reply) == 1 else reply)
    take = data.pop
    cpu, net = take("by-cpu-time-us", None), take("by-net-bytes", None)
    return HotKeys(
        by_cpu_time=None if cpu is None else [(key, int(cost)) for key, cost in twos(cpu)],
        by_net_bytes=None if net is None else [(key, int(cost)) for key, cost in twos(net)],
        tracking_active=bool(take("tracking-active")),
        sample_ratio=take("sample-ratio"),
        selected_slots=[(item[0], item[-1]) for item in take("selected-slots", ())],
        extra=extra_fields(data),
    )
