"""The log directive: lines in CoreDNS's format, of the classes asked for, that no client can forge."""

from __future__ import annotations

import logging
from collections.abc import Collection

import pytest

from clusterdns.directives.chain import Request
from clusterdns.directives.log import COMBINED, COMMON, Log
from clusterdns.errors import UpstreamFailure
from clusterdns.wire.names import name_from_text
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, request

ROOT = name_from_text(".")
FAILS = Says(error=UpstreamFailure("192.0.2.1:53", "no answer"))
SERVFAIL = Says(rcode="SERVFAIL")


def _log(
    says: Says,
    line_format: str = COMMON,
    classes: Collection[str] = ("all",),
    *,
    zone: str = ".",
    took: float = 0.0015,
    slow: float | None = None,
) -> Log:
    zones = [name_from_text(zone)]
    return Log(zones, line_format, classes, lambda: 100.0 + took, FakeHandler(otherwise=says).handle, slow)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


LINE_ROWS: dict[str, tuple[Request, Says, str, str]] = {
    "common": (
        request(message_id=7),
        FOUND,
        "{common}",
        '10.0.0.7:5353 - 7 "A IN web.shop.svc.cluster.local. udp 44 false 512" NOERROR qr,rd,ra 60 0.001500000s',
    ),
    "IPv6, TCP, DO": (
        request(message_id=7, client="fd00::7", transport="tcp", dnssec_ok=True),
        NXDOMAIN,
        COMMON,
        '[fd00::7]:5353 - 7 "A IN web.shop.svc.cluster.local. tcp 55 true 65535" NXDOMAIN qr,rd,ra 98 0.001500000s',
    ),
    "EDNS size": (request(payload=4096), FOUND, "{>bufsize} {>do}", "4096 false"),
    "combined": (request(message_id=7), FOUND, "{combined}", '__COMMON__ "0"'),
    "all flags": (
        request(),
        Says(answer=FOUND.answer, flags="QR AA TC RD RA AD CD"),
        "{>rflags}",
        "qr,aa,tc,rd,ra,ad,cd",
    ),
    "a failure": (request(), FAILS, "{rcode} {>rflags} {rsize}", "SERVFAIL - 0"),
    "unknown fields": (request(), FOUND, "{type} {nothing} {/metadata/x} {>x} {} {", "A - - - {} {"),
    "a type without a name": (request(qtype="TYPE65280"), FOUND, "{type}", "TYPE65280"),
    "percent signs": (request("%s%d.example."), FOUND, "%s {name} %", "%s %s%d.example. %"),
    "a name that looks like a field": (request("{remote}.example."), FOUND, "{name}", "{remote}.example."),
    "a name with quotes and line breaks": (
        request(r"a\"\010b\013\\.example."),
        FOUND,
        '"{name}"',
        r'"a\"\010b\013\\.example."',
    ),
    "a name that is no UTF-8": (request(r"\255\254.example."), FOUND, "{name}", r"\255\254.example."),
    "an escape sequence": (request(r"\027[2J.example."), FOUND, "{name}", r"\027[2J.example."),
}


@pytest.mark.parametrize(("asked", "says", "line_format", "line"), LINE_ROWS.values(), ids=LINE_ROWS)
def test_lines(caplog: pytest.LogCaptureFixture, asked: Request, says: Says, line_format: str, line: str) -> None:
    caplog.set_level(logging.INFO)
    log = _log(says, line_format)
    if says.error is None:
        answer(log.handle(asked))
    else:
        with pytest.raises(UpstreamFailure):
            answer(log.handle(asked))
    assert _lines(caplog) == [line.replace("__COMMON__", LINE_ROWS["common"][3])]
    assert caplog.records[0].levelno == logging.INFO


def test_combined_is_common_and_the_opcode() -> None:
    assert COMBINED.startswith(COMMON)


CLASS_ROWS: dict[str, tuple[Says, str]] = {
    "found": (FOUND, "success"),
    "CNAME only": (Says(answer=("@ 60 IN CNAME www.example.",)), "success"),
    "NXDOMAIN": (NXDOMAIN, "denial"),
    "NXDOMAIN without SOA": (Says(rcode="NXDOMAIN"), "denial"),
    "NODATA": (NODATA, "denial"),
    "SERVFAIL": (SERVFAIL, "error"),
    "REFUSED": (Says(rcode="REFUSED"), "error"),
    "NOTIMP": (Says(rcode="NOTIMP"), "error"),
    "a failure": (FAILS, "error"),
    "a bug": (Says(error=ZeroDivisionError()), "error"),
}


@pytest.mark.parametrize("classes", [("all",), ("success",), ("denial",), ("error",), ("denial", "error"), ()])
@pytest.mark.parametrize(("says", "its_class"), CLASS_ROWS.values(), ids=CLASS_ROWS)
def test_classes(caplog: pytest.LogCaptureFixture, says: Says, its_class: str, classes: tuple[str, ...]) -> None:
    caplog.set_level(logging.INFO)
    log = _log(says, "{name}", classes)
    if says.error is None:
        answer(log.handle(request()))
    else:
        with pytest.raises(type(says.error)):
            answer(log.handle(request()))
    assert len(caplog.records) == ("all" in classes or its_class in classes)


@pytest.mark.parametrize(
    ("says", "took", "logged"), [(FOUND, 0.6, True), (FOUND, 0.5, False), (FAILS, 0.6, True), (FAILS, 0.4, False)]
)
def test_slow_answers_of_any_class(caplog: pytest.LogCaptureFixture, says: Says, took: float, logged: bool) -> None:
    caplog.set_level(logging.INFO)
    log = _log(says, "{name}", ("denial",), took=took, slow=0.5)
    if says.error is None:
        answer(log.handle(request()))
    else:
        with pytest.raises(UpstreamFailure):
            answer(log.handle(request()))
    assert bool(caplog.records) is logged


def test_only_names_of_its_zones(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = _log(FOUND.replying(fresh_until=160.0), "{name}", zone="cluster.local")
    assert answer(log.handle(request("www.example."))).fresh_until == 160.0
    answer(log.handle(request("WWW.Cluster.local.")))
    assert _lines(caplog) == ["WWW.Cluster.local."]


def test_logged_answers_are_not_repeated_in_front_of_the_log() -> None:
    says = FOUND.replying(fresh_until=160.0, view=b"shop")
    shared = answer(FakeHandler(otherwise=says).handle(request()))

    async def handle(_: Request) -> object:
        return shared

    for classes in (("all",), ("error",)):
        reply = answer(Log([ROOT], "{name}", classes, lambda: 100.0, handle).handle(request()))  # type: ignore[arg-type]
        assert (reply.fresh_until, reply.view, shared.fresh_until) == (0.0, b"shop", 160.0)
