"""From flags to the configuration of what is this project's own: the delete guard, election, PrivateZone, webhooks."""

from __future__ import annotations

import ipaddress

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_RATE
from externaldns.config import PrivateZoneConfig, SafetyConfig, WebhookConfig
from externaldns.flag_table import Value
from externaldns.flag_values import Values
from externaldns.guard import DeleteLimits
from externaldns.record import normalize_name

WEBHOOK_DEFAULTS: dict[str, Value] = {
    # Needed for a whole configuration, and used by nobody who serves a provider only.
    "source": ("service",),
    "policy": "sync",
    "provider": "alibabacloud",
    # Where ExternalDNS's documentation has the probes of a webhook provider.
    "metrics-address": ":8080",
}
"""The defaults that `externaldns webhook` has in place of the table's."""


def configure_safety(values: Values) -> SafetyConfig:
    """Return what keeps mistakes small; ConfigError names the flag that is wrong."""
    percent = values.integer("max-delete-percent")
    if percent > 100:
        raise ConfigError(f"{percent} is more than 100", source="--max-delete-percent")
    server, port = "", 53
    check = values.text("propagation-check")
    if check not in ("", "system"):
        server, port = _dns_server(check)
    return SafetyConfig(
        deletions=DeleteLimits(
            max_delete=values.integer("max-delete"),
            max_delete_percent=percent,
            grace_loops=values.integer("delete-grace-loops"),
            allow_mass_delete=values.switch("allow-mass-delete"),
        ),
        leader_election=values.switch("leader-election"),
        lease_namespace=values.text("leader-election-namespace"),
        lease_name=values.text("leader-election-name"),
        audit_log=values.text("audit-log"),
        events=values.texts("events-emit"),
        propagation_check=check != "",
        propagation_server=server,
        propagation_port=port,
    )


def configure_privatezone(values: Values) -> PrivateZoneConfig:
    """Return how PrivateZone is used."""
    rates = [
        PRIVATEZONE_RATE.check(values.integer(name), where=f"--{name}")
        for name in ("privatezone-read-qps", "privatezone-write-qps")
    ]
    return PrivateZoneConfig(
        create_zones=tuple(normalize_name(name) for name in values.texts("privatezone-create-zones")),
        read_qps=rates[0],
        write_qps=rates[1],
        full_read_seconds=values.seconds("privatezone-full-read-interval"),
    )


def configure_webhook(values: Values) -> WebhookConfig:
    """Return where webhook providers are."""
    host, port = split_address(values.text("webhook-address"), "--webhook-address")
    return WebhookConfig(
        url=values.text("webhook-provider-url"),
        read_timeout=values.seconds("webhook-provider-read-timeout"),
        write_timeout=values.seconds("webhook-provider-write-timeout"),
        host=host,
        port=port,
    )


def split_address(address: str, flag: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; ConfigError names `flag`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{address!r} is no address: write HOST:PORT or :PORT", source=flag)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _dns_server(text: str) -> tuple[str, int]:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))), 53
    except ValueError:
        pass
    host, port = split_address(text, "--propagation-check")
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        reason = f"{text!r} is no DNS server: write IP, IP:PORT or system"
        raise ConfigError(reason, source="--propagation-check") from None
