"""The flags of externaldns: ExternalDNS's names, meanings and defaults, in one table.

    command line, then EXTERNAL_DNS_* environment, then default  ->  `parse`  ->  config.Config

`--flag=value`, `--flag value`, `--switch` and `--no-switch`; a list flag is repeated, or its values separated by commas
(by newlines in the environment, too). A flag of ExternalDNS's that is not here yet is refused: running without what
it asks for could delete records.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clusterdns import duration
from clusterdns.errors import ConfigError
from externaldns.config import (
    ClusterConfig,
    Config,
    ControlConfig,
    PlanConfig,
    ProviderConfig,
    RegistryConfig,
    SourceConfig,
)
from externaldns.policy import POLICIES
from externaldns.record import RECORD_TYPES
from externaldns.sources.annotations import DEFAULT_PREFIXES

Kind = Literal["text", "list", "switch", "seconds"]
Value = str | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """One row of the table. `choices` are the values that are taken; `later` are ExternalDNS's that are not yet."""

    name: str
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The environment variable that stands in for the flag."""
        return "EXTERNAL_DNS_" + self.name.upper().replace("-", "_")


_LATER_SOURCES = ("pod", "node", "ingress", "crd", "gateway-httproute", "gateway-grpcroute", "fake", "empty")
_LOG_LEVELS = ("panic", "debug", "info", "warning", "error", "fatal")

FLAGS = (
    Flag("source", "list", (), "kind of object to make records from (required)", ("service",), _LATER_SOURCES),
    Flag("namespace", "text", "", "only objects of this namespace; empty for all"),
    Flag("annotation-prefix", "text", "", "read annotations with this prefix only, such as `example.org/`"),
    Flag("publish-internal-services", "switch", False, "publish the cluster IPs of ClusterIP Services with `hostname`"),
    Flag("publish-host-ip", "switch", False, "publish the host's address for the pods of headless Services"),
    Flag("always-publish-not-ready-addresses", "switch", False, "publish pods that are not ready, too"),
    Flag("min-ttl", "seconds", 0.0, "least TTL of a record"),
    Flag("manifests", "text", "", "folder of manifests to read instead of an API server"),
    Flag("kubeconfig", "text", "", "kubeconfig file; empty for the pod's own service account"),
    Flag("provider", "text", "", "DNS provider (required)", ("alibabacloud",), ("inmemory", "webhook")),
    Flag(
        "alibaba-cloud-config-file",
        "text",
        "/etc/kubernetes/alibaba-cloud.json",
        "JSON file with regionId, accessKeyId, accessKeySecret and vpcId",
    ),
    Flag("alibaba-cloud-zone-type", "text", "private", "kind of zone", ("private",), ("public",)),
    Flag("alibaba-cloud-endpoint", "text", "", "URL of the API, `http://HOST:PORT` for the emulator"),
    Flag("zone-id-filter", "list", (), "only zones whose ID ends with this"),
    Flag("domain-filter", "list", (), "only this domain and below; with a leading dot only below"),
    Flag("exclude-domains", "list", (), "not this domain and below"),
    Flag("policy", "text", "", "what may be changed (required)", tuple(POLICIES)),
    Flag("managed-record-types", "list", ("A", "AAAA", "CNAME"), "record types to manage", RECORD_TYPES),
    Flag("exclude-record-types", "list", (), "record types not to manage", RECORD_TYPES),
    Flag("registry", "text", "txt", "how ownership is kept", ("txt", "noop"), ("dynamodb", "aws-sd", "crd", "remark")),
    Flag("txt-owner-id", "text", "default", "owner that this controller's records have"),
    Flag("txt-prefix", "text", "", "prefix of ownership records; may hold %{record_type}"),
    Flag("txt-suffix", "text", "", "suffix of the first label of ownership records; may hold %{record_type}"),
    Flag("txt-wildcard-replacement", "text", "", "what stands for `*` in ownership records"),
    Flag("interval", "seconds", 60.0, "time between two runs"),
    Flag("events", "switch", False, "run as soon as an object changes, too"),
    Flag("min-event-sync-interval", "seconds", 5.0, "least time between two runs that changes cause"),
    Flag("once", "switch", False, "run once and exit"),
    Flag("dry-run", "switch", False, "tell what would be changed; change nothing"),
    Flag("metrics-address", "text", ":7979", "[HOST]:PORT of /metrics and /healthz; not with --once"),
    Flag("log-level", "text", "info", "least severe messages to show", _LOG_LEVELS),
    Flag("log-format", "text", "text", "form of messages", ("text", "json")),
)

LATER_FLAGS = frozenset({
    "annotation-filter", "label-filter", "service-type-filter", "ingress-class", "listen-endpoint-events",
    "fqdn-template", "target-template", "fqdn-target-template", "combine-fqdn-annotation", "ignore-hostname-annotation",
    "pod-source-domain", "expose-internal-ipv6", "exclude-unschedulable", "default-targets", "target-net-filter",
    "exclude-target-net", "create-ptr", "regex-domain-filter", "regex-domain-exclusion", "txt-encrypt-enabled",
    "txt-encrypt-aes-key", "txt-cache-interval", "migrate-from-txt-owner", "provider-cache-time", "batch-change-size",
    "batch-change-interval", "events-emit", "kube-api-qps", "kube-api-burst", "webhook-provider-url",
    "webhook-provider-read-timeout", "webhook-provider-write-timeout", "webhook-server",
})  # fmt: skip
"""Flags of ExternalDNS's that are known and not supported yet."""

