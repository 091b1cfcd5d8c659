"""The kube-dns ConfigMap: stub domains and upstream name servers, as kube-dns's users have written them for years.

    ConfigMap data (a file for each key) ──► parse ──► KubeDns ──► template

    stubDomains:          {"acme.example": ["10.0.0.1", "[fd00::1]:5353"]}
    upstreamNameservers:  ["10.0.0.2"]

What comes out is safe to be put into a Corefile: names of RFC 1123 letters and addresses in canonical form.
Format: https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/ (section on kube-dns).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Position, Token
from clusterdns.corefile.zones import zone_from_text
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import PORT, UPSTREAM_NAMESERVERS

# RFC 1123 section 2.1, and lower case only, as Kubernetes has it for names of this kind.
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class KubeDns:
    """What the ConfigMap says. `stub_domains` are (domain, servers) pairs by name; `ignored` are keys without effect.

    Without `upstream_nameservers`, names outside the cluster go to the servers of /etc/resolv.conf.
    """

    stub_domains: tuple[tuple[str, tuple[Upstream, ...]], ...] = ()
    upstream_nameservers: tuple[Upstream, ...] = ()
    ignored: tuple[str, ...] = ()


def parse(data: Mapping[str, str], source: str) -> KubeDns:
    """Read the ConfigMap's `data`, known to its reader as `source`. A blank value is as good as none.

    Raises ConfigError naming the key, the value and what to write instead; never anything else.
    """
    stubs = _json(data, "stubDomains", source)
    upstreams = _json(data, "upstreamNameservers", source)
    return KubeDns(
        () if stubs is None else _stub_domains(stubs, f"{source}/stubDomains"),
        () if upstreams is None else _upstream_nameservers(upstreams, f"{source}/upstreamNameservers"),
        tuple(sorted(data.keys() - {"stubDomains", "upstreamNameservers"})),
    )


def _json(data: Mapping[str, str], key: str, source: str) -> Any:
    text = data.get(key, "")
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"not JSON: {error.msg}", source=f"{source}/{key}", line=error.lineno, column=error.colno
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets thousands deep
        raise ConfigError(f"not usable JSON: {error}", source=f"{source}/{key}") from None


def _stub_domains(value: Any, where: str) -> tuple[tuple[str, tuple[Upstream, ...]], ...]:
    if not isinstance(value, dict):
        raise ConfigError(
            f'{_shown(value)} is no object: write {{"acme.example": ["10.0.0.1"]}}, domains and their servers',
            source=where,
        )
    found = []
    for domain, servers in sorted(value.items()):
        _check_domain(domain, where)
        if not isinstance(servers, list) or not servers:
            raise ConfigError(
                f'"{domain}": {_shown(servers)} is no list of servers: write it as ["10.0.0.1"]', source=where
            )
        found.append((domain, _servers(servers, where, f'"{domain}": ')))
    return tuple(found)


def _check_domain(domain: str, where: str) -> None:
    if not _DOMAIN.fullmatch(domain):
        raise ConfigError(
            f"{_shown(domain)} is no domain name: write lower case letters, digits, hyphens and dots, such as "
            "acme.example",
            source=where,
        )
    try:
        zone_from_text(domain)
    except ValueError:
        raise ConfigError(
            f"{_shown(domain)} is no domain name: it has at most 253 characters, 63 between dots, and is no address",
            source=where,
        ) from None


def _upstream_nameservers(value: Any, where: str) -> tuple[Upstream, ...]:
    if not isinstance(value, list):
        raise ConfigError(f'{_shown(value)} is no list of servers: write it as ["10.0.0.1"]', source=where)
    if len(value) > UPSTREAM_NAMESERVERS.maximum:
        raise ConfigError(
            f"{len(value)} servers; {UPSTREAM_NAMESERVERS.maximum:g} is the most: {_shown(value)}", source=where
        )
    return _servers(value, where, "")


def _servers(values: list[Any], where: str, context: str) -> tuple[Upstream, ...]:
    return tuple(dict.fromkeys(_server(value, where, context) for value in values))


def _server(value: Any, where: str, context: str) -> Upstream:
    if isinstance(value, str):
        try:
            address, port = reading.host_and_port(Token(value, "word", Position(where, 1, 1), 1), PORT.default_int)
        except ConfigError:
            address, port = "", 0
        if reading.is_address(address) and port:
            return Upstream(address, port)
    raise ConfigError(
        f"{context}{_shown(value)} is no server: write an IP address, with or without a port, such as 10.0.0.1, "
        "10.0.0.1:5353 or [fd00::1]:5353",
        source=where,
    )


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
