"""nodelocal's command line: node-cache's flags, those that it has from CoreDNS, and a few of ours.

    arguments ──► clusterdns.daemon.flags.parse(FLAGS, ...) ──► options_of ──► Options: checked, typed, frozen

Every argument of a node-cache manifest is accepted or refused with a reason. Source: node-cache of
kubernetes-sigs/node-local-dns, and CoreDNS 1.14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Position, Token
from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.flags import Flag, Flags
from clusterdns.errors import ConfigError
from clusterdns.limits import NODELOCAL_SYNC_SECONDS, PORT
from nodelocal.cluster_dns import Target, read_target

_NO_EFFECT = "accepted for node-cache's sake, without effect"

WITHOUT_EFFECT = (
    # CoreDNS.
    Flag("quiet", "switch", False, _NO_EFFECT),
    # glog, which node-cache links in.
    Flag("alsologtostderr", "switch", False, _NO_EFFECT),
    Flag("log_backtrace_at", "text", "", _NO_EFFECT),
    Flag("log_dir", "text", "", _NO_EFFECT),
    Flag("logtostderr", "switch", False, _NO_EFFECT),
    Flag("stderrthreshold", "text", "", _NO_EFFECT),
    Flag("v", "text", "", f"{_NO_EFFECT}; see -log-level"),
    Flag("vmodule", "text", "", _NO_EFFECT),
    # node-cache before 1.16, and charts that still write it.
    Flag("initialdelay", "text", "", _NO_EFFECT),
    # Of metrics over TLS, which -tls-enabled asks for.
    Flag("tls-cert-file", "text", "", _NO_EFFECT),
    Flag("tls-client-auth-type", "text", "", _NO_EFFECT),
    Flag("tls-client-ca-file", "text", "", _NO_EFFECT),
    Flag("tls-min-version", "text", "", _NO_EFFECT),
    Flag("tls-private-key-file", "text", "", _NO_EFFECT),
)
"""Flags that manifests may carry and that mean nothing here."""

REFUSED = (
    Flag("setupebtables", "switch", False, "true is refused: there are no ebtables rules"),
    Flag("tls-enabled", "switch", False, "true is refused: metrics are served over plain HTTP"),
)
"""Switches of node-cache that may be off only."""

FLAGS = (
    Flag("localip", "text", "", "addresses to listen on, of both families, separated by commas"),
    Flag("dns.port", "integer", PORT.default_int, "port for server blocks that name none, and for stub domains", PORT),
    Flag("p", "integer", PORT.default_int, "the same as -dns.port", PORT),
    Flag("conf", "text", "/etc/Corefile", "the Corefile to run; written if there is a template for it"),
    Flag("corefile", "text", "/etc/Corefile", "the same as -conf, which counts more"),
    Flag("basecorefile", "text", "/etc/coredns/Corefile.base", "the template; if there is none, -conf runs as it is"),
    Flag("kubednscm", "text", "/etc/kube-dns", "where the kube-dns ConfigMap is mounted, if it is"),
    Flag(
        "upstreamsvc",
        "text",
        "kube-dns",
        "the cluster's DNS: a Service as NAME (from the environment) or NAMESPACE/NAME (watched), or IP[:PORT],...",
    ),
    Flag("kubeconfig", "text", "", "how to reach the API server; empty: the pod's service account"),
    Flag("nodename", "text", "", "this node's name, for autopath @node; empty: NODE_NAME of the environment"),
    Flag("reloadwithsignal", "switch", False, "accepted; a Corefile that was written always runs at once"),
    Flag("setupinterface", "switch", True, "make the interface that carries the addresses"),
    Flag("interfacename", "text", "nodelocaldns", "name of that interface"),
    Flag("setupiptables", "switch", True, "keep DNS packets out of connection tracking"),
    Flag("skipteardown", "switch", False, "leave interface and rules in place at the end"),
    Flag(
        "syncinterval",
        "seconds",
        NODELOCAL_SYNC_SECONDS.default,
        "how often interface and rules are looked at; a number without a unit is seconds",
    ),
    Flag("health-port", "integer", 8080, "port of the Corefile's health, for the rules of -setupiptables", PORT),
    Flag("metrics-listen-address", "text", "0.0.0.0:9353", "where /metrics is; empty: only where the Corefile says"),
    Flag("prometheus-listen-address", "text", ":9253", "a second place for /metrics; empty: none"),
    Flag("pidfile", "text", "", "file to write the process's number to, while it serves"),
    Flag("log-level", "text", "info", "debug, info, warning or error"),
    Flag("log-format", "text", "text", "text or json"),
    *REFUSED,
    *WITHOUT_EFFECT,
)

# Linux: at most 15 bytes; no slash, no colon (an alias), no white space.
_INTERFACE_NAME = re.compile(r"(?!\.{1,2}$)[!-~]{1,15}")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. Addresses are canonical; paths are as written; an empty path is none.

    `given` are the names of the flags that were on it; `without_effect`, those of them that change nothing.
    """

    local_addresses: tuple[str, ...]
    dns_port: int
    corefile: str
    base_corefile: str
    kube_dns_folder: str
    cluster_dns: Target
    kubeconfig: str
    node_name: str
    reload_with_signal: bool
    setup_interface: bool
    interface_name: str
    setup_iptables: bool
    skip_teardown: bool
    sync_seconds: float
    health_port: int
    metrics: Endpoint | None
    prometheus: Endpoint | None
    pidfile: str
    log_level: str
    log_format: str
    given: frozenset[str]
    without_effect: tuple[str, ...]


