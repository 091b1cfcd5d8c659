"""The flags that say which objects are asked for records, and how: from values to `config.SourceConfig`."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from clusterdns.errors import ConfigError
from clusterdns.kube.kinds import read_resource
from externaldns.config import SourceConfig
from externaldns.flag_values import Values
from externaldns.record import normalize_name
from externaldns.sources.annotations import DEFAULT_PREFIXES
from externaldns.sources.build import TEMPLATE_KINDS
from externaldns.sources.gateway import GatewayOptions
from externaldns.sources.go_template import GoTemplate
from externaldns.sources.ingress import IngressOptions
from externaldns.sources.name_template import NAMES, PAIRS, TARGETS, read_template
from externaldns.sources.node import NodeOptions
from externaldns.sources.pod import PodOptions
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceOptions
from externaldns.sources.shaping import Shaping, read_nat64_network


def configure_sources(values: Values) -> SourceConfig:
    """Return the sources' configuration; ConfigError names the flag that is wrong."""
    prefix = values.text("annotation-prefix")
    if prefix and not prefix.endswith("/"):
        raise ConfigError(f"{prefix!r} must end in a slash", source="--annotation-prefix")
    for_nodes: dict[str, Any] = {"expose_internal_ipv6": values.switch("expose-internal-ipv6")}
    return SourceConfig(
        sources=values.texts("source"),
        selection=Selection(
            values.text("namespace"),
            (prefix,) if prefix else DEFAULT_PREFIXES,
            values.selector("annotation-filter"),
            values.selector("label-filter"),
            combine_template=values.switch("combine-fqdn-annotation"),
            ignore_hostname_annotation=values.switch("ignore-hostname-annotation"),
        ),
        template=_template(values, NAMES),
        target_template=_template(values, TARGETS),
        pair_template=_template(values, PAIRS),
        resources=_resources(values),
        service=ServiceOptions(
            values.texts("service-type-filter"),
            values.switch("publish-internal-services"),
            values.switch("publish-host-ip"),
            values.switch("always-publish-not-ready-addresses"),
            exclude_unschedulable=values.switch("exclude-unschedulable"),
            resolve_hosts=values.switch("resolve-service-load-balancer-hostname"),
            **for_nodes,
        ),
        pod=PodOptions(
            normalize_name(values.text("pod-source-domain")),
            values.switch("ignore-non-host-network-pods"),
            hostname_address="pod" if values.text("pod-hostname-address") == "pod" else "node",
            ready_only=values.switch("pod-ready-only"),
        ),
        node=NodeOptions(exclude_unschedulable=values.switch("exclude-unschedulable"), **for_nodes),
        ingress=IngressOptions(
            values.texts("ingress-class"),
            values.switch("ignore-ingress-tls-spec"),
            values.switch("ignore-ingress-rules-spec"),
        ),
        gateway=GatewayOptions(
            values.text("gateway-name"), values.text("gateway-namespace"), values.selector("gateway-label-filter")
        ),
        shaping=Shaping(
            values.each("target-net-filter", ip_network),
            values.each("exclude-target-net", ip_network),
            values.switch("create-ptr"),
            int(values.seconds("min-ttl")),
            values.each("nat64-networks", read_nat64_network),
            tuple(target.removesuffix(".") for target in values.texts("default-targets")),
            values.switch("force-default-targets"),
        ),
    )


def _template(values: Values, flag: str) -> GoTemplate | None:
    """Return the template of `flag`, checked against the kinds of objects whose sources read it."""
    text = values.text(flag.removeprefix("--"))
    if not text:
        return None
    sources = values.texts("source") if flag != TARGETS else ()
    return read_template(text, [TEMPLATE_KINDS[name] for name in sources if name in TEMPLATE_KINDS], flag)


def _resources(values: Values) -> tuple[str, ...]:
    found = tuple(kind.name for kind in values.each("unstructured-resource", read_resource))
    if "unstructured" in values.texts("source") and not found:
        raise ConfigError("is required with --source=unstructured", source="--unstructured-resource")
    return found
