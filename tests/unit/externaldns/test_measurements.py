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