def options_of(flags: Flags) -> Options:
    """Check and type the values of FLAGS. Raises ConfigError naming the flag and what to write instead."""
    for refused in REFUSED:
        if flags.switch(refused.name):
            raise ConfigError(f"this program does not do that: write -{refused.name}=false", source=f"-{refused.name}")
    local_addresses = _local_addresses(flags.text("localip"))
    for name in ("setupinterface", "setupiptables"):
        if flags.switch(name) and not local_addresses:
            raise ConfigError(f"an address is needed here, or -{name}=false", source="-localip")
    return Options(
        local_addresses=local_addresses,
        dns_port=flags.integer("p" if "p" in flags.given else "dns.port"),
        # node-cache reads -corefile and then always takes -conf; whoever wrote only the first meant it.
        corefile=_path(flags, "corefile" if "corefile" in flags.given and "conf" not in flags.given else "conf"),
        base_corefile=flags.text("basecorefile"),
        kube_dns_folder=flags.text("kubednscm"),
        cluster_dns=read_target(flags.text("upstreamsvc")),
        kubeconfig=flags.text("kubeconfig"),
        node_name=flags.text("nodename"),
        reload_with_signal=flags.switch("reloadwithsignal"),
        setup_interface=flags.switch("setupinterface"),
        interface_name=_interface_name(flags.text("interfacename")),
        setup_iptables=flags.switch("setupiptables"),
        skip_teardown=flags.switch("skipteardown"),
        sync_seconds=_sync_seconds(flags.seconds("syncinterval")),
        health_port=flags.integer("health-port"),
        metrics=_endpoint(flags, "metrics-listen-address"),
        prometheus=_endpoint(flags, "prometheus-listen-address"),
        pidfile=flags.text("pidfile"),
        log_level=flags.text("log-level"),
        log_format=flags.text("log-format"),
        given=frozenset(flags.given),
        without_effect=tuple(flag.name for flag in WITHOUT_EFFECT if flag.name in flags.given),
    )


def _local_addresses(text: str) -> tuple[str, ...]:
    addresses = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        if not reading.is_address(word):
            advice = ": it is to be replaced when the manifest is deployed" if "__PILLAR__" in word else ""
            raise ConfigError(f'"{word}" is not an IP address{advice}', source="-localip")
        if "%" in word:
            raise ConfigError(f'"{word}" is on a link already: write an address for a link of ours', source="-localip")
        addresses.append(reading.address(_token(word, "localip")))
    return tuple(dict.fromkeys(addresses))


def _path(flags: Flags, name: str) -> str:
    if not flags.text(name):
        raise ConfigError("a file name is needed", source=f"-{name}")
    return flags.text(name)


def _sync_seconds(value: float) -> float:
    # node-cache takes a duration and multiplies it by a second, so that charts write 1ns and get, and mean, 1 s.
    seconds = value * 1e9 if value < 1e-3 else value
    return NODELOCAL_SYNC_SECONDS.check(max(seconds, NODELOCAL_SYNC_SECONDS.minimum), where="-syncinterval")


def _interface_name(name: str) -> str:
    if not _INTERFACE_NAME.fullmatch(name) or "/" in name or ":" in name:
        raise ConfigError(
            f'"{name}" can\'t be the name of an interface: write 1 to 15 characters, without slash, colon or space',
            source="-interfacename",
        )
    return name


def _endpoint(flags: Flags, name: str) -> Endpoint | None:
    text = flags.text(name)
    if not text:
        return None
    try:
        default = next(flag.default for flag in FLAGS if flag.name == name)
        return reading.endpoint(_token(text, name), int(str(default).rpartition(":")[2]))
    except ConfigError as error:
        raise ConfigError(error.message, source=f"-{name}") from None


def _token(text: str, name: str) -> Token:
    return Token(text, "word", Position(f"-{name}", 1, 1), 1)
