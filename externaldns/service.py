"""externaldns from end to end: read this first.

    Services, EndpointSlices, Pods ...           PrivateZone (HTTP API), or another's webhook
      API server or folder of manifests             |              ^
                 |                                  | provider     | provider.apply -> operations -> write gateway
                 v                                  v              |
             kube stores                     mirrors of zones      |
                 | sources                          | ownership    | ownership records added
                 v                                  v              |
          wanted records  ------------------->    plan  ------> changes (policy, delete guard, lease)

`loop` decides when, and for which names, `controller` walks this picture. This module reads the flags, has the parts
made (`assembly`) and keeps them running. `externaldns webhook` serves the right half of the picture to an ExternalDNS
of others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from importlib import metadata
from typing import Any

from prometheus_client import CollectorRegistry

from clusterdns.daemon import lifecycle, logs
from clusterdns.daemon.http import HttpServer
from clusterdns.daemon.metrics import exposition, new_registry
from clusterdns.errors import ClusterDNSError, ConfigError
from clusterdns.forward.host_names import CAresLookUp
from clusterdns.kube.api import ApiServer
from clusterdns.kube.events import EventRecorder
from clusterdns.kube.leader import Alone, Leader
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.requests import RequestCounters
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from clusterdns.limits import PRIVATEZONE_CONNECT_SECONDS, PRIVATEZONE_READ_SECONDS
from externaldns import flags
from externaldns.announce import Announcer
from externaldns.assembly import (
    access_of,
    build_calls,
    build_controller,
    build_leadership,
    build_provider,
    build_status,
    domains_of,
    identity,
)
from externaldns.changes import ChangeResult
from externaldns.config import Config
from externaldns.controller import Controller, NotSynced
from externaldns.endpoint_status import StatusWriter
from externaldns.health import Health
from externaldns.loop import ControlLoop
from externaldns.measurements import Measurements, export
from externaldns.propagation import DnsAsker, PropagationCheck
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.webhook import WebhookProvider
from externaldns.quota_metrics import export_calls, export_propagation, export_requests, export_webhook
from externaldns.schedule import Schedule
from externaldns.sources.build import build_sources, kinds_of
from externaldns.sources.crd import CrdSource
from externaldns.sources.load_balancer_hosts import LoadBalancerHosts
from externaldns.sources.source import collect
from externaldns.takeover_command import COMMANDS, Reach, Request, read_request, take_over
from externaldns.webhook_server import WebhookServer

logger = logging.getLogger(__name__)

ONCE_SYNC_SECONDS = 60.0
"""How long --once, adopt and transfer wait for the stores to be filled; ExternalDNS waits as long."""

_ONCE_EVENTS_SECONDS = 10.0
"""How long --once waits until its Kubernetes Events are posted, and the status of DNSEndpoints is written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run externaldns with the flags `argv` (without the program's name; None: the command line's).

    Returns the exit code: 0 when told to stop, or after a good `--once`; 1 after a bad one, or for a wrong flag.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--help" in arguments:
        sys.stdout.write(flags.usage())
        return 0
    if "--version" in arguments:
        sys.stdout.write(f"externaldns {metadata.version('clusterdns')}\n")
        return 0
    webhook = arguments[:1] == ["webhook"]
    request: Request | None = None
    try:
        if arguments and arguments[0] in COMMANDS:
            request, arguments = read_request(arguments)
        config = flags.parse(arguments[1:] if webhook else arguments, os.environ, webhook=webhook)
        logs.setup(config.control.log_level, config.control.log_format)
        for notice in config.notices:
            logger.warning("%s", notice)
    except ConfigError as error:
        sys.stderr.write(f"externaldns: {error}\n")
        return 1
    if request is not None:
        return lifecycle.run(lambda stop: serve_takeover(request, config, stop))
    return lifecycle.run(lambda stop: (serve_webhook if config.serves_webhook else serve)(config, stop))


