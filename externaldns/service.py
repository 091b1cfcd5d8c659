"""externaldns from end to end: read this first.

    Services, EndpointSlices, Pods, Nodes        PrivateZone (HTTP API)
      API server or folder of manifests             |              ^
                 |                                  | provider     | provider.apply -> operations -> write gateway
                 v                                  v              |
             kube stores                     zones and rows        |
                 | sources                          | ownership    | ownership records added
                 v                                  v              |
          wanted records  ------------------->    plan  ------> changes (filtered by policy)

`controller.run_once` walks this picture. This module reads the flags, builds the parts and keeps them running; it is
the only one that knows them all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from importlib import metadata
from typing import Any

from clusterdns.daemon import lifecycle, logs
from clusterdns.daemon.http import HttpServer
from clusterdns.daemon.metrics import exposition, new_registry
from clusterdns.errors import ConfigError
from clusterdns.kube.access import Access
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from externaldns import flags
from externaldns.config import Config, read_alibaba_cloud_config
from externaldns.controller import Controller, Rules
from externaldns.domain_filter import DomainFilter
from externaldns.measurements import Measurements, export
from externaldns.policy import POLICIES
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from externaldns.providers.provider import Provider
from externaldns.registries import build_registry
from externaldns.schedule import Schedule
from externaldns.sources.build import build_sources, kinds_of

logger = logging.getLogger(__name__)

ONCE_SYNC_SECONDS = 60.0
"""How long --once waits for the stores to be filled; ExternalDNS waits as long."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run externaldns with the flags `argv` (without the program's name; None: the command line's).

    Returns the exit code: 0 when told to stop, or after a good `--once`; 1 after a bad one, or for a wrong flag.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if "--help" in arguments:
        sys.stdout.write(flags.usage())
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"externaldns {metadata.version('clusterdns')}\n")
        return 0
    try:
        config = flags.parse(arguments, os.environ)
        logs.setup(config.control.log_level, config.control.log_format)
        for notice in config.notices:
            logger.warning("%s", notice)
    except ConfigError as error:
        sys.stderr.write(f"externaldns: {error}\n")
        return 1
    return lifecycle.run(lambda stop: serve(config, stop))


async def serve(config: Config, stop: asyncio.Event) -> int:
    """Run until `stop` is set, or until the one run of `--once` is done; return the exit code."""
    cluster = Cluster()
    measurements = Measurements()
    async with AsyncExitStack() as cleanup:
        calls = Calls()
        cleanup.callback(calls.close)
        provider = build_provider(config, calls)
        controller = build_controller(config, cluster, provider, measurements)
        if not config.control.once:
            await _start_http(config, measurements, cleanup)
        work = _run_once(controller) if config.control.once else _run(controller, config)
        return await _first_of(work, fill(config, cluster), stop)


def build_provider(config: Config, calls: Calls) -> Provider:
    """Make the provider that `config` names; ConfigError if its credentials file or endpoint can't be used."""
    account = read_alibaba_cloud_config(
        config.provider.alibaba_cloud_config_file, config.provider.alibaba_cloud_endpoint
    )
    api = SdkApi(account)
    gateway = WriteGateway(api, api, calls, dry_run=config.control.dry_run)
    choice = ZoneChoice(account.vpc_id, config.provider.zone_id_filter, _domains(config))
    return PrivateZoneProvider(api, calls, gateway, choice)


def build_controller(config: Config, cluster: Cluster, provider: Provider, measurements: Measurements) -> Controller:
    """Put the controller together around `cluster`'s stores and `provider`."""
    rules = Rules(POLICIES[config.plan.policy], _domains(config), config.plan.record_types, config.source.shaping)
    return Controller(
        build_sources(config.source, cluster),
        build_registry(config.registry),
        provider,
        rules,
        measurements=measurements,
    )


async def fill(config: Config, cluster: Cluster) -> None:
    """Keep the stores of `cluster` filled until cancelled; ConfigError if there is nothing to fill them from."""
    if config.cluster.manifests is not None:
        folder = ManifestFolder(config.cluster.manifests, cluster)
        folder.load()
        await folder.watch()
    else:
        kinds = kinds_of(build_sources(config.source, Cluster()))
        selectors = {"Pod": UNFINISHED_PODS}
        access = Access(config.cluster.kubeconfig, qps=config.cluster.qps, burst=config.cluster.burst)
        watch = ClusterWatch(cluster, access, kinds, config.source.selection.namespace, field_selectors=selectors)
        await watch.run()


async def _run(controller: Controller, config: Config) -> int:
    schedule = Schedule(config.control.interval_seconds, config.control.min_event_sync_seconds)
    await controller.run(schedule, events=config.control.events)
    return 0


async def _run_once(controller: Controller) -> int:
    # If time is up, the run itself refuses, and says which store is missing.
    with suppress(TimeoutError):
        async with asyncio.timeout(ONCE_SYNC_SECONDS):
            await controller.wait_synced()
    return 0 if await controller.try_once() else 1


async def _first_of(work: Coroutine[Any, Any, int], feed: Coroutine[Any, Any, None], stop: asyncio.Event) -> int:
    """Run both until `work` is done (its result), `stop` is set (0), or one of them fails (its error)."""
    working, feeding = asyncio.create_task(work), asyncio.create_task(feed)
    stopping = asyncio.create_task(stop.wait())
    tasks: tuple[asyncio.Task[Any], ...] = (working, feeding, stopping)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return working.result() if working in done else 0
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _start_http(config: Config, measurements: Measurements, cleanup: AsyncExitStack) -> None:
    registry = new_registry("externaldns", metadata.version("clusterdns"))
    export(registry, measurements)
    server = HttpServer()
    server.add("/metrics", lambda: exposition(registry))
    server.add("/healthz", lambda: (200, "text/plain; charset=utf-8", b"OK\n"))
    cleanup.push_async_callback(server.close)
    await server.start(config.control.metrics_host, config.control.metrics_port)


def _domains(config: Config) -> DomainFilter:
    return DomainFilter.parse(
        config.plan.domain_filter,
        config.plan.exclude_domains,
        config.plan.include_pattern,
        config.plan.exclude_pattern,
    )


if __name__ == "__main__":
    sys.exit(main())
