"""Every question of the recorded CoreDNS session is answered as it was there, except where CoreDNS was wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import coredns_answers
from tests.support.coredns_answers.comparing import corrected
from tests.unit.autopath.asking import Answer, Elsewhere, ask, directive

# Answered by the search walk of `autopath @kubernetes`: the zone alone denies these names, rightly.
WALK = {
    "aliyun.com.shop.svc.cluster.local A",
    "aliyun.com.shop.svc.cluster.local AAAA",
    "web.shop.svc.cluster.local.shop.svc.cluster.local A",
    "web.shop.shop.svc.cluster.local A",
    "mirrors.example.org.shop.svc.cluster.local AAAA",
    "shop.svc.cluster.local.shop.svc.cluster.local A",
}

UPSTREAM = (
    "aliyun.com. 300 IN A 1.1.1.1",
    "mirrors.example.org. 300 IN A 192.0.2.80",
    "mirrors.example.org. 300 IN AAAA 2001:db8::80",
)

ROWS = [row for row in coredns_answers.ROWS if row["question"] not in WALK]


def without_soa_numbers(lines: list[str]) -> list[str]:
    """The records sorted, as recorded: of an SOA in the authority section only the names."""
    return sorted(" ".join(line.split()[:6]) + " \u2026" if " SOA " in line else line for line in lines)


@pytest.mark.parametrize("row", ROWS, ids=[row["question"] for row in ROWS])
def test_answer_is_that_of_coredns(row: dict[str, Any]) -> None:
    expected = corrected(row)
    upstream = Elsewhere(UPSTREAM)
    got = ask(directive(coredns_answers.cluster(), coredns_answers.OPTIONS, following=upstream.handle), row["question"])
    if expected["recursion_available"]:
        # Not the cluster's to answer: what counts is that upstream was asked this very question.
        name, qtype = row["question"].split()
        assert upstream.asked == [f"{name}. {qtype}"]
        return
    assert got.rcode == expected["rcode"]
    assert ("AA" in got.flags, "RA" in got.flags) == (expected["authoritative"], False)
    assert without_soa_numbers(got.answer) == without_soa_numbers(expected["answer"])
    assert without_soa_numbers(got.authority) == without_soa_numbers(expected["authority"])
    assert sorted(got.additional) == expected["additional"]


def test_the_soa_has_the_timers_of_coredns() -> None:
    got: Answer = ask(directive(coredns_answers.cluster(), coredns_answers.OPTIONS), "cluster.local SOA")
    recorded = next(row for row in coredns_answers.ROWS if row["question"] == "cluster.local SOA")
    assert got.answer == recorded["answer"]
