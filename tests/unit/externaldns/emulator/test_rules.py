"""What PrivateZone accepts: one row per limit and per side of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from externaldns.providers.privatezone.emulator import rules
from externaldns.providers.privatezone.emulator.failure import ApiFailure
from externaldns.providers.privatezone.emulator.rows import BoundVpc, DnsGroup, Record, Zone

TEXT_255 = "x" * 255
LABEL_63 = "l" * 63


def zone(name: str = "demo.internal", dns_group: DnsGroup = "FAST_ZONE") -> Zone:
    return Zone("z", name, dns_group, "ZONE", "", "", 0, 1, 0, 0)


def record(
    type: str = "A",
    value: str = "10.0.0.1",
    rr: str = "web",
    ttl: int = 60,
    priority: int | None = None,
    line: str = "default",
    weight: int = 1,
    remark: str = "",
    record_id: int = 0,
) -> Record:
    return Record(record_id, "z", rr, type, value, ttl, priority, line, weight, "ENABLE", remark, 0, 0)


def refusal(check: Callable[[], object]) -> str:
    """Return status and code of the refusal, or "" if there is none."""
    try:
        check()
    except ApiFailure as refused:
        return f"{refused.status} {refused.code}"
    return ""


VALUES = [
    ("A", "10.0.0.1", True),
    ("A", "10.0.0", False),
    ("A", "10.0.0.256", False),
    ("A", "010.0.0.1", False),
    ("A", "::1", False),
    ("AAAA", "fd00::1", True),
    ("AAAA", "::ffff:10.0.0.1", True),
    ("AAAA", "10.0.0.1", False),
    ("AAAA", "fe80::1%eth0", False),
    ("AAAA", "fd00::1/64", False),
    ("CNAME", "target.example.com", True),
    ("CNAME", "target.example.com.", True),
    ("CNAME", "_x.target", True),
    ("CNAME", "a..b", False),
    ("CNAME", "bücher.example", False),
    ("CNAME", ".", False),
    ("CNAME", f"{LABEL_63}.x", True),
    ("CNAME", f"{LABEL_63}l.x", False),
    ("CNAME", ".".join(["abcdefg"] * 31) + ".abcde", True),  # 253 characters, 255 bytes on the wire
    ("CNAME", ".".join(["abcdefg"] * 31) + ".abcdef", False),
    ("TXT", '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"', True),
    ("TXT", "v=spf1 ip4:10.0.0.0/8 ~all;^!_+", True),
    ("TXT", "tab\there", False),
    ("TXT", "percent%", False),
    ("TXT", TEXT_255, True),
    ("TXT", TEXT_255 + "x", False),
    ("MX", "mail.demo.internal", True),
    ("MX", "10 mail.demo.internal", False),
    ("SRV", "0 50 8080 web.demo.internal", True),
    ("SRV", "0 50 8080 web.demo.internal.", True),
    ("SRV", "0 50 65536 web.demo.internal", False),
    ("SRV", "0 50 8080", False),
    ("SRV", "-1 50 8080 web", False),
    ("SRV", "0  50 8080 web", False),
]


@pytest.mark.parametrize(("type", "value", "accepted"), VALUES)
def test_values(type: str, value: str, accepted: bool) -> None:
    priority = 10 if type == "MX" else None
    code = refusal(lambda: rules.check_record(record(type, value, priority=priority), zone()))
    assert code == ("" if accepted else "400 Record.Invalid.Value")


RRS = [
    ("@", True),
    ("www", True),
    ("WWW", True),
    ("*", True),
    ("*.apps", True),
    ("_http._tcp.web", True),
    ("a-www", True),
    ("a.b.c.d", True),
    ("www.*", False),
    ("w*w", False),
    ("**", False),
    ("@.www", False),
    (".www", False),
    ("www.", False),
    ("a..b", False),
    ("w w", False),
    ("wéb", False),
    ("web\n", False),
    (LABEL_63, True),
    (LABEL_63 + "l", False),
    (".".join([LABEL_63] * 3) + "." + "l" * 47, True),  # with demo.internal 253 characters
    (".".join([LABEL_63] * 3) + "." + "l" * 48, False),
]


@pytest.mark.parametrize(("rr", "accepted"), RRS)
def test_host_records(rr: str, accepted: bool) -> None:
    code = refusal(lambda: rules.check_record(record(rr=rr), zone()))
    assert code == ("" if accepted else "400 Record.Invalid.Rr")


RECORDS = [
    (record(ttl=5), zone(), ""),
    (record(ttl=30), zone(), ""),
    (record(ttl=3600), zone(), ""),
    (record(ttl=43200), zone(), ""),
    (record(ttl=86400), zone(), ""),
    (record(ttl=0), zone(), "400 Record.Invalid.Ttl"),
    (record(ttl=300), zone(), "400 Record.Invalid.Ttl"),
    (record("NS", "ns.demo.internal"), zone(), "400 Record.Invalid.Type"),
    (record("a"), zone(), "400 Record.Invalid.Type"),
    (record("PTR", "web.demo.internal"), zone(), "400 Record.Invalid.Type"),
    (record("PTR", "web.demo.internal"), zone("10.in-addr.arpa"), ""),
    (record("PTR", "web.demo.internal"), zone("d.f.ip6.arpa"), ""),
    (record("PTR", "web.demo.internal"), zone("in-addr.arpa"), ""),
    (record("PTR", "web.demo.internal"), zone("notin-addr.arpa"), "400 Record.Invalid.Type"),
    (record("MX", "mail.demo.internal", priority=1), zone(), ""),
    (record("MX", "mail.demo.internal", priority=99), zone(), ""),
    (record("MX", "mail.demo.internal", priority=0), zone(), "400 InvalidPriority"),
    (record("MX", "mail.demo.internal", priority=100), zone(), "400 InvalidPriority"),
    (record(weight=100), zone(), ""),
    (record(weight=0), zone(), ""),
    (record(weight=101), zone(), "400 Record.Invalid.Weight"),
    (record(weight=-1), zone(), "400 Record.Invalid.Weight"),
    (record("TXT", "x", weight=2), zone(), "400 Record.Invalid.Weight"),
    (record(weight=1), zone(dns_group="NORMAL_ZONE"), ""),
    (record(weight=2), zone(dns_group="NORMAL_ZONE"), "400 Zone.DnsGroup"),
    (record(line="aliyun_r_cn-beijing-a"), zone(), ""),
    (record(line="aliyun_r_cn-beijing-a"), zone(dns_group="NORMAL_ZONE"), "400 Zone.DnsGroup"),
    (record(line="a line"), zone(), "400 Record.Invalid.Line"),
    (record(remark="x" * 50), zone(), ""),
    (record(remark="x" * 51), zone(), "400 Record.Remark"),
    (record(remark="owner_a-1,service.2"), zone(), ""),
    (record(remark="记录" + "\uff0c" + "\u3002"), zone(), ""),
    (record(remark="a b"), zone(), "400 Record.Remark"),
    (record(remark="a/b"), zone(), "400 Record.Remark"),
]


@pytest.mark.parametrize(("row", "in_zone", "code"), RECORDS)
def test_records(row: Record, in_zone: Zone, code: str) -> None:
    assert refusal(lambda: rules.check_record(row, in_zone)) == code


A_1 = record("A", "10.0.0.1", record_id=1)
CNAME_1 = record("CNAME", "x.example.com", record_id=1)
NEIGHBOURS = [
    ("another value", record(value="10.0.0.2"), [A_1], ""),
    ("the same row", record(), [A_1], "400 Record.Invalid.Conflict"),
    ("the row itself, in an update", record(record_id=1), [A_1], ""),
    ("the same row, another TTL", record(ttl=5), [A_1], "400 Record.Invalid.Conflict"),
    ("the same value, another line", record(line="aliyun_r_x"), [A_1], ""),
    ("the same AAAA, spelt out", record("AAAA", "fd00:0:0::0001"),
     [record("AAAA", "fd00::1", record_id=1)], "400 Record.Invalid.Conflict"),
    ("the same target, with a dot", record("CNAME", "X.example.com."), [CNAME_1], "400 Record.Invalid.Conflict"),
    ("texts differ in case", record("TXT", "ABC"), [record("TXT", "abc", record_id=1)], ""),
    ("the same MX, another priority", record("MX", "m", priority=2),
     [record("MX", "m", priority=1, record_id=1)], "400 Record.Invalid.Conflict"),
    ("A beside CNAME", record(), [CNAME_1], "400 Record.Invalid.Conflict"),
    ("CNAME beside A", record("CNAME", "x"), [A_1], "400 Record.Invalid.Conflict"),
    ("CNAME beside TXT", record("CNAME", "x"), [record("TXT", "x", record_id=1)], "400 Record.Invalid.Conflict"),
    ("a second CNAME", record("CNAME", "y.example.com"), [CNAME_1], ""),
    ("A beside TXT", record(), [record("TXT", "x", record_id=1)], ""),
    ("apex: CNAME beside TXT and MX", record("CNAME", "x", rr="@"),
     [record("TXT", "x", rr="@", record_id=1), record("MX", "m", rr="@", priority=1, record_id=2)], ""),
    ("apex: CNAME beside A", record("CNAME", "x", rr="@"),
     [record(rr="@", record_id=1)], "400 Record.Invalid.Conflict"),
    ("100 weighted rows", record(value="10.1.0.1", weight=5),
     [record(value=f"10.0.0.{n}", record_id=n + 1) for n in range(99)], ""),
    ("101 weighted rows", record(value="10.1.0.1", weight=5),
     [record(value=f"10.0.0.{n}", record_id=n + 1) for n in range(100)], "400 Record.Invalid.Weight"),
    ("101 rows without weights", record(value="10.1.0.1"),
     [record(value=f"10.0.0.{n}", record_id=n + 1) for n in range(100)], ""),
]  # fmt: skip


@pytest.mark.parametrize(("row", "others", "code"), [row[1:] for row in NEIGHBOURS], ids=[row[0] for row in NEIGHBOURS])
def test_neighbours(row: Record, others: list[Record], code: str) -> None:
    assert refusal(lambda: rules.check_neighbours(row, others)) == code


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("demo.internal", "demo.internal"),
        ("Demo.Internal.", "demo.internal"),
        ("local", "local"),
        ("10.in-addr.arpa", "10.in-addr.arpa"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a b.c", None),
        ("*.demo", None),
        (f"{LABEL_63}l.x", None),
    ],
)
def test_zone_names(name: str, kept: str | None) -> None:
    if kept is None:
        assert refusal(lambda: rules.check_zone_name(name)) == "400 Zone.Invalid.Name"
    else:
        assert rules.check_zone_name(name) == kept


def vpcs(count: int) -> list[BoundVpc]:
    return [BoundVpc(f"vpc-{number}", "cn-hangzhou", "STANDARD") for number in range(count)]


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (lambda: rules.check_zone_quota(499), ""),
        (lambda: rules.check_zone_quota(500), "400 QuotaExceeded.Zone"),
        (lambda: rules.check_record_quota(99999), ""),
        (lambda: rules.check_record_quota(100000), "400 QuotaExceeded.Record"),
        (lambda: rules.check_vpcs(vpcs(100)), ""),
        (lambda: rules.check_vpcs(vpcs(101)), "400 QuotaExceeded.ZoneVpc"),
        (lambda: rules.check_vpcs([]), ""),
        (lambda: rules.check_vpcs([BoundVpc("daily", "r", "STANDARD")]), "400 ZoneVpc.NotExists.VpcId"),
        (lambda: rules.check_zone_remark("x" * 50), ""),
        (lambda: rules.check_zone_remark("x" * 51), "400 Zone.Remark"),
        (lambda: rules.check_zone_remark("no spaces"), "400 Zone.Remark"),
    ],
)
def test_quotas_and_remarks(check: Callable[[], object], code: str) -> None:
    assert refusal(check) == code
