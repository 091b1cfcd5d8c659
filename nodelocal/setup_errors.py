"""What went wrong while the node was set up, counted as node-cache counts it.

`coredns_nodecache_setup_errors_total{errortype=...}` reads these; nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(slots=True)
class SetupErrors:
    """Plain counts; each field is an errortype. There is no lock to wait for, so `iptables_lock` stays 0."""

    iptables: int = 0
    iptables_lock: int = 0
    interface_add: int = 0
    interface_check: int = 0
    configmap: int = 0

    def samples(self) -> Iterable[tuple[tuple[str], float]]:
        """(errortype,), count: for clusterdns.daemon.metrics.Source."""
        return [((name,), float(count)) for name, count in asdict(self).items()]
