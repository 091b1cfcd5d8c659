"""What externaldns counts, as Prometheus sees it."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.kube.requests import NO_ANSWER, RequestCounters
from externaldns.measurements import Measurements, export
from externaldns.providers.webhook import WebhookProvider
from externaldns.quota_metrics import export_requests, export_webhook
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, controller_of, owned, service


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
    "http_request_duration_seconds": ("summary", ("handler", "scheme", "host", "path", "method", "status")),
    "provider_cache_apply_changes_calls": ("unknown", ()),
    "provider_cache_records_calls": ("unknown", ("from_cache",)),
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
    **{
        f"webhook_provider_{call}_{what}": ("counter", ())
        for call in ("records", "applychanges", "adjustendpoints")
        for what in ("requests", "errors")
    },
}
"""ExternalDNS's metrics: type and labels (docs/monitoring/metrics.md). Two counters there do not end in `_total`."""


def test_every_metric_of_externaldns_is_there_with_its_labels_and_documented() -> None:
    labels = ("a", "b", "c", "d")
    measured, registry, requests = Measurements(), CollectorRegistry(), RequestCounters()
    for counts in (measured.source_records, measured.registry_records, measured.verified_records):
        counts["a"] = 1
    for pairs in (measured.invalid, measured.duplicates):
        pairs["a", "service"] = 1
    measured.skipped[labels] = 1
    requests.add("h", "200", 0.0, 0.1)
    export(registry, measured)
    export_requests(registry, [requests])
    export_webhook(registry, WebhookProvider("http://127.0.0.1:1", read_timeout=1, write_timeout=1))
    found = {
        family.name.removeprefix("external_dns_"): (family.type, tuple(family.samples[0].labels))
        for family in registry.collect()
        if family.name.startswith("external_dns_")
    }
    assert found == FAMILIES
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
    for name, (kind, its_labels) in FAMILIES.items():
        shown = ", ".join(f"`{label}`" for label in its_labels)
        assert f"| `external_dns_{name}{'_total' if kind == 'counter' else ''}` | {kind} | {shown} |" in page


def test_reads_from_memory_and_batches_are_counted() -> None:
    cluster, provider, measured, registry = cluster_of(), MemoryProvider(), Measurements(), CollectorRegistry()
    for number in range(30):
        cluster.services.put(service(f"h{number}"))
    export(registry, measured)
    virtual_time.run(controller_of(cluster, provider, measured=measured).run_once())
    provider.cached = True
    controller = controller_of(cluster, provider, measured=measured)
    virtual_time.run(controller.run_once())
    virtual_time.run(controller.run_names({"h1.ex.com": 0.0}))
    lines = set(generate_latest(registry).decode().splitlines())
    assert lines >= {
        'external_dns_provider_cache_records_calls{from_cache="false"} 1.0',
        'external_dns_provider_cache_records_calls{from_cache="true"} 2.0',
        "external_dns_provider_cache_apply_changes_calls 2.0",
    }


def test_requests_are_shown_by_the_last_word_of_their_path() -> None:
    requests, registry = RequestCounters(), CollectorRegistry()
    export_requests(registry, [requests])
    for seconds in (0.25, 0.5):
        requests.add("10.0.0.1:443", "200", 9.0, seconds, path="/api/v1/services")
    requests.add("10.0.0.1:443", NO_ANSWER, 0.0, 5.0, path="/apis/x/namespaces/n/xs/a/status", method="PATCH")
    name, ours = "external_dns_http_request_duration_seconds", 'handler="instrumented_http",host="10.0.0.1:443"'
    assert set(generate_latest(registry).decode().splitlines()) >= {
        f"# TYPE {name} summary",
        f'{name}_count{{{ours},method="GET",path="services",scheme="https",status="200"}} 2.0',
        f'{name}_sum{{{ours},method="GET",path="services",scheme="https",status="200"}} 0.75',
        f'{name}_count{{{ours},method="PATCH",path="status",scheme="https",status="<error>"}} 1.0',
    }
