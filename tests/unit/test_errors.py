from __future__ import annotations

import pickle

import pytest

from redpoll.errors import SCRIPTS, SERVER_ERRORS, Outcome, ProtocolViolation, RedisError, ServerError, server_error

NOT_RUN = (
    "MOVED 1 h:1",
    "ASK 1 h:1",
    "TRYAGAIN x",
    "CLUSTERDOWN x",
    "CROSSSLOT x",
    "LOADING x",
    "MASTERDOWN x",
    "READONLY x",
    "BUSY x",
    "OOM x",
    "NOREPLICAS x",
    "MISCONF x",
    "NOPERM x",
    "NOAUTH x",
    "NOSCRIPT x",
    "EXECABORT x",
    "UNBLOCKED x",
    "WRONGTYPE x",
    "BUSYGROUP x",
    "NOGROUP x",
    "BUSYKEY x",
    "NOTBUSY x",
    "WRONGPASS x",
    "NOPROTO x",
    "ERR unknown command 'NEW', with args beginning with: 'a' ",
    "ERR unknown command `NEW`, with args beginning with: ",
    "ERR unknown subcommand 'NEW'. Try CLIENT HELP.",
    "ERR Unknown subcommand or wrong number of arguments for 'NEW'. Try CLIENT HELP.",
    "ERR wrong number of arguments for 'get' command",
    "ERR syntax error",
    "ERR Syntax error in HELLO option 'x'",
    "ERR Protocol error: invalid bulk length",
)
RAN = (
    "ERR value is not an integer or out of range",
    "ERR no such key",
    "ERR Target instance replied with error: ERR syntax error",
    "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
    "ERR",
    "IOERR error or timeout reading to target instance",
    "NEWCODE syntax error",
    "",
)


@pytest.mark.parametrize("message", NOT_RUN)
def test_what_was_refused_before_anything_changed_did_not_run(message: str) -> None:
    assert server_error(message, command="SET").outcome == "not_run"
    assert server_error(message).outcome == "not_run"


@pytest.mark.parametrize("message", RAN)
def test_any_other_error_is_an_answer(message: str) -> None:
    for command in ("SET", "EVAL"):
        assert server_error(message, command=command).outcome == "ran"


@pytest.mark.parametrize("command", sorted(SCRIPTS))
@pytest.mark.parametrize("message", NOT_RUN)
def test_a_script_may_make_up_any_refusal(message: str, command: str) -> None:
    assert server_error(message, command=command).outcome == "unknown"


def test_a_transaction_that_was_aborted_did_not_run() -> None:
    assert server_error("EXECABORT Transaction discarded", command="EXEC").outcome == "not_run"


def test_every_code_is_judged() -> None:
    assert {message.partition(" ")[0] for message in NOT_RUN} >= SERVER_ERRORS.keys()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (server_error("WRONGTYPE x", command="GET", address="h:1"), "not_run"),
        (server_error("NOSCRIPT x", command="EVALSHA"), "unknown"),
        (ProtocolViolation("x", outcome="ran"), "ran"),
        (ProtocolViolation("x"), "unknown"),
    ],
)
def test_errors_pickle_with_their_outcome(error: RedisError, outcome: Outcome) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.outcome) == (type(error), str(error), outcome)
    assert not isinstance(error, ServerError) or copy.code == error.code


@pytest.mark.parametrize("modifier", ["<canary", "canary", "#can'ary", "can': ary"])
def test_a_modifier_of_an_acl_user_is_not_told(modifier: str) -> None:
    error = server_error(f"ERR Error in ACL SETUSER modifier '{modifier}': Syntax error", command="ACL SETUSER")
    assert error.message == "ERR Error in ACL SETUSER modifier: Syntax error"


def test_a_modifier_that_does_not_end_is_not_told_either() -> None:
    assert server_error("ERR Error in ACL SETUSER modifier 'canary").message == "ERR Error in ACL SETUSER modifier"
