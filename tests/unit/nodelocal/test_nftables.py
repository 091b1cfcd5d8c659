"""The text of the rules. That the kernel takes it, and does what it says, is tried in tests/netns."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import INTERCEPTION_ENDPOINTS
from nodelocal.nftables import TABLE, Elsewhere, Rules, owner_in, revision_in

RULES = Rules(("169.254.20.10", "10.96.0.10", "fd00::10"), 53)
V4 = (Upstream("10.1.1.1", 53), Upstream("10.1.1.2", 5353), Upstream("10.1.1.3", 53))
V6 = (Upstream("fd00:1::1", 53),)


@pytest.mark.parametrize(
    ("local", "families"),
    [
        (("169.254.20.10",), ("ip",)),
        (("fd00::10",), ("ip6",)),
        (("fd00::10", "169.254.20.10"), ("ip", "ip6")),
    ],
)
def test_a_table_for_each_family_in_use_replaced_as_a_whole(local: tuple[str, ...], families: tuple[str, ...]) -> None:
    rules = Rules(local, 53)
    assert rules.families == families
    commands = re.findall(r"^(\w+) table (\w+) (\S+)|^table (\w+) (\S+) {", rules.install(Elsewhere()), re.MULTILINE)
    assert [tuple(filter(None, each)) for each in commands] == [
        step for ip in families for step in (("add", ip, TABLE), ("delete", ip, TABLE), (ip, TABLE))
    ]
    assert rules.remove().splitlines() == [
        f"{verb} {what}"
        for verb, what in (
            *(("flush chain", f"{ip} {TABLE} owner-nobody") for ip in families),
            *(("delete table", f"{ip} {TABLE}") for ip in families),
        )
    ]


def test_each_family_has_its_own_addresses() -> None:
    v4, v6 = RULES.install(Elsewhere(V4 + V6)).split("add table ip6 ")
    assert "elements = { 169.254.20.10, 10.96.0.10 }" in v4
    assert "elements = { fd00::10 }" in v6
    assert "fd00" not in v4
    assert "10." not in v6


@pytest.mark.parametrize("end", ["install", "change", "leave"])
@pytest.mark.parametrize(
    ("endpoints", "wanted"),
    [
        ((), []),
        (V4[:1], ["dnat to 10.1.1.1:53"]),
        (
            V4,
            [
                "numgen random mod 3 0 dnat to 10.1.1.1:53",
                "numgen random mod 2 0 dnat to 10.1.1.2:5353",
                "dnat to 10.1.1.3:53",
            ],
        ),
        (V6 + V4[:1], ["dnat to 10.1.1.1:53", "dnat to [fd00:1::1]:53"]),
    ],
    ids=["none", "one", "three", "both families"],
)
def test_every_endpoint_is_as_likely(end: str, endpoints: tuple[Upstream, ...], wanted: list[str]) -> None:
    script = getattr(RULES, end)(Elsewhere(endpoints))
    found = [line.split("meta l4proto { tcp, udp } ")[1] for line in script.splitlines() if "dnat to" in line]
    assert found == wanted


def test_no_more_endpoints_than_the_limit() -> None:
    many = tuple(Upstream(f"10.1.{number // 256}.{number % 256}", 53) for number in range(1000))
    assert RULES.install(Elsewhere(many)).count("dnat to") == INTERCEPTION_ENDPOINTS.default


def test_the_revision_names_the_rules_but_not_the_endpoints() -> None:
    assert revision_in(RULES.install(Elsewhere())) == revision_in(RULES.install(Elsewhere(V4))) == RULES.revision
    others = [
        replace(RULES, local=("169.254.20.10",)),
        replace(RULES, port=5353),
        replace(RULES, health_port=8080),
    ]
    assert len({RULES.revision, *(rules.revision for rules in others)}) == 4


@pytest.mark.parametrize("listing", ["", "table ip x {\n\tchain input {\n\t}\n}\n", RULES.leave(Elsewhere(V4))])
def test_a_table_without_revision_is_nobodys(listing: str) -> None:
    assert revision_in(listing) == ""


def test_the_probes_of_the_node_are_untracked_where_there_are_any() -> None:
    assert "8080" not in RULES.install(Elsewhere())
    assert replace(RULES, health_port=8080).install(Elsewhere()).count("port 8080 notrack") == 4


def test_all_rules_are_about_the_port_that_is_served() -> None:
    script = replace(RULES, port=5353).install(Elsewhere())
    assert not re.search(r"\b53\b", script)
    assert "th dport 5353" in script


def test_what_is_left_is_for_a_while_and_tracks_as_ever() -> None:
    left = RULES.leave(Elsewhere(V4))
    assert tuple(re.findall(r"([\d.:a-f]+) timeout 600s", left)) == RULES.local
    assert "notrack" not in left


def test_withdrawn_nobody_is_alive_and_nobody_comes_alive() -> None:
    script = RULES.withdraw()
    for ip in RULES.families:
        assert f"flush set {ip} {TABLE} alive" in script
        assert f"flush chain {ip} {TABLE} renew" in script
        assert f"delete chain {ip} {TABLE} {RULES.revision}" in script


SERVERS = (Upstream("10.96.0.99", 53), Upstream("fd00:96::63", 53), Upstream("10.96.0.98", 53))


@pytest.mark.parametrize(
    ("local", "port", "elsewhere", "wanted"),
    [
        (("169.254.20.10",), 53, Elsewhere((), SERVERS), [("169.254.20.10", "10.96.0.99")]),
        (("10.96.0.10", "169.254.20.10"), 53, Elsewhere((), SERVERS), [("169.254.20.10", "10.96.0.99")]),
        (("10.96.0.10", "10.96.0.11"), 53, Elsewhere((), SERVERS), [("10.96.0.10", "10.96.0.99")]),
        (
            ("169.254.20.10", "fd00::10"),
            53,
            Elsewhere((), SERVERS),
            [("169.254.20.10", "10.96.0.99"), ("fd00::10", "fd00:96::63")],
        ),
        # IPv4 clients go to an endpoint; of IPv6 none is known.
        (("169.254.20.10", "fd00::10"), 53, Elsewhere(V4, SERVERS), [("fd00::10", "fd00:96::63")]),
        (("169.254.20.10",), 5353, Elsewhere((), SERVERS), []),
        (("169.254.20.10",), 53, Elsewhere(), []),
    ],
)
def test_without_endpoints_packets_get_a_servers_address_and_answers_ours(
    local: tuple[str, ...], port: int, elsewhere: Elsewhere, wanted: list[tuple[str, str]]
) -> None:
    rules = Rules(local, port)
    for script in (rules.install(elsewhere), rules.change(elsewhere), rules.leave(elsewhere)):
        there = re.findall(r"daddr (\S+) update @asked .* daddr set (\S+)$", script, re.MULTILINE)
        back = re.findall(r"saddr (\S+) .* @asked .* saddr set (\S+)$", script, re.MULTILINE)
        assert there == wanted
        assert back == [(server, address) for address, server in wanted]


MINE = replace(RULES, owner="mine")


@pytest.mark.parametrize(
    ("listed", "in_place"),
    [
        ((), False),
        (("", ""), False),
        ((RULES.install(Elsewhere()), ""), False),
        ((replace(RULES, port=54).install(Elsewhere()),) * 2, False),
        ((RULES.install(Elsewhere()),) * 2, True),
        ((RULES.leave(Elsewhere(V4)).partition("table ip clusterdns-nodelocal {")[2],) * 2, True),
        ((RULES.withdraw().rpartition("add ")[2],) * 2, True),
    ],
    ids=["unknown", "nothing there", "one family's", "other rules", "the same rules", "left", "withdrawn"],
)
def test_sets_of_the_same_rules_stay(listed: tuple[str, ...], in_place: bool) -> None:
    script = MINE.install(Elsewhere(V4), listed)
    assert (script.count("delete table"), script.count("flush table")) == ((0, 2) if in_place else (2, 0))
    assert script.count("owner-mine") == 2


def test_the_owner_is_named_in_whole_tables_and_no_part_of_the_revision() -> None:
    assert owner_in(MINE.install(Elsewhere(V4))) == "mine"
    assert owner_in(MINE.leave(Elsewhere(V4)).partition("\n")[2]) == owner_in("") == ""
    assert MINE.revision == RULES.revision


def test_tables_change_hands_only_from_whom_they_were_listed_with() -> None:
    v4, v6 = RULES.install(Elsewhere()).split("add table ip6 ")
    assert MINE.take_over([v4, v6]).splitlines() == [
        f"{verb} chain {ip} {TABLE} owner-{whose}"
        for ip in ("ip", "ip6")
        for verb, whose in (("delete", "nobody"), ("add", "mine"))
    ]


@pytest.mark.parametrize("end", [MINE.withdraw(), MINE.leave(Elsewhere(V4)), MINE.remove()])
def test_an_end_begins_with_what_fails_if_the_tables_are_not_ours(end: str) -> None:
    assert end.splitlines()[:2] == [f"flush chain {ip} {TABLE} owner-mine" for ip in ("ip", "ip6")]
