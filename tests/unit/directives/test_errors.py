"""The errors directive: one line for each query that failed, and the failure goes on."""

from __future__ import annotations

import logging

import pytest

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