async def serve(config: Config, stop: asyncio.Event) -> int:
    """Run until `stop` is set, or until the one run of `--once` is done; return the exit code."""
    cluster = Cluster()
    measurements = Measurements()
    async with AsyncExitStack() as cleanup:
        calls = build_calls(config)
        cleanup.callback(calls.close)
        requests = RequestCounters()
        server = ApiServer(access_of(config), counters=requests)
        cleanup.push_async_callback(server.close)
        leadership = build_leadership(config, server)
        provider = build_provider(config, calls, leadership, cleanup)
        followers = _Followers(config, server, cleanup)
        controller = build_controller(config, cluster, provider, measurements, leadership, followers.applied)
        status = build_status(config, cluster, server, leadership)

        def at_rest(waits: Callable[[str], bool]) -> None:
            if status is not None:
                status.settle(controller.settled(CrdSource.name, waits))

        loop = ControlLoop(
            controller,
            Schedule(config.control.interval_seconds),
            events=config.control.events,
            gap_seconds=config.control.min_event_sync_seconds,
            leadership=leadership,
            at_rest=at_rest,
        )
        helpers: list[Coroutine[Any, Any, None]] = [fill(config, cluster, requests), *followers.work]
        if status is not None and not config.control.once:
            helpers.append(status.run())
        if isinstance(leadership, Leader):
            # The next leader must not begin while a write of ours may still arrive.
            longest = PRIVATEZONE_CONNECT_SECONDS.default + PRIVATEZONE_READ_SECONDS.default
            helpers.append(leadership.run(lambda: calls.finish(longest)))
        if not config.control.once:
            health = Health(controller, loop, time.monotonic, time.time, lambda: calls.heard, lambda: _role(leadership))
            registry = _registry(measurements, calls)
            export_propagation(registry, followers.propagation, followers.recorder)
            export_webhook(registry, provider if isinstance(provider, WebhookProvider) else None)
            asked = [provider.times] if isinstance(provider, WebhookProvider) else [calls.times]
            export_requests(registry, [requests, *asked])
            await _start_http(config, registry, health.answer, cleanup)
        if config.control.once:
            work = _run_once(controller, loop, leadership, followers.recorder, status)
        else:
            work = _run(loop)
        return await _first_of(work, helpers, stop)


async def serve_webhook(config: Config, stop: asyncio.Event) -> int:
    """`externaldns webhook`: serve the provider until `stop` is set."""
    measurements = Measurements()
    async with AsyncExitStack() as cleanup:
        calls = build_calls(config)
        cleanup.callback(calls.close)
        provider = build_provider(config, calls, Alone(), cleanup)
        webhook = WebhookServer(provider, domains_of(config), measurements)
        cleanup.push_async_callback(webhook.close)
        host, port = await webhook.start(config.provider.webhook.host, config.provider.webhook.port)
        logger.info("the webhook is served at %s port %d", host, port)
        await _start_http(
            config, _registry(measurements, calls), lambda: (200, "text/plain; charset=utf-8", b"OK\n"), cleanup
        )
        await stop.wait()
    return 0


async def serve_takeover(request: Request, config: Config, stop: asyncio.Event) -> int:
    """`externaldns adopt` or `transfer`: tell what is taken over, and do it if asked to; return the exit code."""
    cluster = Cluster()
    # A zone that is missing would be made before anything is told.
    dry_run = config.control.dry_run or not request.apply
    config = replace(config, control=replace(config.control, dry_run=dry_run))
    async with AsyncExitStack() as cleanup:
        calls = build_calls(config)
        cleanup.callback(calls.close)
        provider = build_provider(config, calls, Alone(), cleanup)

        async def work() -> int:
            sources = build_sources(config.source, cluster)
            stores = [store for source in sources for store in source.stores]
            with suppress(TimeoutError):
                async with asyncio.timeout(ONCE_SYNC_SECONDS):
                    for store in stores:
                        await store.wait_synced()
            try:
                if missing := sorted({store.kind for store in stores if not store.synced}):
                    raise NotSynced(missing)
                wanted = collect(sources, config.source.shaping).endpoints
                reach = Reach(domains_of(config), config.plan.record_types)
                asked = replace(request, apply=not dry_run)
                done = await take_over(asked, config.registry, wanted, provider, reach, _print)
            except ConfigError:
                raise
            except ClusterDNSError as error:
                sys.stderr.write(f"externaldns: {error}\n")
                return 1
            return 0 if done else 1

        return await _first_of(work(), [fill(config, cluster)], stop)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def fill(config: Config, cluster: Cluster, requests: RequestCounters | None = None) -> None:
    """Keep the stores of `cluster` filled until cancelled; ConfigError if there is nothing to fill them from.

    `requests` counts what is asked of the API server.
    """
    work = [_fill_from_cluster(config, cluster, requests)]
    if config.source.service.resolve_hosts:
        admits = config.source.selection.admits
        work.append(LoadBalancerHosts(cluster.services, cluster.host_addresses, CAresLookUp(), admits).run())
    await asyncio.gather(*work)


