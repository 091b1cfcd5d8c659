"""The metrics of a DNS server that dashboards know: names, labels and values after real questions."""

from __future__ import annotations

import asyncio
import time

import pytest

from clusterdns.demo.processes import free_ports
from clusterdns.directives.parts import server_label
from tests.support.upstream import Upstream
from tests.support.virtual_time import run
from tests.unit.daemon.scraping import Running, label_names
from tests.unit.daemon.serving import FOUR, SIX, Client, block, configured


def cached(port: int, upstream: int, address: str = FOUR) -> str:
    """A block for `example` with a cache before an upstream."""
    return f"example:{port} {{\n bind {address}\n cache\n forward . {FOUR}:{upstream}\n}}\n"


@pytest.mark.parametrize(("address", "family"), [(FOUR, "1"), (SIX, "2")])
def test_questions_and_answers_with_the_packet_cache_s(address: str, family: str) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream, Running(cached(port, upstream.port, address)) as running:
            with Client(address, port) as client:
                for _ in range(4):
                    await client.ask("web.example.")
                await client.ask("web.example.", "TYPE65280")
                await client.ask("elsewhere.test.", "AAAA")
            server = f"dns://[{address}]:{port}" if address == SIX else f"dns://{address}:{port}"
            # family, proto, server, type, view, zone
            assert running.values("coredns_dns_requests_total") == {
                (family, "udp", server, "A", "", "example."): 4,
                (family, "udp", server, "other", "", "example."): 1,
                (family, "udp", server, "AAAA", "", "dropped"): 1,
            }
            # plugin, rcode, server, view, zone
            assert running.values("coredns_dns_responses_total") == {
                ("forward", "NOERROR", server, "", "example."): 2,
                ("cache", "NOERROR", server, "", "example."): 3,
                ("", "REFUSED", server, "", "dropped"): 1,
            }
            assert running.values("coredns_dns_request_duration_seconds_count") == {
                (server, "", "example."): 5,
                (server, "", "dropped"): 1,
            }
            sizes = running.values("coredns_dns_request_size_bytes_sum")
            assert sizes == {("udp", server, "", "example."): 5 * 29, ("udp", server, "", "dropped"): 32}
            answers = running.values("coredns_dns_response_size_bytes_bucket")
            assert answers["100", "udp", server, "", "example."] == 5
            # The cache lets an answer into the packet cache when it is asked for again.
            assert running.values("clusterdns_packet_cache_hits_total") == {(server,): 2}

    run(body())


def test_hits_of_both_caches_are_cache_hits() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream, Running(cached(port, upstream.port)) as running:
            with Client(FOUR, port) as client:
                for name in ("web.example.", "web.example.", "WEB.example.", "WEB.example."):
                    await client.ask(name)
            server = f"dns://{FOUR}:{port}"
            # the first was a miss, the third a hit of the message cache, the others hits of the packet cache
            assert running.values("coredns_cache_requests_total") == {(server, "", "example."): 4}
            assert running.values("coredns_cache_hits_total") == {
                (server, "success", "", "example."): 3,
                (server, "denial", "", "example."): 0,
            }
            assert running.values("coredns_cache_misses_total") == {(server, "", "example."): 1}
            assert running.values("coredns_cache_entries")[server, "success", "", "example."] == 1

    run(body())