_BY_NAME = {flag.name: flag for flag in FLAGS}
_SWITCH_WORDS = {"true": True, "1": True, "false": False, "0": False}


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """Return the configuration; ConfigError names the flag that is wrong and what to write instead."""
    values: dict[str, Value] = {flag.name: flag.default for flag in FLAGS}
    for flag in FLAGS:
        # An empty variable is an unset one, as in `env: {name: ..., value: ""}` of a manifest.
        if text := environment.get(flag.environment):
            values[flag.name] = _read(flag, text.replace("\n", ","), flag.environment)
    values |= _read_arguments(arguments)
    return _configure(values)


def usage() -> str:
    """Return the text of --help."""
    lines = ["usage: externaldns --source=service --provider=alibabacloud --policy=POLICY [flags]", ""]
    for flag in FLAGS:
        default = ",".join(flag.default) if isinstance(flag.default, tuple) else flag.default
        note = f" (default {default:g}s)" if isinstance(default, float) else f" (default {default})"
        lines.append(f"  --{flag.name}")
        lines.append(f"        {flag.help}{note if default else ''}")
        if flag.choices:
            lines[-1] += f": {', '.join(flag.choices)}"
    return "\n".join([*lines, "", "Each flag may also be given as an environment variable EXTERNAL_DNS_FLAG_NAME.", ""])