async def _fill_from_cluster(config: Config, cluster: Cluster, requests: RequestCounters | None) -> None:
    if config.cluster.manifests is not None:
        folder = ManifestFolder(config.cluster.manifests, cluster, custom=config.source.resources)
        folder.load()
        await folder.watch()
    else:
        kinds = kinds_of(build_sources(config.source, Cluster()))
        # A route may be attached to a Gateway of another namespace.
        for_gateways, access = kinds & {"Gateway"}, access_of(config)
        selectors = {"Pod": UNFINISHED_PODS}
        namespace, of_gateways = config.source.selection.namespace, config.source.gateway.namespace
        watch = ClusterWatch(
            cluster, access, kinds - for_gateways, namespace, field_selectors=selectors, requests=requests
        )
        gateways = ClusterWatch(cluster, access, for_gateways, of_gateways, requests=requests)
        await asyncio.gather(watch.run(), gateways.run())
        # There was nothing to watch: `fake` and `empty` have no objects.
        await asyncio.Event().wait()


class _Followers:
    """Those who are told of each change that was applied: events for people, and the propagation check."""

    def __init__(self, config: Config, server: ApiServer, cleanup: AsyncExitStack) -> None:
        self.work: list[Coroutine[Any, Any, None]] = []
        self.recorder: EventRecorder | None = None
        self.propagation: PropagationCheck | None = None
        safety = config.safety
        # There is nobody to post to where objects come from a folder, and a dry run makes nothing to tell of.
        posts = bool(safety.events) and config.cluster.manifests is None and not config.control.dry_run
        if posts:
            self.recorder = EventRecorder(server, "external-dns", identity())
            self.work.append(self.recorder.run())
        self._announcer = Announcer(safety.events, self.recorder.post) if self.recorder else None
        if safety.propagation_check and not config.control.dry_run:
            asker = DnsAsker(safety.propagation_server, safety.propagation_port)
            cleanup.push_async_callback(asker.close)
            answered = self._announcer.answered if self._announcer else lambda endpoint, seconds: None
            self.propagation = PropagationCheck(asker, answered)
            cleanup.push_async_callback(self.propagation.close)

    def applied(self, results: Sequence[ChangeResult], changed_at: Mapping[str, float]) -> None:
        if self._announcer is not None:
            self._announcer.applied(results, changed_at)
        if self.propagation is not None:
            self.propagation.applied(results, changed_at)


async def _run(loop: ControlLoop) -> int:
    await loop.run()
    return 0


async def _run_once(
    controller: Controller,
    loop: ControlLoop,
    leadership: Alone | Leader,
    recorder: EventRecorder | None,
    status: StatusWriter | None,
) -> int:
    # If time is up, the run itself refuses, and says which store is missing, or that we do not lead.
    with suppress(TimeoutError):
        async with asyncio.timeout(ONCE_SYNC_SECONDS):
            await controller.wait_synced()
            await leadership.leading()
            if isinstance(leadership, Leader):
                controller.take_over()
    outcome = await loop.run_full()
    loop.rest()
    with suppress(TimeoutError):
        async with asyncio.timeout(_ONCE_EVENTS_SECONDS):
            if recorder is not None:
                await recorder.sent()
            if status is not None:
                await status.write()
    whole = outcome is not None and not (outcome.failed or outcome.unread)
    return 0 if whole and not controller.left_out() else 1


async def _first_of(
    work: Coroutine[Any, Any, int], helpers: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event
) -> int:
    """Run all until `work` is done (its result), `stop` is set (0), or one of them fails (its error)."""
    working = asyncio.create_task(work)
    tasks: list[asyncio.Task[Any]] = [working, *(asyncio.create_task(helper) for helper in helpers)]
    tasks.append(asyncio.create_task(stop.wait()))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return working.result() if working in done else 0
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _role(leadership: Alone | Leader) -> str:
    if isinstance(leadership, Alone):
        return "none"
    return "leading" if leadership.leads else f"standing by; {leadership.holder or 'nobody'} leads"


def _registry(measurements: Measurements, calls: Calls) -> CollectorRegistry:
    registry = new_registry("externaldns", metadata.version("clusterdns"))
    export(registry, measurements)
    export_calls(registry, calls)
    return registry


async def _start_http(
    config: Config,
    registry: CollectorRegistry,
    health: Callable[[], tuple[int, str, bytes]],
    cleanup: AsyncExitStack,
) -> None:
    server = HttpServer()
    server.add("/metrics", lambda: exposition(registry))
    server.add("/healthz", health)
    cleanup.push_async_callback(server.close)
    await server.start(config.control.metrics_host, config.control.metrics_port)


if __name__ == "__main__":
    sys.exit(main())