def test_upstreams_by_whom_is_asked() -> None:
    async def body() -> None:
        first, second = free_ports(2)
        async with Upstream() as upstream:
            over_tcp = f"tcp.test:{first} {{\n bind {FOUR}\n forward . {FOUR}:{upstream.port} {{\n force_tcp\n }}\n}}\n"
            async with Running(cached(first, upstream.port) + cached(second, upstream.port) + over_tcp) as running:
                with Client(FOUR, first) as one, Client(FOUR, second) as other:
                    await one.ask("a.example.")
                    await one.ask("b.example.")
                    await other.ask("c.example.")
                    for name in ("a", "b", "c"):
                        await one.ask(f"{name}.tcp.test.")
                to = f"{FOUR}:{upstream.port}"
                # proxy_name, rcode, to
                assert running.values("coredns_proxy_request_duration_seconds_count") == {("forward", "NOERROR", to): 6}
                # proto, proxy_name, to
                hits = running.values("coredns_proxy_conn_cache_hits_total")
                misses = running.values("coredns_proxy_conn_cache_misses_total")
                assert (hits["tcp", "forward", to], misses["tcp", "forward", to]) == (2, 1)
                assert hits["udp", "forward", to] + misses["udp", "forward", to] == 3
                assert running.values("coredns_proxy_healthcheck_failures_total") == {("forward", to): 0}
                assert running.values("clusterdns_forward_requests_total") == {(to,): 6}
                assert running.values("clusterdns_forward_upstream_down") == {(to,): 0}

    run(body())


def test_an_upstream_that_is_gone() -> None:
    async def body() -> None:
        port, gone = free_ports(2)
        async with Running(cached(port, gone)) as running:
            with Client(FOUR, port) as client:
                await client.ask("a.example.")
                await asyncio.sleep(10)
                await client.ask("b.example.")
            to = f"{FOUR}:{gone}"
            assert running.values("clusterdns_forward_upstream_down") == {(to,): 1}
            assert running.values("coredns_proxy_healthcheck_failures_total")["forward", to] >= 2
            assert running.values("coredns_forward_healthcheck_broken_total")[()] >= 1
            assert running.values("clusterdns_forward_failures_total")[to,] >= 2
            assert running.values("coredns_forward_max_concurrent_rejects_total") == {(): 0}

    run(body())


def test_connections_of_clients() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Running(block(FOUR, port, more="timeouts {\n read 1s\n }")) as running:
            server = (f"dns://{FOUR}:{port}",)
            first, second = [await asyncio.open_connection(FOUR, port) for _ in range(2)]
            await asyncio.sleep(0.1)
            assert running.values("clusterdns_tcp_connections") == {server: 2}
            second[1].close()
            assert await first[0].read() == b""
            first[1].close()
            assert running.values("clusterdns_tcp_connections") == {server: 0}
            assert running.values("clusterdns_tcp_connections_accepted_total") == {server: 2}
            assert running.values("clusterdns_tcp_connections_idle_closed_total") == {server: 1}
            assert running.values("clusterdns_tcp_connections_refused_total") == {server: 0}
            assert running.values("clusterdns_udp_answers_dropped_total") == {server: 0}

    run(body())


def test_the_do_bit_is_counted() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Running(block(FOUR, port)) as running:
            with Client(FOUR, port) as client:
                await client.ask()
                assert running.values("coredns_dns_do_requests_total") == {}
                await client.ask(want_dnssec=True)
            assert running.values("coredns_dns_do_requests_total") == {(f"dns://{FOUR}:{port}", "", "example."): 1}

    run(body())


def test_counts_go_on_through_a_reload() -> None:
    async def body() -> None:
        first, second = free_ports(2)
        async with Running(block(FOUR, first)) as running:
            with Client(FOUR, first) as client:
                await client.ask()
                await running.server.replace(*configured(block(FOUR, first) + block(FOUR, second)))
                await client.ask()
            counts = {labels[2]: count for labels, count in running.values("coredns_dns_requests_total").items()}
            assert counts == {f"dns://{FOUR}:{first}": 2}

    run(body())


def test_plugins_are_those_of_each_block_at_each_place() -> None:
    async def body() -> None:
        first, second = free_ports(2)
        text = f"a.example:{first} b.example:{second} {{\n bind {FOUR}\n errors\n cache\n}}\n"
        async with Running(text + f"c.example:{second} {{\n bind {FOUR}\n log\n}}\n") as running:
            found = {(labels[1], labels[3], labels[0]) for labels in running.values("coredns_plugin_enabled")}
            one, two = f"dns://{FOUR}:{first}", f"dns://{FOUR}:{second}"
            assert found == {
                *((one, "a.example.", name) for name in ("bind", "errors", "cache")),
                *((two, "b.example.", name) for name in ("bind", "errors", "cache")),
                *((two, "c.example.", name) for name in ("bind", "log")),
            }

    run(body())


