"""NodeLocal DNSCache's published manifest, as users have it: its Corefile, and what deploying it puts in.

Source: cluster/addons/dns/nodelocaldns/nodelocaldns.yaml of kubernetes/kubernetes, and its documentation, which says to
run the manifest through sed: https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/#configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

COREFILE = """\
__PILLAR__DNS__DOMAIN__:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    health __PILLAR__LOCAL__DNS__:8080
    }
in-addr.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
ip6.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus :9253
    }
.:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }
"""

ARGUMENTS = (
    "-localip", "__PILLAR__LOCAL__DNS__,__PILLAR__DNS__SERVER__",
    "-conf", "/etc/Corefile",
    "-upstreamsvc", "kube-dns-upstream",
    "-pidfile", "/tmp/node-cache.pid",
)  # fmt: skip


class Deployment(NamedTuple):
    """One way to deploy it. `sed` is applied in its order to everything; `arguments` replace those that it gives."""

    name: str
    sed: Mapping[str, str]
    binds: tuple[str, ...]
    health: str
    """The address of the health endpoint that comes out."""
    local_ips: str = ""
    """`-localip`, where it is not what sed makes of the published one."""

    def corefile(self) -> str:
        return self._through_sed(COREFILE)

    def arguments(self) -> list[str]:
        arguments = [self._through_sed(argument) for argument in ARGUMENTS]
        if self.local_ips:
            arguments[1] = self.local_ips
        return arguments

    def _through_sed(self, text: str) -> str:
        for old, new in self.sed.items():
            text = text.replace(old, new)
        return text


_DOMAIN = {"__PILLAR__DNS__DOMAIN__": "cluster.local"}
V4, V6 = ("169.254.20.10", "10.96.0.10"), ("fd00:169:254::10", "fd00:10:96::a")
CLUSTER_IP = "10.96.23.45"

DEPLOYMENTS = (
    Deployment(
        "iptables mode",
        {"__PILLAR__LOCAL__DNS__": V4[0], **_DOMAIN, "__PILLAR__DNS__SERVER__": V4[1]},
        binds=V4,
        health=V4[0],
    ),
    Deployment(
        "IPVS mode",
        {
            "__PILLAR__LOCAL__DNS__": V4[0],
            **_DOMAIN,
            ",__PILLAR__DNS__SERVER__": "",
            "__PILLAR__CLUSTER__DNS__": CLUSTER_IP,
        },
        binds=V4[:1],
        health=V4[0],
    ),
    Deployment(
        "iptables mode, IPv6",
        {"__PILLAR__LOCAL__DNS__": V6[0], **_DOMAIN, "__PILLAR__DNS__SERVER__": V6[1]},
        binds=V6,
        health=V6[0],
    ),
    Deployment(
        "IPVS mode, IPv6, brackets as its documentation asks for",
        {
            "__PILLAR__LOCAL__DNS__:": f"[{V6[0]}]:",
            "__PILLAR__LOCAL__DNS__": V6[0],
            **_DOMAIN,
            ",__PILLAR__DNS__SERVER__": "",
        },
        binds=V6[:1],
        health=V6[0],
    ),
    Deployment(
        "both families, iptables mode, all but the domain left to run time",
        _DOMAIN,
        binds=(*V4, *V6),
        health=V4[0],
        local_ips=",".join((*V4, *V6)),
    ),
    Deployment(
        "both families, IPVS mode, IPv6 first, all but the domain left to run time",
        _DOMAIN,
        binds=(V6[0], V4[0]),
        health=V6[0],
        local_ips=f"{V6[0]},{V4[0]}",
    ),
)
