"""autopath: the cluster's DNS server, in CoreDNS's place. Read this first.

flags ──► Corefile ──► clusters (watched, or a folder of manifests)
                   ──► chains: errors, log, autopath, cache, hosts, kubernetes, forward
                   ──► sockets, /health, /ready, /metrics ──► answers until SIGTERM

autopath -conf /etc/coredns/Corefile [-dns.port 53]
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Sequence

from autopath import kubernetes
from autopath.clusters import Clusters
from autopath.k8s_external import K8sExternal
from autopath.name_servers import own_addresses
from clusterdns import __version__
from clusterdns.daemon import flags, lifecycle, logs
from clusterdns.daemon.corefile_loader import Loaded, load_corefile
from clusterdns.daemon.dns_metrics import register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import new_registry
from clusterdns.daemon.reload import Reload
from clusterdns.directives.assemble import Assembly, Maker, Site, assemble
from clusterdns.directives.chain import Handler
from clusterdns.directives.config import k8s_external as k8s_external_config
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config.kubernetes import PodMode
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError
from clusterdns.limits import PORT
from clusterdns.wire.names import name_from_text, name_to_text

FLAGS = (
    flags.Flag("conf", "text", "Corefile", "the Corefile to load"),
    flags.Flag("dns.port", "integer", PORT.default_int, "port for server blocks that name none", PORT),
    flags.Flag("pidfile", "text", "", "write the process's number to this file"),
    flags.Flag("quiet", "switch", False, "say only what goes wrong"),
    flags.Flag("p", "integer", PORT.default_int, "the same as -dns.port", PORT),
    flags.Flag("log-level", "text", "info", "debug, info, warning or error"),
    flags.Flag("log-format", "text", "text", "text or json"),
)
DIRECTIVES = {**STANDARD, "k8s_external": k8s_external_config.parse, "kubernetes": kubernetes_config.parse}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run autopath; returns its exit code."""
    try:
        options = flags.parse(
            FLAGS, sys.argv[1:] if arguments is None else arguments, program="autopath", version=__version__
        )
        if options.answer:
            sys.stdout.write(options.answer)
            return 0
        logs.setup("warning" if options.switch("quiet") else options.text("log-level"), options.text("log-format"))
    except ConfigError as error:
        sys.stderr.write(f"autopath: {error}\n")
        return 2
    return lifecycle.run(lambda stop: serve(options, stop))


async def serve(options: flags.Flags, stop: asyncio.Event) -> int:
    """Serve the Corefile, and whatever it changes to, until `stop` is set. Raises ConfigError."""
    port = options.integer("p" if "p" in options.given else "dns.port")
    clusters = Clusters()

    def load() -> Loaded:
        return load_corefile(options.text("conf"), DIRECTIVES, default_port=port)

    def make(loaded: Loaded) -> Assembly:
        makers = {"kubernetes": _kubernetes_maker(clusters), "k8s_external": _external_maker(clusters)}
        return assemble(loaded.servers, clock=time.monotonic, makers=makers)

    async def apply(changed: Loaded) -> None:
        assembly = make(changed)
        await clusters.start()
        await server.replace(changed.servers, assembly)

    loaded = load()
    lifecycle.write_pid_file(options.text("pidfile"))
    registry = new_registry("autopath", __version__)
    server = DnsServer(loaded.servers, make(loaded), registry)
    reload = Reload(loaded, load, apply)
    register_reload_metrics(registry, reload.counters)
    register_kube_metrics(registry, clusters.watches.values, clusters.programming_durations)
    reloading = lifecycle.eternal("reload", reload.run)
    try:
        await clusters.start()
        # Whoever has our port may be about to go; waiting beats a crash loop.
        if await server.start(math.inf, stop):
            lifecycle.settle_memory()
            await server.serve_until(stop)
    finally:
        reloading.cancel()
        await server.close()
        await clusters.close()
    return 0


def _kubernetes_maker(clusters: Clusters) -> Maker:
    """Makes `kubernetes` handlers, which answer from what `clusters` fills."""

    def make(config: kubernetes_config.Config, site: Site, following: Handler) -> Handler:
        config = config.serving([name_to_text(zone) for zone in site.zones])
        source = clusters.source_for(config)
        handler = kubernetes.Kubernetes(
            config,
            source.cluster,
            source.index_for(config),
            source.pods,
            imported=source.imported_index_for(config),
            own=own_addresses(site.addresses),
            resolve=site.resolve,
            following=following,
        )
        # Without pods nobody's search list is known; `autopath @kubernetes` then says what it needs.
        if config.pods is PodMode.VERIFIED:
            site.search_lists = source.search_lists_for(name_from_text(config.primary_zone))
        site.transferable.append(handler)
        site.parts.ready.append(("kubernetes", lambda: handler.synced))
        return handler.handle

    return make


def _external_maker(clusters: Clusters) -> Maker:
    """Makes `k8s_external` handlers, which answer from the cluster of their block's `kubernetes`."""

    def make(config: k8s_external_config.Config, site: Site, following: Handler) -> Handler:
        behind = [each for each in site.transferable if isinstance(each, kubernetes.Kubernetes)]
        if not behind:
            raise ConfigError("k8s_external needs `kubernetes` in the same server block")
        cluster = behind[0].config
        index = clusters.source_for(cluster).external_index_for(cluster, config.headless)
        zones = config.zones or tuple(map(name_to_text, site.zones))
        handler = K8sExternal(config, zones, behind[0], index, resolve=site.resolve, following=following)
        site.transferable.append(handler)
        return handler.handle

    return make


if __name__ == "__main__":
    sys.exit(main())