def test_hosts_and_health() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        started = time.time()
        async with Running(block(FOUR, port, more="health")) as running:
            with Client(FOUR, port) as client:
                await client.ask()  # has the file read
            await asyncio.sleep(5)
            ((entries,),) = [list(running.values("coredns_hosts_entries").values())]
            assert entries >= 1
            assert 0 <= running.values("coredns_hosts_reload_timestamp_seconds")[()] <= started
            assert running.values("coredns_health_request_duration_seconds_count")[()] >= 5
            assert running.values("coredns_health_request_failures_total") == {(): 0}

    run(body())


@pytest.mark.parametrize(
    ("place", "label"),
    [
        (("169.254.20.10", 53), "dns://169.254.20.10:53"),
        (("fd00::10", 53), "dns://[fd00::10]:53"),
        (("0.0.0.0", 53), "dns://:53"),
        (("::", 1053), "dns://:1053"),
    ],
)
def test_servers_are_named_as_coredns_does(place: tuple[str, int], label: str) -> None:
    assert server_label(place) == label


def test_both_wildcard_addresses_are_one_server() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Running(f"example:{port} {{\n cache\n hosts {{\n 192.0.2.1 web.example\n }}\n}}\n") as running:
            for address in (FOUR, SIX):
                with Client(address, port) as client:
                    await client.ask()
            server = f"dns://:{port}"
            assert running.values("coredns_dns_responses_total") == {("hosts", "NOERROR", server, "", "example."): 2}
            assert {labels[0] for labels in running.values("coredns_dns_requests_total")} == {"1", "2"}
            assert running.values("clusterdns_malformed_messages_total") == {(server,): 0}

    run(body())


def test_every_family_has_the_labels_that_dashboards_ask_for() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream, Running(cached(port, upstream.port)) as running:
            with Client(FOUR, port) as client:
                await client.ask("web.example.", want_dnssec=True)
            found = label_names(running.registry)
        zoned = {"server", "zone", "view"}
        cache = {"server", "zones", "view"}
        expected = {
            "coredns_build_info": {"version", "revision", "goversion"},
            "coredns_plugin_enabled": zoned | {"name"},
            "coredns_dns_requests": zoned | {"proto", "family", "type"},
            "coredns_dns_do_requests": zoned,
            "coredns_dns_responses": zoned | {"rcode", "plugin"},
            "coredns_dns_request_duration_seconds": zoned,
            "coredns_dns_request_size_bytes": zoned | {"proto"},
            "coredns_dns_response_size_bytes": zoned | {"proto"},
            "coredns_panics": set(),
            "coredns_cache_entries": cache | {"type"},
            "coredns_cache_requests": cache,
            "coredns_cache_hits": cache | {"type"},
            "coredns_cache_misses": cache,
            "coredns_cache_prefetch": cache,
            "coredns_cache_drops": cache,
            "coredns_cache_served_stale": cache,
            "coredns_cache_evictions": cache | {"type"},
            "coredns_hosts_entries": set(),
            "coredns_hosts_reload_timestamp_seconds": set(),
            "coredns_health_request_duration_seconds": set(),
            "coredns_health_request_failures": set(),
            "coredns_forward_healthcheck_broken": set(),
            "coredns_forward_max_concurrent_rejects": set(),
            "coredns_proxy_request_duration_seconds": {"proxy_name", "to", "rcode"},
            "coredns_proxy_healthcheck_failures": {"proxy_name", "to"},
            "coredns_proxy_conn_cache_hits": {"proxy_name", "to", "proto"},
            "coredns_proxy_conn_cache_misses": {"proxy_name", "to", "proto"},
        }
        assert {name: labels for name, labels in found.items() if name in expected} == expected

    run(body())
