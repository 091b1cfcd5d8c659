"""Metrics of a server that runs in a test, as a scrape reads them."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.metrics import exposition
from tests.unit.daemon.serving import configured


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """The values of one series name, by label values in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(registry)[2].decode())
        for sample in family.samples
        if sample.name == name
    }


def label_names(registry: CollectorRegistry) -> Mapping[str, set[str]]:
    return {
        family.name: {name for sample in family.samples for name in sample.labels} - {"le"}
        for family in text_string_to_metric_families(exposition(registry)[2].decode())
    }


class Running:
    """A server of a Corefile with its registry."""

    def __init__(self, text: str) -> None:
        self.registry = CollectorRegistry()
        self.server = DnsServer(*configured(text), self.registry)

    async def __aenter__(self) -> Running:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        return samples(self.registry, name)
