"""nodelocal: the node's DNS cache, in NodeLocal DNSCache's place. Read this first.

    flags ──► template and ConfigMap ──► Corefile ──► chains: errors, log, cache, hosts, forward, …
                                                  ──► sockets, /health, /ready, /metrics ──► answers until SIGTERM

    nodelocal -conf /etc/Corefile -localip 169.254.20.10 -setupinterface=false -setupiptables=false

The cluster's names go upstream over TCP, with the pod's address where the Corefile's `forward` has `client_subnet`;
answers come from the packet cache, and behind it from the message cache. A Corefile that changes, by hand or because
its template or the kube-dns ConfigMap did, takes effect behind the same sockets.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence

from clusterdns import __version__
from clusterdns.daemon import flags, lifecycle, logs
from clusterdns.daemon.corefile_loader import Loaded, load_corefile
from clusterdns.daemon.dns_metrics import register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.metrics import new_registry
from clusterdns.daemon.reload import Reload
from clusterdns.directives.assemble import WILDCARDS, Assembly, assemble
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError
from nodelocal.cluster_dns import ClusterDns
from nodelocal.config_sync import ConfigSync
from nodelocal.flags import FLAGS, Options, options_of

_log = logging.getLogger(__name__)

# The search walk is autopath's; there is nothing to walk with on the node.
DIRECTIVES = {name: parser for name, parser in STANDARD.items() if name != "autopath"}


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
        _refuse_interception(options)
    except ConfigError as error:
        sys.stderr.write(f"nodelocal: {error}\n")
        return 2
    if options.without_effect:
        _log.warning("accepted without effect: -%s", ", -".join(options.without_effect))
    return lifecycle.run(lambda stop: serve(options, stop))


async def serve(options: Options, stop: asyncio.Event) -> int:
    """Serve the Corefile, and whatever it changes to, until `stop` is set. Raises ConfigError."""
    lifecycle.write_pid_file(options.pidfile)
    cluster_dns = ClusterDns(options.cluster_dns, os.environ, kubeconfig=options.kubeconfig)
    sync = ConfigSync(options, cluster_dns, lambda path: _load(path, options))
    try:
        await cluster_dns.start()
        if not await sync.prepare(stop):
            return 0
        return await _serve_corefile(options, sync, stop)
    finally:
        await cluster_dns.close()


async def _serve_corefile(options: Options, sync: ConfigSync, stop: asyncio.Event) -> int:
    def make(loaded: Loaded) -> Assembly:
        addresses = options.local_addresses or WILDCARDS
        return assemble(loaded.servers, clock=time.monotonic, makers={}, default_addresses=addresses)

    async def apply(changed: Loaded) -> None:
        await server.replace(changed.servers, make(changed))

    async def reload_now() -> None:
        reload.now()

    loaded = _load(options.corefile, options)
    registry = new_registry("nodelocal", __version__)
    server = DnsServer(loaded.servers, make(loaded), registry)
    reload = Reload(loaded, lambda: _load(options.corefile, options), apply)
    register_reload_metrics(registry, reload.counters)
    background = [
        lifecycle.eternal("reload", reload.run),
        lifecycle.eternal("config sync", lambda: sync.watch(reload_now)),
    ]
    try:
        await server.start()
        lifecycle.settle_memory()
        await server.serve_until(stop)
    finally:
        for task in background:
            task.cancel()
        await server.close()
    return 0


def _load(path: str, options: Options) -> Loaded:
    return load_corefile(path, DIRECTIVES, default_port=options.dns_port)


def _refuse_interception(options: Options) -> None:
    for name, asked_for in (("setupinterface", options.setup_interface), ("setupiptables", options.setup_iptables)):
        if asked_for:
            raise ConfigError(f"this version does not do that yet: write -{name}=false", source=f"-{name}")


if __name__ == "__main__":
    sys.exit(main())
