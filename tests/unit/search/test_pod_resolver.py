"""The search list and ndots of a pod, of what it and its node say."""

from __future__ import annotations

import pytest

from clusterdns.search.pod_resolver import PodDns, SearchRules, rules_of
from clusterdns.wire.names import name_from_text, name_to_text

ZONE = name_from_text("cluster.local")
HOST = SearchRules((name_from_text("corp.example"),), 2)


def _long(number: int) -> str:
    """A domain of 204 characters."""
    return ".".join([f"{number}{'x' * 49}", "x" * 50, "x" * 50, "x" * 51])


SHOP = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local."]

ROWS: dict[str, tuple[PodDns, list[str], int]] = {
    "the default": (PodDns("shop"), [*SHOP, "corp.example."], 5),
    "spelt otherwise": (PodDns("Shop"), [*SHOP, "corp.example."], 5),
    "on the host's network": (PodDns("shop", host_network=True), ["corp.example."], 2),
    "on the host's network, with the cluster's names": (
        PodDns("shop", "ClusterFirstWithHostNet", host_network=True),
        [*SHOP, "corp.example."],
        5,
    ),
    "the node's": (PodDns("shop", "Default"), ["corp.example."], 2),
    "its own": (PodDns("shop", "None", searches=("a.example", "b.example.")), ["a.example.", "b.example."], 1),
    "its own, with ndots": (PodDns("shop", "None", searches=("a.example",), ndots=3), ["a.example."], 3),
    "nothing at all": (PodDns("shop", "None"), [], 1),
    "more domains": (PodDns("shop", searches=("A.example",)), [*SHOP, "corp.example.", "a.example."], 5),
    "a domain that is there already": (
        PodDns("shop", searches=("svc.cluster.local", "corp.example")),
        [*SHOP, "corp.example."],
        5,
    ),
    "other ndots": (PodDns("shop", ndots=2), [*SHOP, "corp.example."], 2),
    "ndots of nothing": (PodDns("shop", ndots=0), [*SHOP, "corp.example."], 0),
    "no names": (PodDns("shop", "None", searches=("a..example", "x" * 64, "ok.example")), ["ok.example."], 1),
    "the root": (PodDns("shop", "None", searches=(".", "a.example")), [".", "a.example."], 1),
    "no label for a namespace": (PodDns(""), [*SHOP[1:], "corp.example."], 5),
    "33 domains": (
        PodDns("shop", "None", searches=[f"d{number}.example" for number in range(33)]),
        [f"d{number}.example." for number in range(32)],
        1,
    ),
    # Of 204 characters each: ten of them and nine blanks are 2049.
    "over 2048 characters": (
        PodDns("shop", "None", searches=[_long(number) for number in range(10)]),
        [_long(number) + "." for number in range(9)],
        1,
    ),
    "2048 characters": (
        PodDns("shop", "None", searches=[*(_long(number) for number in range(9)), _long(9)[1:]]),
        [*(_long(number) + "." for number in range(9)), _long(9)[1:] + "."],
        1,
    ),
}


@pytest.mark.parametrize(("pod", "search", "ndots"), ROWS.values(), ids=ROWS)
def test_rules_of_a_pod(pod: PodDns, search: list[str], ndots: int) -> None:
    rules = rules_of(pod, ZONE, HOST)
    assert [name_to_text(domain) for domain in rules.search] == search
    assert rules.ndots == ndots
