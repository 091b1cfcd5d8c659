"""The metrics of watches: what a watch of a double of the API server comes to, in the text that is scraped."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import exposition
from clusterdns.histogram import Histogram
from tests.support.apiserver import ApiServerDouble
from tests.unit.kube.scene import Scene, play

CLIENT = "coredns_kubernetes_rest_client"


def samples(registry: CollectorRegistry) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by name and label values; without `host`, whose port is a new one each time."""
    _, _, body = exposition(registry)
    return {
        (sample.name, tuple(value for label, value in sorted(sample.labels.items()) if label != "host")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_watch_that_was_cut_waited_and_lost_its_server(tmp_path: Path) -> None:
    def prepare(server: ApiServerDouble) -> None:
        server.slowness = 0.2
        server.stream_cuts = [1]

    async def script(scene: Scene) -> None:
        registry = CollectorRegistry()
        register_kube_metrics(registry, lambda: [scene.watch], list)
        await scene.watched("Service")
        found = samples(registry)
        assert found[f"{CLIENT}_requests_total", ("200", "GET")] == 2
        assert found[f"{CLIENT}_request_duration_seconds_bucket", ("0.1", "GET")] == 0
        assert found[f"{CLIENT}_request_duration_seconds_bucket", ("0.25", "GET")] == 2
        # One a second: the first goes at once, the other one waits.
        assert found[f"{CLIENT}_rate_limiter_duration_seconds_bucket", ("0.005", "GET")] == 1
        assert found[f"{CLIENT}_rate_limiter_duration_seconds_bucket", ("1", "GET")] == 2
        assert found["clusterdns_kubernetes_lists_total", ("services",)] == 1
        assert found["clusterdns_kubernetes_watch_silence_seconds", ("services",)] < 1
        await scene.server.stop()
        await asyncio.sleep(30)
        found = samples(registry)
        assert found[f"{CLIENT}_requests_total", ("<error>", "GET")] >= 1
        assert 30 <= found["clusterdns_kubernetes_watch_silence_seconds", ("services",)] < 40

    play(tmp_path, script, prepare=prepare, limits={"qps": 1.0})


def test_programming_latency_is_that_of_all_indexes() -> None:
    registry = CollectorRegistry()
    first, second = Histogram((0.1, 1.0)), Histogram((0.1, 1.0))
    register_kube_metrics(registry, list, lambda: [first, second])
    first.add(0.05)
    second.add(0.5)
    name = "coredns_kubernetes_dns_programming_duration_seconds"
    found = samples(registry)
    assert found[f"{name}_count", ("headless_with_selector",)] == 2
    assert found[f"{name}_bucket", ("0.1", "headless_with_selector")] == 1


def test_a_cluster_without_a_watch_shows_nothing() -> None:
    registry = CollectorRegistry()
    register_kube_metrics(registry, list, list)
    assert samples(registry) == {}
