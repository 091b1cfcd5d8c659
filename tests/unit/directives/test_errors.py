"""The errors directive: one line for each query that failed, and the failure goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from clusterdns.directives.config.errors import Consolidate
from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.directives.errors import Errors
from clusterdns.errors import UpstreamFailure
from tests.support.chain import FOUND, NXDOMAIN, FakeHandler, Says, answer, request

FAILURE = UpstreamFailure("192.0.2.1:53", "no answer within 4.5 s")

ROWS = [
    (
        "web.shop.svc.cluster.local.",
        "A",
        "plugin/errors: 2 web.shop.svc.cluster.local. A: upstream 192.0.2.1:53: no answer within 4.5 s",
    ),
    (".", "NS", "plugin/errors: 2 . NS: upstream 192.0.2.1:53: no answer within 4.5 s"),
    ("x.example.", "TYPE65280", "plugin/errors: 2 x.example. TYPE65280: upstream 192.0.2.1:53: no answer within 4.5 s"),
    # A name can't forge a line of its own, nor colour a terminal.
    (
        r"a\010plugin/errors\032%s\027[31m.example.",
        "A",
        r"plugin/errors: 2 a\010plugin/errors\032%s\027[31m.example. A: upstream 192.0.2.1:53: no answer within 4.5 s",
    ),
]


@pytest.mark.parametrize(("name", "qtype", "line"), ROWS)
def test_a_failure_is_logged_and_goes_on(caplog: pytest.LogCaptureFixture, name: str, qtype: str, line: str) -> None:
    errors = Errors(FakeHandler(otherwise=Says(error=FAILURE)).handle)
    with pytest.raises(UpstreamFailure) as raised:
        answer(errors.handle(request(name, qtype)))
    assert raised.value is FAILURE
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.ERROR, line)]


@pytest.mark.parametrize("says", [FOUND, NXDOMAIN, Says(rcode="SERVFAIL")], ids=["found", "nxdomain", "servfail"])
def test_answers_pass_through(caplog: pytest.LogCaptureFixture, says: Says) -> None:
    reply = answer(Errors(FakeHandler(otherwise=says).handle).handle(request()))
    assert reply == answer(FakeHandler(otherwise=says).handle(request()))
    assert caplog.records == []


def test_a_bug_is_not_an_upstream_s_failure(caplog: pytest.LogCaptureFixture) -> None:
    errors = Errors(FakeHandler(otherwise=Says(error=ZeroDivisionError())).handle)
    with pytest.raises(ZeroDivisionError):
        answer(errors.handle(request()))
    assert caplog.records == []


class Timers:
    """Calls that are due at a time, which the test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append((self.now + seconds, call))

    def pass_until(self, now: float) -> None:
        self.now = now
        for moment, call in [entry for entry in self.due if entry[0] <= now]:
            self.due.remove((moment, call))
            call()


TIMEOUTS = Consolidate(30, compile_pattern("no answer within"), "warning")
FIRST = Consolidate(60, compile_pattern("no answer within"), "error", show_first=True)
REFUSALS = Consolidate(10, compile_pattern("refused"), "info")
_TOLD = "plugin/errors: 2 web.shop.svc.cluster.local. A: upstream 192.0.2.1:53: "

# What is configured; errors by time; what is on the log at which time.
CONSOLIDATED = {
    "one line for all": (
        (TIMEOUTS,),
        [(0, "no answer within 2 s"), (5, "no answer within 2 s"), (29, "no answer within 2 s")],
        [(30, "WARNING", "plugin/errors: 3 errors like 'no answer within' occurred in last 30s")],
    ),
    "the period begins with an error, not with another period": (
        (TIMEOUTS,),
        [(0, "no answer within 2 s"), (45, "no answer within 2 s"), (74, "no answer within 2 s")],
        [
            (30, "WARNING", "plugin/errors: 1 errors like 'no answer within' occurred in last 30s"),
            (75, "WARNING", "plugin/errors: 2 errors like 'no answer within' occurred in last 30s"),
        ],
    ),
    "others are told as ever": (
        (TIMEOUTS,),
        [(0, "connection refused")],
        [(0, "ERROR", _TOLD + "connection refused")],
    ),
    "each kind for itself": (
        (TIMEOUTS, REFUSALS),
        [(0, "refused"), (1, "no answer within 2 s"), (2, "refused")],
        [
            (10, "INFO", "plugin/errors: 2 errors like 'refused' occurred in last 10s"),
            (31, "WARNING", "plugin/errors: 1 errors like 'no answer within' occurred in last 30s"),
        ],
    ),
    "the first kind that matches": (
        (REFUSALS, TIMEOUTS),
        [(0, "refused, no answer within 2 s")],
        [(10, "INFO", "plugin/errors: 1 errors like 'refused' occurred in last 10s")],
    ),
    "the first error at once": (
        (FIRST,),
        [(0, "no answer within 1 s"), (1, "no answer within 2 s")],
        [
            (0, "ERROR", _TOLD + "no answer within 1 s"),
            (60, "ERROR", "plugin/errors: 2 errors like 'no answer within' occurred in last 60s"),
        ],
    ),
    "only one error, told at once": (
        (FIRST,),
        [(0, "no answer within 1 s"), (61, "no answer within 1 s")],
        [(0, "ERROR", _TOLD + "no answer within 1 s"), (61, "ERROR", _TOLD + "no answer within 1 s")],
    ),
}


@pytest.mark.parametrize(("kinds", "failures", "lines"), CONSOLIDATED.values(), ids=CONSOLIDATED)
def test_errors_of_a_kind_are_told_in_one_line(
    caplog: pytest.LogCaptureFixture,
    kinds: tuple[Consolidate, ...],
    failures: list[tuple[float, str]],
    lines: list[tuple[float, str, str]],
) -> None:
    caplog.set_level(logging.INFO)
    timers = Timers()
    behind = FakeHandler()
    errors = Errors(behind.handle, kinds, timers.later)
    told = []
    for second in range(130):
        timers.pass_until(second)
        for _, reason in [failure for failure in failures if failure[0] == second]:
            behind.otherwise = Says(error=UpstreamFailure("192.0.2.1:53", reason))
            with pytest.raises(UpstreamFailure):
                answer(errors.handle(request()))
        told += [(second, record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
    assert told == lines
    assert timers.due == []
