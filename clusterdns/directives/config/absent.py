"""The directives of CoreDNS that there are not, and what to do instead: nobody takes their names for typing errors.

Of CoreDNS 1.14 (plugin.cfg), and `federation` and `proxy`, which old Corefiles still have. A program looks up here
what it does not know, so that those of autopath are here for the others.
"""

from __future__ import annotations

_FORWARD_ZONE = 'remove it, and forward its zones to a server that has them, as in "forward example.org 192.0.2.53"'
_AUTOPATH = "remove it, or run autopath, which has it"
_PLAIN_DNS = "remove it, and listen for plain DNS, as in .:53"
_REMOVE = "remove it"

INSTEAD = {
    "auto": _FORWARD_ZONE,
    "azure": _FORWARD_ZONE,
    "cancel": 'remove it: queries end by themselves, and "forward" has timeouts',
    "chaos": _REMOVE,
    "clouddns": _FORWARD_ZONE,
    "dnssec": _FORWARD_ZONE,
    "dnstap": 'write "log"',
    "erratic": 'remove it; "template" makes answers to test with',
    "etcd": _FORWARD_ZONE,
    "federation": 'remove it; "multicluster" of "kubernetes" serves Services of several clusters',
    "file": f'{_FORWARD_ZONE}; for a few addresses write "hosts"',
    "geoip": _REMOVE,
    "grpc": 'write "forward"',
    "grpc_server": _PLAIN_DNS,
    "header": _REMOVE,
    "https": _PLAIN_DNS,
    "https3": _PLAIN_DNS,
    "k8s_external": _AUTOPATH,
    "kubernetes": _AUTOPATH,
    "metadata": _REMOVE,
    "multisocket": _AUTOPATH,
    "nomad": _FORWARD_ZONE,
    "nsid": _REMOVE,
    "on": "remove it, and run its commands beside this program",
    "proxy": 'write "forward"',
    "proxyproto": "remove it, and have the proxy send plain DNS",
    "quic": _PLAIN_DNS,
    "root": "remove it, and write whole paths",
    "route53": _FORWARD_ZONE,
    "secondary": _FORWARD_ZONE,
    "sign": _FORWARD_ZONE,
    "tls": _PLAIN_DNS,
    "tsig": 'remove it; "acl" and "to" of "transfer" choose clients by their addresses',
    "view": 'remove it; "acl" and "template" choose by client and name, and "bind" gives a block addresses of its own',
}
"""What to do by the name of the directive, as the rest of a sentence."""
