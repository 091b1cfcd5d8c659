"""`autopath [ZONE...] RESOLV-CONF|@kubernetes { trusted NETWORK... }`: walk the client's search list on the server.

`trusted` is ours: what sends from these networks may pass its client's address on (EDNS Client Subnet, RFC 7871 with
/32 or /128), which is how a node cache in between does not hide the pod.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive


@dataclass(frozen=True, slots=True)
class Config:
    """`source` is `@kubernetes` (the client's pod), or the path of a resolv.conf(5) whose search list is for all.

    `zones` is empty for those of the server block.
    """

    source: str
    zones: tuple[str, ...] = ()
    trusted: tuple[IPNetwork, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `autopath`; ConfigError with its place on anything else."""
    *zones, source = reading.arguments(directive, 1)
    if source.text.startswith("@"):
        reading.keyword(source, ("@kubernetes",), "search list")
    else:
        reading.path(source)
    trusted: list[IPNetwork] = []
    for option in reading.options(directive, ("trusted",)):
        trusted += [reading.network(token) for token in reading.arguments(option, 1)]
    return Config(source.text, reading.zones(zones), tuple(trusted))
