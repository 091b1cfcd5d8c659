"""DNS answers as decisions: zones and records in a store in memory, one row per question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from externaldns.providers.privatezone.emulator.answer import Answer, Labels, answer_question, parse_name
from externaldns.providers.privatezone.emulator.rows import BoundVpc, Record, Zone
from externaldns.providers.privatezone.emulator.store import Store
from externaldns.providers.privatezone.emulator.vpc_view import VpcView

VPC = BoundVpc("vpc-demo", "cn-hangzhou", "STANDARD")
OTHER_VPC = BoundVpc("vpc-other", "cn-hangzhou", "STANDARD")

# zone, VPC, ProxyPattern
ZONES = [
    ("demo.internal", VPC, "ZONE"),
    ("sub.demo.internal", VPC, "ZONE"),
    ("open.internal", VPC, "RECORD"),
    ("hidden.internal", OTHER_VPC, "ZONE"),
    ("10.in-addr.arpa", VPC, "ZONE"),
    ("empty.internal", VPC, "ZONE"),
]

# zone, rr, type, value, and what differs from the defaults
RECORDS: list[tuple[str, str, str, str, dict[str, object]]] = [
    ("demo.internal", "web", "A", "10.0.0.1", {"ttl": 5}),
    ("demo.internal", "web", "AAAA", "fd00::1", {}),
    ("demo.internal", "@", "A", "10.0.0.9", {}),
    ("demo.internal", "@", "MX", "mail.demo.internal", {"priority": 10}),
    ("demo.internal", "@", "TXT", "v=spf1", {}),
    ("demo.internal", "many", "A", "10.0.1.1", {}),
    ("demo.internal", "many", "A", "10.0.1.2", {}),
    ("demo.internal", "many", "A", "10.0.1.3", {}),
    ("demo.internal", "alias", "CNAME", "web.demo.internal", {}),
    ("demo.internal", "alias2", "CNAME", "ALIAS.demo.internal.", {}),
    ("demo.internal", "toopen", "CNAME", "gone.open.internal", {}),
    ("demo.internal", "outside", "CNAME", "www.example.com", {}),
    ("demo.internal", "dangling", "CNAME", "gone.demo.internal", {}),
    ("demo.internal", "nodata", "CNAME", "text.demo.internal", {}),
    ("demo.internal", "self", "CNAME", "self.demo.internal", {}),
    ("demo.internal", "ping", "CNAME", "pong.demo.internal", {}),
    ("demo.internal", "pong", "CNAME", "ping.demo.internal", {}),
    ("demo.internal", "turns", "CNAME", "one.example.com", {}),
    ("demo.internal", "turns", "CNAME", "two.example.com", {}),
    ("demo.internal", "text", "TXT", "hello", {}),
    ("demo.internal", "deep.empty", "A", "10.0.0.2", {}),
    ("demo.internal", "*.apps", "A", "10.0.0.3", {}),
    ("demo.internal", "real.apps", "A", "10.0.0.4", {}),
    ("demo.internal", "*.cn", "CNAME", "web.demo.internal", {}),
    ("demo.internal", "off", "A", "10.0.0.5", {"status": "DISABLE"}),
    ("demo.internal", "below.offtop", "A", "10.0.0.5", {"status": "DISABLE"}),
    ("demo.internal", "line", "A", "10.0.0.6", {"line": "aliyun_r_x"}),
    ("demo.internal", "_http._tcp", "SRV", "0 5 80 web.demo.internal", {}),
    ("demo.internal", "weighted", "A", "10.0.2.1", {"weight": 3}),
    ("demo.internal", "weighted", "A", "10.0.2.2", {"weight": 1}),
    ("demo.internal", "weighted", "A", "10.0.2.3", {"weight": 0}),
    ("demo.internal", "zeros", "A", "10.0.3.1", {"weight": 0}),
    ("demo.internal", "zeros", "A", "10.0.3.2", {"weight": 0}),
    *[("demo.internal", f"c{n}", "CNAME", f"c{n + 1}.demo.internal", {}) for n in range(12)],
    ("sub.demo.internal", "web", "A", "10.9.0.1", {}),
    ("open.internal", "web", "A", "10.8.0.1", {}),
    ("hidden.internal", "web", "A", "10.7.0.1", {}),
    ("10.in-addr.arpa", "1.0.0", "PTR", "web.demo.internal", {}),
]


@pytest.fixture(scope="module")
def view() -> Iterator[VpcView]:
    store = Store(":memory:")
    with store.transaction():
        for zone_name, vpc, pattern in ZONES:
            assert pattern in ("ZONE", "RECORD")
            store.add_zone(
                Zone(
                    zone_id=zone_name,
                    zone_name=zone_name,
                    dns_group="FAST_ZONE",
                    proxy_pattern="RECORD" if pattern == "RECORD" else "ZONE",
                    remark="",
                    resource_group_id="",
                    record_count=0,
                    serial=1,
                    created_ms=0,
                    updated_ms=0,
                )
            )
            store.replace_vpcs(zone_name, [vpc])
        for zone_name, rr, type, value, changes in RECORDS:
            columns: dict[str, object] = {"ttl": 60, "priority": None, "line": "default", "weight": 1}
            columns |= {"status": "ENABLE", "remark": "", "created_ms": 0, "updated_ms": 0}
            store.add_record(Record(0, zone_name, rr, type, value, **(columns | changes)))  # type: ignore[arg-type]
        for rr in ("weighted", "zeros"):
            store.set_weighted("demo.internal", rr, "A", "default", True)
    yield VpcView(store, VPC.vpc_id)
    store.close()


def lines(rows: tuple[object, ...]) -> list[str]:
    shown = []
    for row in rows:
        owner, priority = ".".join(row.owner), row.priority  # type: ignore[attr-defined]
        value = row.value if priority is None else f"{priority} {row.value}"  # type: ignore[attr-defined]
        shown.append(f"{owner} {row.ttl} {row.type} {value}")  # type: ignore[attr-defined]
    return shown


def soa(zone: str) -> str:
    serial = 1 + sum(row[0] == zone for row in RECORDS)
    return f"{zone} 5 SOA privatezone.invalid. hostmaster.privatezone.invalid. {serial} 3600 1200 3600 5"


WEB = "web.demo.internal 5 A 10.0.0.1"
NEGATIVE = soa("demo.internal")

QUESTIONS: list[tuple[str, str, str, list[str], list[str]]] = [
    ("web.demo.internal", "A", "NOERROR", [WEB], []),
    ("WEB.Demo.Internal", "A", "NOERROR", [WEB], []),
    ("web.demo.internal", "AAAA", "NOERROR", ["web.demo.internal 60 AAAA fd00::1"], []),
    ("web.demo.internal", "TXT", "NOERROR", [], [NEGATIVE]),
    ("web.demo.internal", "TYPE65", "NOERROR", [], [NEGATIVE]),
    ("web.demo.internal", "ANY", "NOERROR", [WEB, "web.demo.internal 60 AAAA fd00::1"], []),
    ("gone.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    ("x.web.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    # The apex.
    ("demo.internal", "A", "NOERROR", ["demo.internal 60 A 10.0.0.9"], []),
    ("demo.internal", "MX", "NOERROR", ["demo.internal 60 MX 10 mail.demo.internal"], []),
    ("demo.internal", "SOA", "NOERROR", [NEGATIVE], []),
    ("demo.internal", "NS", "NOERROR", ["demo.internal 5 NS privatezone.invalid."], []),
    ("empty.internal", "A", "NOERROR", [], [soa("empty.internal")]),
    ("www.empty.internal", "A", "NXDOMAIN", [], [soa("empty.internal")]),
    # Outside the zones that this VPC sees.
    ("www.example.com", "A", "REFUSED", [], []),
    ("internal", "A", "REFUSED", [], []),
    ("xdemo.internal", "A", "REFUSED", [], []),
    ("web.hidden.internal", "A", "REFUSED", [], []),
    ("", "NS", "REFUSED", [], []),
    # The closest zone answers.
    ("web.sub.demo.internal", "A", "NOERROR", ["web.sub.demo.internal 60 A 10.9.0.1"], []),
    ("gone.sub.demo.internal", "A", "NXDOMAIN", [], [soa("sub.demo.internal")]),
    ("1.0.0.10.in-addr.arpa", "PTR", "NOERROR", ["1.0.0.10.in-addr.arpa 60 PTR web.demo.internal"], []),
    ("_http._tcp.demo.internal", "SRV", "NOERROR", ["_http._tcp.demo.internal 60 SRV 0 5 80 web.demo.internal"], []),
    # Empty non-terminals exist (RFC 4592 section 2.2.2).
    ("empty.demo.internal", "A", "NOERROR", [], [NEGATIVE]),
    ("_tcp.demo.internal", "A", "NOERROR", [], [NEGATIVE]),
    ("0.10.in-addr.arpa", "PTR", "NOERROR", [], [soa("10.in-addr.arpa")]),
    ("deep.empty.demo.internal", "A", "NOERROR", ["deep.empty.demo.internal 60 A 10.0.0.2"], []),
    # Wildcards.
    ("x.apps.demo.internal", "A", "NOERROR", ["x.apps.demo.internal 60 A 10.0.0.3"], []),
    ("x.y.apps.demo.internal", "A", "NOERROR", ["x.y.apps.demo.internal 60 A 10.0.0.3"], []),
    ("x.apps.demo.internal", "AAAA", "NOERROR", [], [NEGATIVE]),
    ("*.apps.demo.internal", "A", "NOERROR", ["*.apps.demo.internal 60 A 10.0.0.3"], []),
    ("real.apps.demo.internal", "A", "NOERROR", ["real.apps.demo.internal 60 A 10.0.0.4"], []),
    ("x.real.apps.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    ("apps.demo.internal", "A", "NOERROR", [], [NEGATIVE]),
    ("x.cn.demo.internal", "A", "NOERROR", ["x.cn.demo.internal 60 CNAME web.demo.internal", WEB], []),
    # Chains.
    ("alias.demo.internal", "A", "NOERROR", ["alias.demo.internal 60 CNAME web.demo.internal", WEB], []),
    ("alias.demo.internal", "CNAME", "NOERROR", ["alias.demo.internal 60 CNAME web.demo.internal"], []),
    ("alias2.demo.internal", "A", "NOERROR", [
        "alias2.demo.internal 60 CNAME ALIAS.demo.internal.",
        "alias.demo.internal 60 CNAME web.demo.internal",
        WEB,
    ], []),
    ("outside.demo.internal", "A", "NOERROR", ["outside.demo.internal 60 CNAME www.example.com"], []),
    ("toopen.demo.internal", "A", "NOERROR", ["toopen.demo.internal 60 CNAME gone.open.internal"], []),
    # RFC 6604 section 3: the code is that of the last name.
    ("dangling.demo.internal", "A", "NXDOMAIN", ["dangling.demo.internal 60 CNAME gone.demo.internal"], [NEGATIVE]),
    ("nodata.demo.internal", "A", "NOERROR", ["nodata.demo.internal 60 CNAME text.demo.internal"], [NEGATIVE]),
    ("self.demo.internal", "A", "NOERROR", ["self.demo.internal 60 CNAME self.demo.internal"], []),
    ("ping.demo.internal", "A", "NOERROR", [
        "ping.demo.internal 60 CNAME pong.demo.internal",
        "pong.demo.internal 60 CNAME ping.demo.internal",
    ], []),
    ("c0.demo.internal", "A", "NOERROR",
     [f"c{n}.demo.internal 60 CNAME c{n + 1}.demo.internal" for n in range(10)], []),
    # Rows that do not answer.
    ("off.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    ("offtop.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    ("line.demo.internal", "A", "NXDOMAIN", [], [NEGATIVE]),
    # ProxyPattern RECORD: what PrivateZone would forward is refused.
    ("web.open.internal", "A", "NOERROR", ["web.open.internal 60 A 10.8.0.1"], []),
    ("web.open.internal", "AAAA", "NOERROR", [], [soa("open.internal")]),
    ("gone.open.internal", "A", "REFUSED", [], []),
]  # fmt: skip


def labels(name: str) -> Labels:
    return parse_name(name) if name else ()


@pytest.mark.parametrize(("name", "qtype", "rcode", "answer", "authority"), QUESTIONS)
def test_answers(view: VpcView, name: str, qtype: str, rcode: str, answer: list[str], authority: list[str]) -> None:
    given = answer_question(view, labels(name), qtype, 0)
    assert (given.rcode, lines(given.answer), lines(given.authority)) == (rcode, answer, authority)


def first_values(view: VpcView, name: str, qtype: str, turns: int) -> list[str]:
    return [answer_question(view, labels(name), qtype, turn).answer[0].value for turn in range(turns)]


def test_all_values_of_a_set_come_and_take_turns_at_being_first(view: VpcView) -> None:
    answers = [answer_question(view, labels("many.demo.internal"), "A", turn) for turn in range(3)]
    assert all(sorted(row.value for row in given.answer) == ["10.0.1.1", "10.0.1.2", "10.0.1.3"] for given in answers)
    assert first_values(view, "many.demo.internal", "A", 3) == ["10.0.1.1", "10.0.1.2", "10.0.1.3"]


@pytest.mark.parametrize(
    ("name", "qtype", "turns", "shares"),
    [
        ("weighted.demo.internal", "A", 8, {"10.0.2.1": 6, "10.0.2.2": 2}),
        ("zeros.demo.internal", "A", 4, {"10.0.3.1": 2, "10.0.3.2": 2}),
        ("turns.demo.internal", "A", 4, {"one.example.com": 2, "two.example.com": 2}),
        ("turns.demo.internal", "CNAME", 4, {"one.example.com": 2, "two.example.com": 2}),
    ],
)
def test_one_value_answers_by_its_weight(
    view: VpcView, name: str, qtype: str, turns: int, shares: dict[str, int]
) -> None:
    answers: list[Answer] = [answer_question(view, labels(name), qtype, turn) for turn in range(turns)]
    assert all(len(given.answer) == 1 for given in answers)
    assert Counter(given.answer[0].value for given in answers) == shares


def test_a_dot_inside_a_label_is_not_a_boundary(view: VpcView) -> None:
    assert answer_question(view, ("web\\.demo", "internal"), "A", 0).rcode == "REFUSED"
    assert answer_question(view, ("deep\\.empty", "demo", "internal"), "A", 0).rcode == "NXDOMAIN"