def _read_arguments(arguments: Sequence[str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            raise ConfigError(f"unexpected argument {argument!r}: there are only flags, written --flag=value")
        name, has_value, text = argument[2:].partition("=")
        flag = _find(name)
        where = f"--{name}"
        if flag.kind == "switch":
            if name != flag.name and has_value:
                raise ConfigError(f"takes no value; write --{flag.name}={text}", source=where)
            text = text if has_value else str(name == flag.name)
        elif not has_value:
            if not rest:
                raise ConfigError(f"needs a value: write --{name}=...", source=where)
            text = rest.pop(0)
        value = _read(flag, text, where)
        held = values.get(flag.name)
        values[flag.name] = held + value if isinstance(held, tuple) and isinstance(value, tuple) else value
    return values


def _find(name: str) -> Flag:
    if name in _BY_NAME:
        return _BY_NAME[name]
    positive = _BY_NAME.get(name.removeprefix("no-"))
    if positive and positive.kind == "switch":
        return positive
    if name.removeprefix("no-") in LATER_FLAGS:
        raise ConfigError("this flag of ExternalDNS's is not supported yet; remove it", source=f"--{name}")
    near = difflib.get_close_matches(name, _BY_NAME, n=1)
    hint = f"; did you mean --{near[0]}?" if near else "; --help lists all flags"
    raise ConfigError(f"there is no such flag{hint}", source=f"--{name}")


def _read(flag: Flag, text: str, where: str) -> Value:
    match flag.kind:
        case "switch":
            if text.lower() not in _SWITCH_WORDS:
                raise ConfigError(f"{text!r} is neither true nor false", source=where)
            return _SWITCH_WORDS[text.lower()]
        case "seconds":
            try:
                return duration.seconds(text)
            except ConfigError as error:
                raise ConfigError(error.message, source=where) from None
        case "list":
            parts = tuple(part for part in (part.strip() for part in text.split(",")) if part)
            return tuple(_choose(flag, part, where) for part in parts)
        case "text":
            return _choose(flag, text, where)


def _choose(flag: Flag, text: str, where: str) -> str:
    if not flag.choices or text in flag.choices:
        return text
    if text in flag.later:
        raise ConfigError(f"{text!r} comes with a later version; now: {', '.join(flag.choices)}", source=where)
    near = difflib.get_close_matches(text, flag.choices, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"{text!r} is none of {', '.join(flag.choices)}{hint}", source=where)


class _Values:
    """Typed access to the values by flag name."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        return str(self._values[name])

    def required(self, name: str) -> str:
        if not self.text(name):
            raise ConfigError(f"is required; one of {', '.join(_BY_NAME[name].choices)}", source=f"--{name}")
        return self.text(name)

    def switch(self, name: str) -> bool:
        return self._values[name] is True

    def seconds(self, name: str) -> float:
        return float(str(self._values[name]))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values[name]
        assert isinstance(value, tuple), f"--{name} is a list"
        return tuple(dict.fromkeys(value))


def _configure(raw: Mapping[str, Value]) -> Config:
    values = _Values(raw)
    if not values.texts("source"):
        raise ConfigError("is required; one of service", source="--source")
    if values.text("txt-prefix") and values.text("txt-suffix"):
        raise ConfigError("and --txt-suffix exclude each other: give one of them", source="--txt-prefix")
    prefix = values.text("annotation-prefix")
    if prefix and not prefix.endswith("/"):
        raise ConfigError(f"{prefix!r} must end in a slash", source="--annotation-prefix")
    if values.text("registry") == "txt" and not values.text("txt-owner-id"):
        raise ConfigError("must not be empty with --registry=txt", source="--txt-owner-id")
    if values.seconds("interval") <= 0:
        raise ConfigError("must be more than 0s", source="--interval")
    host, port = _split_address(values.text("metrics-address"))
    manifests = values.text("manifests")
    return Config(
        source=SourceConfig(
            sources=values.texts("source"),
            namespace=values.text("namespace"),
            annotation_prefixes=(prefix,) if prefix else DEFAULT_PREFIXES,
            publish_internal_services=values.switch("publish-internal-services"),
            publish_host_ip=values.switch("publish-host-ip"),
            always_publish_not_ready_addresses=values.switch("always-publish-not-ready-addresses"),
            min_ttl_seconds=int(values.seconds("min-ttl")),
        ),
        cluster=ClusterConfig(
            manifests=Path(manifests) if manifests else None, kubeconfig=values.text("kubeconfig") or None
        ),
        provider=ProviderConfig(
            provider=values.required("provider"),
            alibaba_cloud_config_file=Path(values.text("alibaba-cloud-config-file")),
            alibaba_cloud_endpoint=values.text("alibaba-cloud-endpoint"),
            zone_id_filter=values.texts("zone-id-filter"),
        ),
        plan=PlanConfig(
            policy=values.required("policy"),
            domain_filter=values.texts("domain-filter"),
            exclude_domains=values.texts("exclude-domains"),
            record_types=frozenset(values.texts("managed-record-types")) - set(values.texts("exclude-record-types")),
        ),
        registry=RegistryConfig(
            registry=values.text("registry"),
            owner_id=values.text("txt-owner-id"),
            prefix=values.text("txt-prefix"),
            suffix=values.text("txt-suffix"),
            wildcard_replacement=values.text("txt-wildcard-replacement"),
        ),
        control=ControlConfig(
            interval_seconds=values.seconds("interval"),
            events=values.switch("events"),
            min_event_sync_seconds=values.seconds("min-event-sync-interval"),
            once=values.switch("once"),
            dry_run=values.switch("dry-run"),
            metrics_host=host,
            metrics_port=port,
            log_level=values.text("log-level"),
            log_format=values.text("log-format"),
        ),
    )


def _split_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{address!r} is no address: write HOST:PORT or :PORT", source="--metrics-address")
    return host.removeprefix("[").removesuffix("]"), int(port)
