"""`autopath [ZONE...] RESOLV-CONF|@kubernetes|@node { options }`: walk the client's search list on the server.

`@node` is nodelocal's: the pods of its own node, by the API server or from a folder of `manifests`.

The options are ours. `host_search` adds the search domains of this host, which kubelet adds to those of pods, too.
CoreDNS always adds those that its own process has; but then names that pods ask for leave the cluster under them.
`flatten` answers under the client's name, for resolvers that dislike the CNAME. `extra_names` says that the cluster's
zone has names that Kubernetes does not make: none is taken for one that can't exist.
What sends from `trusted` networks may pass its client's address on (EDNS Client Subnet, RFC 7871 with
/32 or /128), which is how a node cache in between does not hide the pod.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive

KUBERNETES = "@kubernetes"
NODE = "@node"
RESOLV_CONF = "/etc/resolv.conf"


@dataclass(frozen=True, slots=True)
class Config:
    """`source` is `@kubernetes` or `@node` (the client's pod, of the cluster or of this node only), or the path of a
    resolv.conf(5) whose search list is for all.

    `zones` is empty for those of the server block. `host_search` is the path of a resolv.conf(5), empty for none.
    """

    source: str
    zones: tuple[str, ...] = ()
    trusted: tuple[IPNetwork, ...] = ()
    host_search: str = ""
    flatten: bool = False
    manifests: str = ""
    """The folder that has the node's pods; empty for the API server."""
    extra_names: bool = False


def parse(directive: Directive) -> Config:
    """Read one `autopath`; ConfigError with its place on anything else."""
    *zones, source = reading.arguments(directive, 1)
    if source.text.startswith("@"):
        reading.keyword(source, (KUBERNETES, NODE), "search list")
    else:
        reading.path(source)
    trusted: list[IPNetwork] = []
    host_search, flatten, manifests, extra_names = "", False, "", False
    for option in reading.options(directive, ("trusted", "host_search", "flatten", "manifests", "extra_names")):
        if option.name == "trusted":
            trusted += [reading.network(token) for token in reading.arguments(option, 1)]
        elif option.name == "flatten":
            flatten = reading.flag(option)
        elif option.name in ("manifests", "extra_names"):
            if source.text != NODE:
                raise option.position.error(f"{option.name} is for autopath {NODE}")
            if option.name == "extra_names":
                extra_names = reading.flag(option)
            else:
                (folder,) = reading.arguments(option, 1, 1)
                manifests = reading.path(folder)
        elif not source.text.startswith("@"):
            raise option.position.error(f"host_search is for pods: write the domains into {source.text}")
        else:
            paths = [reading.path(token) for token in reading.arguments(option, 0, 1)]
            host_search = paths[0] if paths else RESOLV_CONF
    return Config(source.text, reading.zones(zones), tuple(trusted), host_search, flatten, manifests, extra_names)
