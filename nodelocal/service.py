"""nodelocal: the node's DNS cache, in NodeLocal DNSCache's place. Read this first.

    flags ──► template and ConfigMap ──► Corefile ──► chains: errors, log, autopath, cache, hosts, forward, …
          ──► pods of this node, for the search walk (autopath @node)
          ──► link, addresses and rules           ──► sockets, /health, /ready, /metrics ──► answers until SIGTERM

    nodelocal -conf /etc/Corefile -localip 169.254.20.10
    nodelocal -conf Corefile -localip 127.0.0.1 -dns.port 5353 -setupinterface=false -setupiptables=false

The cluster's names go upstream over TCP, with the pod's address where the Corefile's `forward` has `client_subnet`;
answers come from the packet cache, and behind it from the message cache. A Corefile that changes, by hand or because
its template or the kube-dns ConfigMap did, takes effect behind the same sockets.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from clusterdns import __version__
from clusterdns.daemon import flags, lifecycle, logs
from clusterdns.daemon.corefile_loader import Loaded, load_corefile
from clusterdns.daemon.dns_metrics import register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import exposition, new_registry
from clusterdns.daemon.pid_file import PidFile
from clusterdns.daemon.reload import Reload
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import STANDARD
from clusterdns.directives.parts import WILDCARDS
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from nodelocal.cluster_dns import ClusterDns, NoClusterDns
from nodelocal.config_sync import ConfigSync
from nodelocal.flags import FLAGS, Options, options_of
from nodelocal.interception import Interception
from nodelocal.node_pods import NodePods
from nodelocal.setup_errors import SetupErrors
from nodelocal.setup_metrics import setup_pages, setup_source

_log = logging.getLogger(__name__)

_TEARDOWN_SECONDS = 10.0
"""How long link and rules may take to go; a pod has 30 s to end, and a lame duck period may come first."""
DIRECTIVES = STANDARD


def main(arguments: Sequence[str] | None = None) -> int:
    """Run nodelocal; returns its exit code."""
    try:
        given = flags.parse(
            FLAGS, sys.argv[1:] if arguments is None else arguments, program="nodelocal", version=__version__
        )
        if given.answer:
            sys.stdout.write(given.answer)
            return 0
        options = options_of(given)
        logs.setup(options.log_level, options.log_format)
    except ConfigError as error:
        sys.stderr.write(f"nodelocal: {error}\n")
        return 2
    if options.without_effect:
        _log.warning("accepted without effect: -%s", ", -".join(options.without_effect))
    return lifecycle.run(lambda stop: serve(options, stop))


async def serve(options: Options, stop: asyncio.Event) -> int:
    """Serve the Corefile, and whatever it changes to, until `stop` is set. Raises ConfigError."""
    pid_file = PidFile(options.pidfile)
    cluster_dns = ClusterDns(options.cluster_dns, os.environ, kubeconfig=options.kubeconfig)
    sync = ConfigSync(options, cluster_dns, lambda path: _load(path, options))
    errors = SetupErrors()
    interception = Interception(options, errors)
    cluster_dns.subscribe(partial(_tell, interception, cluster_dns))
    pods = NodePods(options.node_name or os.environ.get("NODE_NAME", ""), options.kubeconfig)
    try:
        await cluster_dns.start()
        if not await sync.prepare(stop):
            return 0
        await interception.start()
        try:
            await _answer(options, sync, errors, pods, interception, pid_file, stop)
        finally:
            await interception.stop(_TEARDOWN_SECONDS)
    finally:
        await pods.close()
        await cluster_dns.close()
        pid_file.remove()
    return 0


async def _answer(
    options: Options,
    sync: ConfigSync,
    errors: SetupErrors,
    pods: NodePods,
    interception: Interception,
    pid_file: PidFile,
    stop: asyncio.Event,
) -> None:
    """Answer the node's packets until `stop` is set. Raises ConfigError."""
    server, background = _make_server(options, sync, errors, pods)
    background.append(lifecycle.eternal("interception", interception.keep))

    async def serve_there() -> None:
        await interception.serve(server.addresses, server.take_over, pid_file.write)

    try:
        # Whoever has our port may be about to go: a nodelocal of an earlier version does not share it.
        if await server.start(math.inf, stop):
            lifecycle.settle_memory()
            background.append(lifecycle.eternal("heartbeat", serve_there))
            await server.serve_until(stop, leaving=interception.withdraw)
    finally:
        for task in background:
            task.cancel()
        await server.close()


def _tell(interception: Interception, cluster_dns: ClusterDns, endpoints: tuple[Upstream, ...]) -> None:
    """Tell where clients may be sent while nodelocal does not answer."""
    interception.set_endpoints(endpoints)
    with suppress(NoClusterDns):
        interception.set_servers(cluster_dns.servers())


def _make_server(
    options: Options, sync: ConfigSync, errors: SetupErrors, pods: NodePods
) -> tuple[DnsServer, list[asyncio.Task[None]]]:
    """The server of the Corefile as it is now, and the tasks that follow the Corefile from now on."""

    def make(loaded: Loaded) -> Assembly:
        addresses = options.local_addresses or WILDCARDS
        return assemble(
            loaded.servers, clock=time.monotonic, makers={"autopath": pods.make}, default_addresses=addresses
        )

    async def apply(changed: Loaded) -> None:
        assembly = make(changed)
        with assembly.parts.unless_it_fails():
            pods.start(assembly)
        await server.replace(changed.servers, assembly)
        await pods.stop_others(assembly)

    async def reload_now() -> None:
        reload.now()

    loaded = _load(options.corefile, options)
    registry = new_registry("nodelocal", __version__)
    setup_errors = setup_source(errors, lambda: sync.errors)
    pages = dict(setup_pages(options.metrics, __version__, setup_errors) if options.metrics else {})
    if options.prometheus:
        pages[options.prometheus] = {"/metrics": lambda: exposition(registry)}
    assembly = make(loaded)
    pods.start(assembly)
    server = DnsServer(loaded.servers, assembly, registry, pages)
    reload = Reload(loaded, lambda: _load(options.corefile, options), apply)
    register_reload_metrics(registry, reload.counters)
    register_kube_metrics(registry, pods.watches.values, list)
    return server, [
        lifecycle.eternal("reload", reload.run),
        lifecycle.eternal("config sync", lambda: sync.watch(reload_now)),
    ]


def _load(path: str, options: Options) -> Loaded:
    return load_corefile(path, DIRECTIVES, default_port=options.dns_port)


if __name__ == "__main__":
    sys.exit(main())
