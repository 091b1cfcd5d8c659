"""The Corefile template of node-cache's manifest: text and variables in, the Corefile that runs out.

    Corefile.base ─┐
    -localip       ├──► render ──► Corefile text
    cluster DNS    │
    KubeDns ───────┘

Two kinds of placeholders are in the published manifest. `__PILLAR__DNS__DOMAIN__`, `__PILLAR__LOCAL__DNS__` and
`__PILLAR__DNS__SERVER__` are replaced by whoever deploys it; the others, and what of the first kind is left, here.
Every line of the template stays the line that it is, so that errors can be told by line.
Source: cluster/addons/dns/nodelocaldns in kubernetes/kubernetes, and the behaviour of node-cache.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from clusterdns.corefile import lexer
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import PORT
from nodelocal.stub_domains import KubeDns

CLUSTER_DNS = "__PILLAR__CLUSTER__DNS__"
UPSTREAM_SERVERS = "__PILLAR__UPSTREAM__SERVERS__"
LOCAL_DNS = "__PILLAR__LOCAL__DNS__"
DNS_SERVER = "__PILLAR__DNS__SERVER__"
DNS_DOMAIN = "__PILLAR__DNS__DOMAIN__"

RESOLV_CONF = "/etc/resolv.conf"
STUB_CACHE_SECONDS = 30
"""How long answers for stub domains are kept: node-cache's number."""

_PLACEHOLDER = re.compile(r"__PILLAR__\w*")
# `health __PILLAR__LOCAL__DNS__:8080`; those who know that their address is IPv6 write brackets around it.
_LOCAL_ENDPOINT = re.compile(rf"\[{LOCAL_DNS}\](?=:[0-9])|{LOCAL_DNS}(?=:[0-9])")
_BARE_ENDPOINT = re.compile(
    r"^(?P<directive>[ \t]*(?:health|ready|prometheus|pprof)[ \t]+)(?P<address>[0-9A-Fa-f:.]+):(?P<port>[0-9]{1,5})"
    r"(?=\s|$)",
    re.MULTILINE,
)
_UPSTREAM_BLOCK = re.compile(
    rf"(?P<line>\bforward[ \t][^\n{{}}#]*{UPSTREAM_SERVERS}[^\n{{}}#]*){{(?P<options>[^{{}}]*)}}"
)
_FORCE_TCP = re.compile(r"^[ \t]*force_tcp[ \t]*(?:#[^\n]*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Variables:
    """What the placeholders stand for. `local_addresses` are canonical, of both families.

    `cluster_dns` may be empty where the template does not ask for it: see `placeholders`.
    """

    local_addresses: tuple[str, ...]
    cluster_dns: tuple[Upstream, ...]
    kube_dns: KubeDns
    dns_port: int = PORT.default_int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Corefile. `stub_lines` has the line at which the block of each stub domain starts; the template is before."""

    text: str
    stub_lines: tuple[tuple[int, str], ...] = ()


def placeholders(base: str, source: str) -> frozenset[str]:
    """The placeholders of the template, those in comments left out. Raises ConfigError for what are no Corefile words.

    `source` is what errors call the template.
    """
    return frozenset(_PLACEHOLDER.findall(" ".join(token.text for token in lexer.tokens(base, source, {}))))


def render(base: str, source: str, variables: Variables) -> Rendered:
    """The template with its variables filled in, and a server block for each stub domain behind it.

    Raises ConfigError, with its place in `source`, for placeholders that nothing is known for.
    """
    local = variables.local_addresses
    text = base
    if local:
        text = _LOCAL_ENDPOINT.sub(_in_brackets(local[0]), base).replace(LOCAL_DNS, " ".join(local))
        # LOCAL_DNS stands for every address to listen on, that of the kube-dns Service among them.
        text = text.replace(DNS_SERVER, "")
    upstream_servers = RESOLV_CONF
    if variables.kube_dns.upstream_nameservers:
        upstream_servers = _words(variables.kube_dns.upstream_nameservers)
        # Older manifests ask the servers of resolv.conf over TCP; those of the ConfigMap were never asked so.
        text = _UPSTREAM_BLOCK.sub(_without_force_tcp, text)
    text = text.replace(UPSTREAM_SERVERS, upstream_servers)
    if variables.cluster_dns:
        text = text.replace(CLUSTER_DNS, _words(variables.cluster_dns))
    text = _bracket_endpoints(text, local)
    _refuse_placeholders(text, source)
    return _with_stub_domains(text, variables)


def _bracket_endpoints(text: str, local: Sequence[str]) -> str:
    """`health fd00::a:8080`, which the manifest's `health __PILLAR__LOCAL__DNS__:8080` becomes when it is deployed,
    may also be an address. Where it starts with an address of ours, it is that and a port.
    """

    def bracket(match: re.Match[str]) -> str:
        address, port = match["address"], match["port"]
        if ":" in address and _is_one_of(address, local):
            return f"{match['directive']}[{address}]:{port}"
        return match[0]

    return _BARE_ENDPOINT.sub(bracket, text)


def _is_one_of(text: str, addresses: Sequence[str]) -> bool:
    try:
        return ip_address(text).compressed in addresses
    except ValueError:
        return False


def _in_brackets(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _words(servers: Sequence[Upstream]) -> str:
    return " ".join(each.address if each.port == PORT.default else str(each) for each in servers)


def _without_force_tcp(match: re.Match[str]) -> str:
    options = _FORCE_TCP.sub("", match["options"])
    if options.strip():
        return f"{match['line']}{{{options}}}"
    return match["line"] + "\n" * options.count("\n")


def _refuse_placeholders(text: str, source: str) -> None:
    for token in lexer.tokens(text, source, {}):
        if match := _PLACEHOLDER.search(token.text):
            raise token.error(f"{match[0]} is still here: {_advice(match[0])}")


def _advice(placeholder: str) -> str:
    if placeholder == DNS_DOMAIN:
        return "write the cluster's domain in its place when the manifest is deployed, such as cluster.local"
    if placeholder in (LOCAL_DNS, DNS_SERVER):
        return "-localip has no address to put in its place"
    if placeholder == CLUSTER_DNS:
        return "the address of the cluster's DNS is not known"
    return f"it is none of {', '.join((CLUSTER_DNS, UPSTREAM_SERVERS, LOCAL_DNS, DNS_SERVER))}"


def _with_stub_domains(text: str, variables: Variables) -> Rendered:
    if not variables.kube_dns.stub_domains:
        return Rendered(text)
    if not text.endswith("\n"):
        text += "\n"
    stub_lines = []
    for domain, servers in variables.kube_dns.stub_domains:
        stub_lines.append((text.count("\n") + 1, domain))
        text += f"{domain}:{variables.dns_port} {{\n    errors\n    cache {STUB_CACHE_SECONDS}\n"
        if variables.local_addresses:
            text += f"    bind {' '.join(variables.local_addresses)}\n"
        text += f"    forward . {_words(servers)}\n}}\n"
    return Rendered(text, tuple(stub_lines))
