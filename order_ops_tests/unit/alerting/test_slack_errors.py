"""What Slack's answers mean for a message, for its channel, and for whoever can mend it."""

import socket
from urllib.error import URLError

import pytest

from order_ops.alerting.slack_errors import REMEDIES, of_answer, of_transport


@pytest.mark.parametrize(("said", "pause"), [("7", 7.0), (None, 30.0), ("soon", 30.0)])
def test_to_be_asked_to_wait_is_to_wait(said: str | None, pause: float) -> None:
    error = of_answer("ratelimited", 429, said)
    assert (error.retry_after_s, error.may_be_there, error.whole_channel) == (pause, False, True)


@pytest.mark.parametrize("code", REMEDIES)
def test_what_a_person_can_mend_says_how(code: str) -> None:
    error = of_answer(code, 200, None)
    assert (error.lasting, error.may_be_there) == (True, False)
    assert REMEDIES[code] in str(error)


@pytest.mark.parametrize(("code", "status"), [("x", 500), ("x", 503), ("fatal_error", 200)])
def test_slacks_own_faults_leave_it_open_what_was_done(code: str, status: int) -> None:
    assert of_answer(code, status, None).may_be_there


def test_a_message_that_is_refused_says_nothing_about_its_channel() -> None:
    error = of_answer("as_user_not_supported", 200, None)
    assert (error.whole_channel, error.may_be_there, error.lasting) == (False, False, False)


@pytest.mark.parametrize(
    ("error", "may_be_there"),
    [
        (URLError(ConnectionRefusedError("no")), False),
        (URLError(socket.gaierror(8, "no such host")), False),
        (TimeoutError("read"), True),
        (URLError(TimeoutError("connect or send")), True),
        (ConnectionResetError("cut"), True),
    ],
)
def test_only_a_connection_that_was_never_made_told_nothing(
    error: OSError, *, may_be_there: bool
) -> None:
    assert of_transport(error).may_be_there is may_be_there
