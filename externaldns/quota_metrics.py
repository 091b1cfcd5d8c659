"""Metrics of the calls to PrivateZone and webhooks, of propagation and of events: counted where they are made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from clusterdns.daemon.metrics import Source, register
from clusterdns.kube.events import EventRecorder
from clusterdns.kube.requests import RequestCounters
from externaldns.propagation import PropagationCheck
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.webhook import CALLS, WebhookProvider


def export_calls(registry: CollectorRegistry, calls: Calls) -> None:
    """Show at each scrape how many calls were made, how they ended, and how many a second may be."""
    register(
        registry,
        Source(
            "counter",
            "clusterdns_externaldns_privatezone_calls_total",
            "Calls to PrivateZone, by family and outcome: ok, or the error's code.",
            ("family", "outcome"),
            lambda: sorted(calls.outcomes.items()),
        ),
        Source(
            "gauge",
            "clusterdns_externaldns_privatezone_call_rate",
            "Calls a second that each family may make now; it gives way to throttling.",
            ("family",),
            lambda: [((family,), rate) for family, rate in sorted(calls.rates().items())],
        ),
    )


def export_requests(registry: CollectorRegistry, counters: Sequence[RequestCounters]) -> None:
    """Show at each scrape how long requests took, to the API server and to the provider, under ExternalDNS's name."""
    register(
        registry,
        Source(
            "summary",
            "external_dns_http_request_duration_seconds",
            "How long requests to the API server and the provider took, by the last word of the path.",
            ("handler", "scheme", "host", "path", "method", "status"),
            lambda: [
                (("instrumented_http", *key), histogram)
                for counted in counters
                for key, histogram in list(counted.by_path.items())
            ],
        ),
    )


def export_webhook(registry: CollectorRegistry, provider: WebhookProvider | None) -> None:
    """Show at each scrape how a webhook provider is asked, under ExternalDNS's names."""
    for kind in CALLS.values():
        for name, what in (("requests", "Requests"), ("errors", "Failed requests")):
            register(
                registry,
                Source(
                    "counter",
                    f"external_dns_webhook_provider_{kind}_{name}_total",
                    f"{what} to the webhook provider about {kind}.",
                    (),
                    partial(_webhook_count, provider, kind, name),
                ),
            )


def _webhook_count(provider: WebhookProvider | None, kind: str, name: str) -> list[tuple[tuple[()], float]]:
    if provider is None:
        return []
    return [((), (provider.requests if name == "requests" else provider.errors)[kind])]


def export_propagation(
    registry: CollectorRegistry, check: PropagationCheck | None, recorder: EventRecorder | None
) -> None:
    """Show at each scrape how long changes took to be answered, and what was lost on the way to people."""
    register(
        registry,
        Source(
            "histogram",
            "clusterdns_externaldns_propagation_seconds",
            "From an object's change to the new answer of DNS.",
            (),
            lambda: [((), check.seconds)] if check else [],
        ),
        Source(
            "counter",
            "clusterdns_externaldns_propagation_missed_total",
            "Changes that DNS did not answer with in time.",
            (),
            lambda: [((), check.missed)] if check else [],
        ),
        Source(
            "counter",
            "clusterdns_externaldns_events_lost_total",
            "Kubernetes Events that could not be posted.",
            (),
            lambda: [((), recorder.lost)] if recorder else [],
        ),
    )
