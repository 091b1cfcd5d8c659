"""The parts of externaldns put together from its configuration: provider, registry, sources, leadership, controller."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from clusterdns.errors import ConfigError
from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.kube.leader import Alone, Leader, Leadership
from clusterdns.kube.lease import LeaseClient
from clusterdns.kube.store import Cluster
from externaldns.config import AlibabaCloudConfig, Config, read_alibaba_cloud_config
from externaldns.controller import Controller, Report
from externaldns.decision import Rules
from externaldns.domain_filter import DomainFilter
from externaldns.endpoint_status import StatusWriter
from externaldns.measurements import Measurements
from externaldns.policy import POLICIES
from externaldns.providers.privatezone.audit import AuditLog
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.client import DEFAULT_ENDPOINT, SdkApi
from externaldns.providers.privatezone.credentials import FileCredentials, default_chain
from externaldns.providers.privatezone.gateway import Audit, WriteGateway, tell_nobody
from externaldns.providers.privatezone.metadata import MetadataService
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from externaldns.providers.provider import Provider
from externaldns.providers.webhook import WebhookProvider
from externaldns.registries import build_registry
from externaldns.sources.build import build_sources

_PROCESS = secrets.token_hex(6)
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def build_provider(config: Config, calls: Calls, leadership: Leadership, cleanup: AsyncExitStack) -> Provider:
    """Make the provider that `config` names; ConfigError if its credentials file or endpoint can't be used."""
    if config.provider.provider == "webhook":
        webhook = config.provider.webhook
        provider = WebhookProvider(
            webhook.url,
            read_timeout=webhook.read_timeout,
            write_timeout=webhook.write_timeout,
            dry_run=config.control.dry_run,
        )
        cleanup.push_async_callback(provider.close)
        return provider
    account = read_account(config)
    api = SdkApi(account, _credential(config, account))
    audit: Audit = tell_nobody
    if config.safety.audit_log:
        log = AuditLog(config.safety.audit_log, identity(), config.registry.owner_id)
        cleanup.callback(log.close)
        audit = log
    gateway = WriteGateway(api, api, calls, dry_run=config.control.dry_run, fence=leadership.require, audit=audit)
    privatezone = config.provider.privatezone
    choice = ZoneChoice(
        account.vpc_id,
        config.provider.zone_id_filter,
        domains_of(config),
        privatezone.create_zones,
        account.region_id,
    )
    return PrivateZoneProvider(
        api, calls, gateway, choice, full_read_seconds=0 if config.control.once else privatezone.full_read_seconds
    )


def build_calls(config: Config) -> Calls:
    """Make the way to PrivateZone's API, within its quota."""
    privatezone = config.provider.privatezone
    host = urlsplit(config.provider.alibaba_cloud_endpoint).netloc or urlsplit(DEFAULT_ENDPOINT).netloc
    return Calls(rates={"read": privatezone.read_qps, "write": privatezone.write_qps}, host=host)


def build_controller(
    config: Config,
    cluster: Cluster,
    provider: Provider,
    measurements: Measurements,
    leadership: Leadership | None = None,
    report: Report = lambda results, changed_at: None,
) -> Controller:
    """Put the controller together around `cluster`'s stores and `provider`."""
    rules = Rules(
        POLICIES[config.plan.policy],
        domains_of(config),
        config.plan.record_types,
        config.source.shaping,
        config.safety.deletions,
    )
    return Controller(
        build_sources(config.source, cluster),
        build_registry(config.registry),
        provider,
        rules,
        leadership=leadership,
        measurements=measurements,
        report=report,
    )


def build_status(config: Config, cluster: Cluster, server: ApiServer, leadership: Leadership) -> StatusWriter | None:
    """Make what writes the status of DNSEndpoints; None where there are none, or nobody to write to."""
    if "crd" not in config.source.sources or config.cluster.manifests is not None or config.control.dry_run:
        return None
    return StatusWriter(cluster.dns_endpoints, server, lambda: leadership.leads)


def build_leadership(config: Config, server: ApiServer) -> Alone | Leader:
    """Make the candidate for the Lease; without election, one who always leads."""
    if not config.safety.leader_election:
        return Alone()
    namespace = config.safety.lease_namespace or own_namespace()
    return Leader(LeaseClient(server, namespace, config.safety.lease_name), identity())


def access_of(config: Config) -> Access:
    """Return how to reach the API server."""
    cluster = config.cluster
    return Access(cluster.kubeconfig, endpoint=cluster.server, qps=cluster.qps, burst=cluster.burst)


def identity() -> str:
    """Return the name of this process: the pod's, which is its host name, and what no other process has.

    A process's number would not do: it is 1 in every container, and pods of the host's network share the host's name.
    Two of one name would both take the Lease for their own.
    """
    return f"{socket.gethostname()}_{_PROCESS}"


def own_namespace() -> str:
    """Return the namespace of the pod that this runs in; "default" outside of pods."""
    try:
        return _NAMESPACE_FILE.read_text(encoding="ascii").strip() or "default"
    except OSError:
        return "default"


def read_account(config: Config, metadata: MetadataService | None = None) -> AlibabaCloudConfig:
    """Read the file with the account. Without one, keys are the SDK's to find, and region and VPC are those of the
    machine, unless the environment turns ECS metadata off: then the zones of every VPC are ours. Raises ConfigError.
    """
    file, endpoint = config.provider.alibaba_cloud_config_file, config.provider.alibaba_cloud_endpoint
    if file:
        return read_alibaba_cloud_config(Path(file), endpoint)
    region, vpc = os.environ.get("ALIBABA_CLOUD_REGION_ID", ""), ""
    if os.environ.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() != "true":
        metadata = metadata or MetadataService()
        try:
            vpc, region = metadata.read("vpc-id"), region or metadata.read("region-id")
        except OSError as error:
            raise ConfigError(
                f"is empty, and the ECS metadata service does not say which VPC this is ({error}): name a file with "
                "regionId and vpcId; it need not have keys",
                source="--alibaba-cloud-config-file",
            ) from error
    return AlibabaCloudConfig(region, "", "", vpc, endpoint)


def domains_of(config: Config) -> DomainFilter:
    """Return which names may be managed."""
    return DomainFilter.parse(
        config.plan.domain_filter,
        config.plan.exclude_domains,
        config.plan.include_pattern,
        config.plan.exclude_pattern,
    )


def _credential(config: Config, account: AlibabaCloudConfig) -> object:
    if account.access_key_id:
        return FileCredentials(Path(config.provider.alibaba_cloud_config_file))
    return default_chain()
