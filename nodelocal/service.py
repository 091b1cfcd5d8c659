"""nodelocal: the node's DNS cache, in NodeLocal DNSCache's place. Read this first.

    flags ──► Corefile ──► chains: errors, log, cache, hosts, forward
                       ──► sockets, /health, /ready, /metrics ──► answers until SIGTERM

    nodelocal -conf /etc/Corefile -localip 169.254.20.10 -setupinterface=false -setupiptables=false

The cluster's names go upstream over TCP, with the pod's address where the Corefile's `forward` has `client_subnet`;
answers come from the packet cache, and behind it from the message cache.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address

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
from clusterdns.limits import PORT

FLAGS = (
    flags.Flag("conf", "text", "/etc/Corefile", "the Corefile to load"),
    flags.Flag("dns.port", "integer", PORT.default_int, "port for server blocks that name none", PORT),
    flags.Flag(
        "localip",
        "text",
        "",
        "addresses to listen on, separated by commas; for server blocks without a bind of their own",
    ),
    flags.Flag("setupinterface", "switch", True, "make the interface that carries the addresses"),
    flags.Flag("setupiptables", "switch", True, "keep DNS packets out of connection tracking"),
    flags.Flag("log-level", "text", "info", "debug, info, warning or error"),
    flags.Flag("log-format", "text", "text", "text or json"),
)
# The search walk is autopath's; there is nothing to walk with on the node.
DIRECTIVES = {name: parser for name, parser in STANDARD.items() if name != "autopath"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run nodelocal; returns its exit code."""
    try:
        options = flags.parse(
            FLAGS, sys.argv[1:] if arguments is None else arguments, program="nodelocal", version=__version__
        )
        if options.answer:
            sys.stdout.write(options.answer)
            return 0
        logs.setup(options.text("log-level"), options.text("log-format"))
        addresses = local_addresses(options.text("localip"))
        _refuse_interception(options)
    except ConfigError as error:
        sys.stderr.write(f"nodelocal: {error}\n")
        return 2
    return lifecycle.run(lambda stop: serve(options, addresses, stop))


async def serve(options: flags.Flags, addresses: Sequence[str], stop: asyncio.Event) -> int:
    """Serve the Corefile, and whatever it changes to, until `stop` is set. Raises ConfigError."""

    def load() -> Loaded:
        return load_corefile(options.text("conf"), DIRECTIVES, default_port=options.integer("dns.port"))

    def make(loaded: Loaded) -> Assembly:
        return assemble(loaded.servers, clock=time.monotonic, makers={}, default_addresses=addresses or WILDCARDS)

    async def apply(changed: Loaded) -> None:
        await server.replace(changed.servers, make(changed))

    loaded = load()
    registry = new_registry("nodelocal", __version__)
    server = DnsServer(loaded.servers, make(loaded), registry)
    reload = Reload(loaded, load, apply)
    register_reload_metrics(registry, reload.counters)
    reloading = lifecycle.eternal("reload", reload.run)
    try:
        await server.start()
        await server.serve_until(stop)
    finally:
        reloading.cancel()
        await server.close()
    return 0


def local_addresses(text: str) -> tuple[str, ...]:
    """The addresses of -localip, in canonical form, both families welcome. Raises ConfigError."""
    addresses = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            addresses.append(ip_address(word).compressed)
        except ValueError:
            raise ConfigError(f'"{word}" is not an IP address', source="-localip") from None
    return tuple(dict.fromkeys(addresses))


def _refuse_interception(options: flags.Flags) -> None:
    for name in ("setupinterface", "setupiptables"):
        if options.switch(name):
            raise ConfigError(f"this version does not do that yet: write -{name}=false", source=f"-{name}")


if __name__ == "__main__":
    sys.exit(main())
