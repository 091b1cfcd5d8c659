"""The configuration of externaldns: frozen, grouped, and checked before anything runs.

`flags.parse` makes it from the command line and the environment; each field is a flag of ExternalDNS's unless it says
otherwise. Durations are seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from clusterdns.directives.config.pattern import Pattern
from clusterdns.errors import ConfigError
from externaldns.guard import DeleteLimits
from externaldns.ownership_codec import OwnershipCodec
from externaldns.sources.gateway import GatewayOptions
from externaldns.sources.go_template import GoTemplate
from externaldns.sources.ingress import IngressOptions
from externaldns.sources.node import NodeOptions
from externaldns.sources.pod import PodOptions
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceOptions
from externaldns.sources.shaping import Shaping


@dataclass(frozen=True, slots=True)
class AlibabaCloudConfig:
    """Access to the account: the JSON file of --alibaba-cloud-config-file, plus the endpoint flag."""

    region_id: str
    access_key_id: str
    access_key_secret: str
    vpc_id: str = ""
    """Work only in zones bound to this VPC; "" for all zones."""
    endpoint: str = ""
    """URL of the API, `http://HOST:PORT` for the emulator; "" for Alibaba Cloud's own. This project's flag."""
    security_token: str = ""
    """For temporary keys (STS)."""

    def __repr__(self) -> str:
        return f"AlibabaCloudConfig(region_id={self.region_id!r}, access_key_id={self.access_key_id!r}, ...)"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Which objects make records, and how."""

    sources: tuple[str, ...]
    selection: Selection
    template: GoTemplate | None
    target_template: GoTemplate | None
    pair_template: GoTemplate | None
    resources: tuple[str, ...]
    """Names of the resources that --source=unstructured reads: `certificates.v1.cert-manager.io`."""
    service: ServiceOptions
    pod: PodOptions
    node: NodeOptions
    ingress: IngressOptions
    gateway: GatewayOptions
    shaping: Shaping


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where the objects come from: a folder of manifests if one is given (this project's flag), else an API server."""

    manifests: Path | None
    kubeconfig: str
    server: str
    """URL of the API server, where there is no kubeconfig."""
    qps: int
    burst: int


@dataclass(frozen=True, slots=True)
class PrivateZoneConfig:
    """How PrivateZone is used; this project's flags."""

    create_zones: tuple[str, ...]
    read_qps: float
    write_qps: float
    full_read_seconds: float


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where a webhook provider is, and where ours is served."""

    url: str
    read_timeout: float
    write_timeout: float
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """What keeps one mistake from costing many records, and who is told what; this project's flags."""

    deletions: DeleteLimits
    leader_election: bool
    lease_namespace: str
    lease_name: str
    audit_log: str
    """File, "-" for standard output, "" for none."""
    events: tuple[str, ...]
    propagation_check: bool
    propagation_server: str
    """Address of a DNS server, "" for the machine's own."""
    propagation_port: int


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Where the records go."""

    provider: str
    alibaba_cloud_config_file: str
    """The empty text for none."""
    alibaba_cloud_endpoint: str
    zone_id_filter: tuple[str, ...]
    privatezone: PrivateZoneConfig
    webhook: WebhookConfig


@dataclass(frozen=True, slots=True)
class PlanConfig:
    """What may be changed."""

    policy: str
    domain_filter: tuple[str, ...]
    exclude_domains: tuple[str, ...]
    include_pattern: Pattern | None
    exclude_pattern: Pattern | None
    record_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """How our records are told from others'."""

    registry: str
    owner_id: str
    prefix: str
    suffix: str
    wildcard_replacement: str
    codec: OwnershipCodec
    migrate_from: str | None


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """When to run, and what to tell."""

    interval_seconds: float
    events: bool
    min_event_sync_seconds: float
    once: bool
    dry_run: bool
    metrics_host: str
    metrics_port: int
    log_level: str
    log_format: str


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the command line and the environment say."""

    source: SourceConfig
    cluster: ClusterConfig
    provider: ProviderConfig
    plan: PlanConfig
    registry: RegistryConfig
    control: ControlConfig
    safety: SafetyConfig
    serves_webhook: bool = False
    """Whether only the provider is served, to an ExternalDNS elsewhere."""
    notices: tuple[str, ...] = ()
    """What the user should know about flags that were given, a sentence each."""


def read_alibaba_cloud_config(path: Path, endpoint: str) -> AlibabaCloudConfig:
    """Read the JSON object with regionId, accessKeyId, accessKeySecret, securityToken and vpcId at `path`.

    The keys may be missing, all together: then it is the SDK's to find some.
    ConfigError names the file and what is wrong with it.
    """
    where = f"--alibaba-cloud-config-file {path}"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", source=where) from error
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}", source=where) from error
    if not isinstance(values, dict):
        raise ConfigError("must be an object with regionId, accessKeyId, accessKeySecret and vpcId", source=where)

    def text(key: str, *, required: bool) -> str:
        value = values.get(key, "")
        if not isinstance(value, str) or (required and not value):
            raise ConfigError(f"{key} must be a string{' that is not empty' if required else ''}", source=where)
        return value

    return AlibabaCloudConfig(
        region_id=text("regionId", required=True),
        access_key_id=text("accessKeyId", required=False),
        access_key_secret=text("accessKeySecret", required="accessKeyId" in values),
        vpc_id=text("vpcId", required=False),
        security_token=text("securityToken", required=False),
        endpoint=endpoint,
    )
