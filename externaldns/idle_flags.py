"""Flags that were given and do nothing: with the reason, so that nobody waits for what they will not do.

Some never do anything here (`Flag.no_effect`); others need another flag, or a source that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from externaldns.flag_table import FLAGS
from externaldns.flag_values import Values

_OF_SOURCES = (
    (("service",), ("service-type-filter", "publish-internal-services", "publish-host-ip",
                    "always-publish-not-ready-addresses", "resolve-service-load-balancer-hostname")),
    (("pod",), ("pod-source-domain", "ignore-non-host-network-pods", "pod-hostname-address", "pod-ready-only")),
    (("ingress",), ("ingress-class", "ignore-ingress-tls-spec", "ignore-ingress-rules-spec")),
    (("gateway-httproute", "gateway-grpcroute"), ("gateway-name", "gateway-namespace", "gateway-label-filter")),
    (("service", "node"), ("exclude-unschedulable", "expose-internal-ipv6")),
    (("service", "pod", "node", "ingress", "unstructured"), ("fqdn-target-template",)),
    (("unstructured",), ("target-template", "unstructured-resource")),
)  # fmt: skip
"""Sources, and the flags that only they read."""

_CONDITIONS: tuple[tuple[str, Callable[[Values], bool], str], ...] = (
    ("combine-fqdn-annotation", lambda values: any(map(values.text, ("fqdn-template", "fqdn-target-template"))),
     "there is no --fqdn-template"),
    ("force-default-targets", lambda values: bool(values.texts("default-targets")), "there are no --default-targets"),
    ("create-ptr", lambda values: "PTR" in values.texts("managed-record-types"), "PTR is no --managed-record-types"),
    ("txt-encrypt-aes-key", lambda values: values.switch("txt-encrypt-enabled"), "it needs --txt-encrypt-enabled"),
    ("min-event-sync-interval", lambda values: values.switch("events"), "it needs --events"),
    ("domain-filter", lambda values: not _has_pattern(values), "there is a pattern"),
    ("exclude-domains", lambda values: not _has_pattern(values), "there is a pattern"),
    ("txt-prefix", lambda values: values.text("registry") != "noop", "--registry=noop has no ownership records"),
    ("txt-suffix", lambda values: values.text("registry") != "noop", "--registry=noop has no ownership records"),
    ("migrate-from-txt-owner", lambda values: values.text("registry") != "noop", "--registry=noop has no owners"),
)  # fmt: skip
"""A flag, what it needs, and what to say where that is not so."""


def tell_idle(values: Values) -> Iterator[str]:
    """Yield a sentence for each flag that is not at its default and has no effect."""
    given = {flag.name for flag in FLAGS if values.raw(flag.name) != flag.default}
    for flag in FLAGS:
        if flag.no_effect and flag.name in given:
            yield f"--{flag.name} has no effect: {flag.no_effect}"
    for sources, names in _OF_SOURCES:
        if not set(sources) & set(values.texts("source")):
            for name in names:
                if name in given:
                    yield f"--{name} has no effect: there is no --source={sources[0]}"
    for name, holds, reason in _CONDITIONS:
        if name in given and not holds(values):
            yield f"--{name} has no effect: {reason}"


def _has_pattern(values: Values) -> bool:
    return bool(values.text("regex-domain-filter") or values.text("regex-domain-exclusion"))
