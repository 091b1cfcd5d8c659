"""`coredns_nodecache_setup_errors_total`, on a /metrics of its own (`-metrics-listen-address`), too.

That page is apart from the DNS metrics, whose address the Corefile says, because the Corefile may be what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.endpoints import Pages
from clusterdns.daemon.metrics import Samples, Source, exposition, new_registry, register
from nodelocal.setup_errors import SetupErrors


def setup_source(errors: SetupErrors, corefile_errors: Callable[[], int]) -> Source:
    """The family. `corefile_errors` counts the attempts to make the Corefile that failed (`ConfigSync.errors`)."""

    def read() -> Samples:
        for labels, count in errors.samples():
            yield labels, count + corefile_errors() if labels == ("configmap",) else count

    return Source(
        "counter",
        "coredns_nodecache_setup_errors_total",
        "Failures to set the node up or to make the Corefile, by what failed.",
        ("errortype",),
        read,
    )


def setup_pages(endpoint: Endpoint, version: str, source: Source) -> Pages:
    """What is served at `endpoint` for as long as the process lives: this family, and the process's own."""
    registry = new_registry("nodelocal", version)
    register(registry, source)
    return {endpoint: {"/metrics": lambda: exposition(registry)}}
