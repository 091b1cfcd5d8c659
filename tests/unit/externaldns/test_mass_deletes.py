"""What makes many records unwanted at once reaches the delete guard, and the guard holds; see `externaldns.guard`.

Each row is one way for twenty Services and twenty DNSEndpoints to be gone without anybody having wanted that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from clusterdns.kube.objects import DNSEndpoint, RecordSet, Service
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller, NotSynced
from externaldns.decision import Rules
from externaldns.guard import DeleteLimits
from externaldns.ownership import TxtRegistry
from externaldns.sources.annotations import ALPHA_PREFIX, GA_PREFIX
from externaldns.sources.crd import CrdSource
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider


def full_cluster(prefix: str = GA_PREFIX) -> Cluster:
    cluster = Cluster()
    for kind in ("Service", "EndpointSlice", "Pod", "Node", "DNSEndpoint"):
        cluster.store(kind).replace(())
    for number in range(20):
        annotations = {f"{prefix}hostname": f"s{number}.ex.com", f"{prefix}target": "192.0.2.1"}
        cluster.services.put(Service(namespace="shop", name=f"s{number}", annotations=annotations))
        record = RecordSet(f"c{number}.ex.com", ("192.0.2.1",), "A")
        cluster.dns_endpoints.put(DNSEndpoint(namespace="shop", name=f"c{number}", record_sets=(record,)))
    return cluster


def sources_over(cluster: Cluster, *prefixes: str) -> Sequence[Source]:
    selection = Selection(annotation_prefixes=prefixes) if prefixes else Selection()
    return [ServiceSource(cluster, selection), CrdSource(cluster, selection)]


def run(provider: MemoryProvider, sources: Sequence[Source], *, allow: bool = False) -> Controller:
    rules = Rules(deletions=DeleteLimits(allow_mass_delete=allow))
    controller = Controller(sources, TxtRegistry("me"), provider, rules)
    virtual_time.run(controller.run_once())
    return controller


def with_other_prefix(cluster: Cluster) -> Sequence[Source]:
    return sources_over(cluster, "my.org/")


def without_the_older_prefix(cluster: Cluster) -> Sequence[Source]:
    return sources_over(cluster, GA_PREFIX)


def with_an_empty_list(cluster: Cluster) -> Sequence[Source]:
    cluster.services.replace(())
    return sources_over(cluster)


def without_the_custom_resource(cluster: Cluster) -> Sequence[Source]:
    for each in cluster.dns_endpoints:
        cluster.dns_endpoints.delete(each.key)
    return sources_over(cluster)


def without_a_source(cluster: Cluster) -> Sequence[Source]:
    return [CrdSource(cluster)]


@pytest.mark.parametrize(
    ("prefix", "lose"),
    [
        (GA_PREFIX, with_other_prefix),
        (ALPHA_PREFIX, without_the_older_prefix),
        (GA_PREFIX, with_an_empty_list),
        (GA_PREFIX, without_the_custom_resource),
        (GA_PREFIX, without_a_source),
    ],
)
def test_twenty_records_are_kept_and_the_way_to_delete_them_is_said(
    prefix: str, lose: Callable[[Cluster], Sequence[Source]], caplog: pytest.LogCaptureFixture
) -> None:
    cluster, provider = full_cluster(prefix), MemoryProvider()
    run(provider, sources_over(cluster))
    before = provider.held()
    assert len(before) == 80, "forty records, each with its ownership record"
    caplog.clear()
    controller = run(provider, lose(cluster))
    assert provider.held() == before
    assert controller.measured.deletions_waiting == 20
    assert "--allow-mass-delete" in caplog.text
    run(provider, lose(cluster), allow=True)
    assert len(provider.held()) == 40, "what is meant can be done"


def test_both_prefixes_are_read_so_that_neither_move_between_them_loses_anything() -> None:
    provider = MemoryProvider()
    run(provider, sources_over(full_cluster(ALPHA_PREFIX)))
    writes = provider.writes
    run(provider, sources_over(full_cluster(GA_PREFIX)))
    assert provider.writes == writes, "the other prefix means the same"


def test_a_store_that_is_not_listed_yet_is_no_empty_one() -> None:
    cluster, provider = full_cluster(), MemoryProvider()
    run(provider, sources_over(cluster))
    before = provider.held()
    restarted = Cluster()
    for kind in ("Service", "EndpointSlice", "Pod", "Node"):
        restarted.store(kind).replace(())
    with pytest.raises(NotSynced, match="DNSEndpoint"):
        run(provider, sources_over(restarted), allow=True)
    assert provider.held() == before
