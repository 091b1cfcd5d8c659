"""What externaldns counts, as Prometheus sees it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from externaldns.measurements import Measurements, export
from tests.support import virtual_time
from tests.unit.externaldns.test_controller import MemoryProvider, cluster_of, controller_of, owned, service


def test_metrics_have_externaldnss_names() -> None:
    cluster = cluster_of(service("web"), service("db", "db.ex.com", "2001:db8::1"))
    provider, measured, registry = MemoryProvider(*owned("web")), Measurements(), CollectorRegistry()
    export(registry, measured)
    controller = controller_of(cluster, provider, measured=measured)
    virtual_time.run(controller.run_once())
    measured.run_succeeded(1000.0, changed=True)
    lines = set(generate_latest(registry).decode().splitlines())
    assert lines >= {
        "external_dns_controller_last_sync_timestamp_seconds 1000.0",
        "external_dns_controller_last_reconcile_timestamp_seconds 1000.0",
        "external_dns_controller_consecutive_soft_errors 0.0",
        "external_dns_controller_no_op_runs_total 0.0",
        'external_dns_controller_verified_records{record_type="a"} 1.0',
        "external_dns_registry_endpoints_total 1.0",
        "external_dns_registry_errors_total 0.0",
        'external_dns_registry_records{record_type="a"} 1.0',
        "external_dns_source_endpoints_total 2.0",
        "external_dns_source_errors_total 0.0",
        'external_dns_source_records{record_type="aaaa"} 1.0',
        "clusterdns_externaldns_failed_names_total 0.0",
    }


FAMILIES = {
    "build_info": ("gauge", ("version", "revision", "go_version", "os", "arch")),
    "controller_consecutive_soft_errors": ("gauge", ()),
    "controller_last_reconcile_timestamp_seconds": ("gauge", ()),
    "controller_last_sync_timestamp_seconds": ("gauge", ()),
    "controller_no_op_runs": ("counter", ()),
    "controller_verified_records": ("gauge", ("record_type",)),
    "registry_endpoints_total": ("gauge", ()),
    "registry_errors": ("counter", ()),
    "registry_records": ("gauge", ("record_type",)),
    "registry_skipped_records_owner_mismatch_per_sync": (
        "gauge",
        ("record_type", "owner", "foreign_owner", "domain"),
    ),
    "source_deduplicated_endpoints": ("gauge", ("record_type", "source_type")),
    "source_endpoints_total": ("gauge", ()),
    "source_errors": ("counter", ()),
    "source_invalid_endpoints": ("gauge", ("record_type", "source_type")),
    "source_records": ("gauge", ("record_type",)),
}
"""ExternalDNS's metrics of sources, registry and controller: type and labels (docs/monitoring/metrics.md)."""


def test_every_metric_of_sources_registry_and_controller_is_there_with_its_labels() -> None:
    labels = ("a", "b", "c", "d")
    measured, registry = Measurements(), CollectorRegistry()
    for counts in (measured.source_records, measured.registry_records, measured.verified_records):
        counts["a"] = 1
    for pairs in (measured.invalid, measured.duplicates):
        pairs["a", "service"] = 1
    measured.skipped[labels] = 1
    export(registry, measured)
    found = {
        family.name.removeprefix("external_dns_"): (family.type, tuple(family.samples[0].labels))
        for family in registry.collect()
        if family.name.startswith("external_dns_")
    }
    assert found == FAMILIES
