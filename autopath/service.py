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
from collections.abc import Callable, Sequence

from autopath import processes
from autopath.clusters import Clusters
from autopath.makers import makers_over
from clusterdns import __version__
from clusterdns.daemon import flags, lifecycle, logs
from clusterdns.daemon.corefile_loader import Loaded, load_corefile
from clusterdns.daemon.dns_metrics import register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import new_registry
from clusterdns.daemon.pid_file import PidFile
from clusterdns.daemon.reload import Reload
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config import k8s_external as k8s_external_config
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config import multisocket
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError
from clusterdns.limits import PORT

FLAGS = (
    flags.Flag("conf", "text", "Corefile", "the Corefile to load"),
    flags.Flag("dns.port", "integer", PORT.default_int, "port for server blocks that name none", PORT),
    flags.Flag("pidfile", "text", "", "file to write the process's number to, while it serves"),
    flags.Flag("quiet", "switch", False, "say only what goes wrong"),
    flags.Flag("p", "integer", PORT.default_int, "the same as -dns.port", PORT),
    flags.Flag("log-level", "text", "info", "debug, info, warning or error"),
    flags.Flag("log-format", "text", "text", "text or json"),
)
DIRECTIVES = {
    **STANDARD,
    "k8s_external": k8s_external_config.parse,
    "kubernetes": kubernetes_config.parse,
    "multisocket": multisocket.parse,
}


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

    def load() -> Loaded:
        port = options.integer("p" if "p" in options.given else "dns.port")
        return load_corefile(options.text("conf"), DIRECTIVES, default_port=port)

    try:
        loaded = load()
        pid_file = PidFile(options.text("pidfile"))
        try:
            if processes.count(loaded) > 1:
                return processes.serve(loaded, load, pid_file.write)
            return lifecycle.run(lambda stop: serve(loaded, load, pid_file.write, stop))
        finally:
            pid_file.remove()
    except ConfigError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1


async def serve(loaded: Loaded, load: Callable[[], Loaded], serving: Callable[[], None], stop: asyncio.Event) -> int:
    """Serve a Corefile, and whatever it changes to by `load`, until `stop` is set. Raises ConfigError.

    `serving` is called when everything listens.
    """
    clusters = Clusters()

    def make(loaded: Loaded) -> Assembly:
        clusters.name_anew()
        return assemble(loaded.servers, clock=time.monotonic, makers=makers_over(clusters), watched=clusters.watched)

    running = make(loaded)

    async def apply(changed: Loaded) -> None:
        nonlocal running
        if processes.count(changed) > 1:
            raise ConfigError("multisocket takes effect when autopath starts: start it anew")
        assembly = make(changed)
        with assembly.parts.unless_it_fails():
            await clusters.start_behind(running.parts, assembly.parts)
        await server.replace(changed.servers, assembly)
        running = assembly
        await clusters.drop_all_but(clusters.named)

    registry = new_registry("autopath", __version__)
    server = DnsServer(loaded.servers, running, registry)
    reload = Reload(loaded, load, apply)
    register_reload_metrics(registry, reload.counters)
    register_kube_metrics(registry, clusters.watches.values, clusters.programming_durations)
    reloading = lifecycle.eternal("reload", reload.run)
    try:
        await lifecycle.unless_stopped(stop, clusters.start())
        # Whoever has our port may be about to go; waiting beats a crash loop.
        if not stop.is_set() and await server.start(math.inf, stop):
            serving()
            lifecycle.settle_memory()
            await server.serve_until(stop)
    finally:
        reloading.cancel()
        await server.close()
        await clusters.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
