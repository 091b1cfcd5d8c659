"""The flags that are this project's own: what they come to, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.errors import ConfigError
from clusterdns.kube.api import ApiServer
from clusterdns.kube.leader import Alone, Leader
from externaldns import flags
from externaldns.announce import REASONS
from externaldns.assembly import build_calls, build_leadership, build_provider
from externaldns.config import Config
from externaldns.guard import DeleteLimits
from externaldns.propagation import PropagationCheck
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.webhook import WebhookProvider
from externaldns.quota_metrics import export_calls, export_propagation


def parse(*arguments: str, webhook: bool = False) -> Config:
    needed = [] if webhook else ["--source=service", "--provider=alibabacloud", "--policy=sync"]
    return flags.parse([*needed, *arguments], {}, webhook=webhook)


@pytest.mark.parametrize(
    ("arguments", "read", "value"),
    [
        ([], lambda config: config.safety.deletions, DeleteLimits(0, 30, 0, False)),
        (
            ["--max-delete=5", "--max-delete-percent=10", "--delete-grace-loops=3", "--allow-mass-delete"],
            lambda config: config.safety.deletions,
            DeleteLimits(5, 10, 3, True),
        ),
        (["--leader-election"], lambda config: config.safety.leader_election, True),
        (["--events-emit=RecordReady,RecordError"], lambda config: config.safety.events, REASONS[::2]),
        ([], lambda config: config.safety.propagation_check, False),
        (["--propagation-check=system"], lambda config: config.safety.propagation_server, ""),
        (["--propagation-check=system"], lambda config: config.safety.propagation_check, True),
        (["--propagation-check=100.100.2.136"], lambda config: config.safety.propagation_server, "100.100.2.136"),
        (["--propagation-check=127.0.0.1:5353"], lambda config: config.safety.propagation_port, 5353),
        (["--propagation-check=[::1]:5353"], lambda config: config.safety.propagation_server, "::1"),
        (["--propagation-check=fd00::1"], lambda config: config.safety.propagation_port, 53),
        (["--privatezone-create-zones=Ex.com."], lambda config: config.provider.privatezone.create_zones, ("ex.com",)),
        (["--privatezone-write-qps=30"], lambda config: config.provider.privatezone.write_qps, 30),
        (["--webhook-address=[::1]:9"], lambda config: config.provider.webhook.host, "::1"),
        (["--webhook-provider-read-timeout=1m"], lambda config: config.provider.webhook.read_timeout, 60),
    ],
)
def test_values(arguments: list[str], read: Callable[[Config], Any], value: object) -> None:
    assert read(parse(*arguments)) == value


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--max-delete-percent=101", "--max-delete-percent: 101 is more than 100"),
        ("--max-delete=-1", "--max-delete: '-1' is not a whole number"),
        ("--propagation-check=dns.example.org", "--propagation-check"),
        ("--propagation-check=dns.example.org:53", "is no DNS server: write IP, IP:PORT or system"),
        ("--privatezone-read-qps=0", "--privatezone-read-qps: API calls is 0, but must be between"),
        ("--webhook-address=nowhere", "--webhook-address: 'nowhere' is no address"),
        ("--events-emit=RecordRead", "did you mean RecordReady"),
    ],
)
def test_what_is_refused(argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(argument)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "environment", "webhook"),
    [
        ([], {}, True),
        (["--webhook-server"], {}, False),
        ([], {"EXTERNAL_DNS_WEBHOOK_SERVER": "true"}, False),
    ],
)
def test_a_webhook_needs_no_source_and_no_policy(
    arguments: list[str], environment: dict[str, str], webhook: bool
) -> None:
    config = flags.parse(arguments, environment, webhook=webhook)
    assert config.serves_webhook
    assert not parse().serves_webhook
    assert (config.provider.provider, config.control.metrics_port) == ("alibabacloud", 8080)
    assert (config.provider.webhook.host, config.provider.webhook.port) == ("127.0.0.1", 8888)


def test_who_leads() -> None:
    server = ApiServer()
    assert isinstance(build_leadership(parse(), server), Alone)
    assert isinstance(build_leadership(parse("--leader-election"), server), Leader)


def test_which_provider(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text('{"regionId": "cn-hangzhou", "accessKeyId": "id", "accessKeySecret": "secret"}')
    log = tmp_path / "audit"
    arguments = [f"--alibaba-cloud-config-file={file}", "--alibaba-cloud-endpoint=http://127.0.0.1:1"]

    async def made(*more: str) -> object:
        async with AsyncExitStack() as cleanup:
            config = parse(*arguments, *more)
            calls = build_calls(config)
            cleanup.callback(calls.close)
            return build_provider(config, calls, Alone(), cleanup)

    assert isinstance(asyncio.run(made(f"--audit-log={log}")), PrivateZoneProvider)
    assert log.exists()
    assert isinstance(asyncio.run(made("--provider=webhook")), WebhookProvider)
    with pytest.raises(ConfigError, match="--alibaba-cloud-config-file"):
        asyncio.run(made("--alibaba-cloud-config-file=/no/such/file"))


def test_calls_and_propagation_as_metrics() -> None:
    registry, calls = CollectorRegistry(), build_calls(parse("--privatezone-read-qps=7"))

    async def ask(name: str, record_type: str) -> frozenset[str]:
        return frozenset()

    check = PropagationCheck(ask, lambda endpoint, seconds: None)
    check.seconds.add(0.3)
    calls.outcomes["write", "ok"] += 2
    calls.outcomes["write", "Throttling.User"] += 1
    export_calls(registry, calls)
    export_propagation(registry, check, None)
    calls.close()
    lines = generate_latest(registry).decode().splitlines()
    assert set(lines) >= {
        'clusterdns_externaldns_privatezone_calls_total{family="write",outcome="ok"} 2.0',
        'clusterdns_externaldns_privatezone_calls_total{family="write",outcome="Throttling.User"} 1.0',
        'clusterdns_externaldns_privatezone_call_rate{family="read"} 7.0',
        'clusterdns_externaldns_propagation_seconds_bucket{le="0.5"} 1.0',
        "clusterdns_externaldns_propagation_seconds_count 1.0",
        "clusterdns_externaldns_propagation_missed_total 0.0",
    }
