"""The Corefile template: the published one in all its deployments, each placeholder, and any other text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.corefile_loader import load_corefile
from clusterdns.directives.config import bind, forward, health
from clusterdns.directives.config.server import STANDARD, ServerConfig
from clusterdns.directives.config.upstreams import HostName, ResolvConf
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from nodelocal.stub_domains import KubeDns
from nodelocal.template import Rendered, Variables, placeholders, render
from tests.unit.nodelocal.published import CLUSTER_IP, COREFILE, DEPLOYMENTS, Deployment

LOCAL = ("169.254.20.10", "fd00::a")
DNS = (Upstream(CLUSTER_IP, 53),)
STUBS = KubeDns(
    stub_domains=(
        ("acme.example", (Upstream("10.1.1.1", 53), Upstream("fd00::1", 53))),
        ("other.example", (Upstream("10.1.1.2", 5353), Upstream("fd00::2", 5353))),
    )
)
UPSTREAMS = KubeDns(upstream_nameservers=(Upstream("10.2.2.1", 53), Upstream("10.2.2.2", 5353)))


def load(text: str, folder: Path) -> tuple[ServerConfig, ...]:
    (folder / "Corefile").write_text(text)
    return load_corefile(str(folder / "Corefile"), STANDARD, default_port=53).servers


def targets(server: ServerConfig) -> list[str]:
    config = server.one(forward.Config)
    assert config is not None
    found = []
    for each in config.to:
        assert not isinstance(each, HostName)
        found.append(each.path if isinstance(each, ResolvConf) else str(Upstream(each.address, each.port)))
    return found


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each.name)
def test_the_published_corefile_runs_unchanged(deployment: Deployment, tmp_path: Path) -> None:
    variables = Variables(deployment.binds, DNS, KubeDns())
    rendered = render(deployment.corefile(), "Corefile.base", variables)
    cluster, *reverse, rest = servers = load(rendered.text, tmp_path)
    assert [server.zones for server in servers] == [("cluster.local.",), ("in-addr.arpa.",), ("ip6.arpa.",), (".",)]
    assert {server.addresses for server in servers} == {deployment.binds}
    assert [targets(server) for server in (cluster, *reverse)] == 3 * [[f"{CLUSTER_IP}:53"]]
    assert targets(rest) == ["/etc/resolv.conf"]
    assert [server.one(forward.Config).force_tcp for server in servers] == [True, True, True, False]  # type: ignore[union-attr]
    assert cluster.all(health.Config) == (health.Config(Endpoint(deployment.health, 8080)),)
    assert not any(server.all(health.Config) for server in (*reverse, rest))


def test_stub_domains_get_blocks_of_their_own(tmp_path: Path) -> None:
    rendered = render(DEPLOYMENTS[0].corefile(), "Corefile.base", Variables(LOCAL, DNS, STUBS, dns_port=1053))
    *_, acme, other = load(rendered.text, tmp_path)
    assert rendered.stub_lines == ((47, "acme.example"), (53, "other.example"))
    assert [str(key) for server in (acme, other) for key in server.keys] == [
        "dns://acme.example.:1053", "dns://other.example.:1053"
    ]  # fmt: skip
    assert [each.position.line for each in (acme, other)] == [47, 53]
    assert (targets(acme), targets(other)) == (["10.1.1.1:53", "[fd00::1]:53"], ["10.1.1.2:5353", "[fd00::2]:5353"])
    for server in (acme, other):
        assert list(server.directives) == ["errors", "cache", "bind", "forward"]
        assert server.addresses == LOCAL
        assert server.directives["cache"][0].success.bounds.maximum == 30


def test_stub_domains_without_addresses_are_served_everywhere(tmp_path: Path) -> None:
    rendered = render(". {\n}", "base", Variables((), (), STUBS))
    assert [server.all(bind.Config) for server in load(rendered.text, tmp_path)] == [(), (), ()]


def test_upstream_nameservers_replace_resolv_conf_and_go(tmp_path: Path) -> None:
    base = DEPLOYMENTS[0].corefile()
    *_, rest = load(render(base, "base", Variables(LOCAL, DNS, UPSTREAMS)).text, tmp_path)
    assert targets(rest) == ["10.2.2.1:53", "10.2.2.2:5353"]
    *_, rest = load(render(base, "base", Variables(LOCAL, DNS, KubeDns())).text, tmp_path)
    assert targets(rest) == ["/etc/resolv.conf"]


# A line or block of the template, what the ConfigMap says, and what becomes of it.
CASES: list[tuple[str, KubeDns, str]] = [
    ("bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__", KubeDns(), "bind 169.254.20.10 fd00::a "),
    ("bind 10.0.0.1 __PILLAR__DNS__SERVER__", KubeDns(), "bind 10.0.0.1 "),
    ("forward . __PILLAR__CLUSTER__DNS__", KubeDns(), f"forward . {CLUSTER_IP}"),
    ("health __PILLAR__LOCAL__DNS__:8080", KubeDns(), "health 169.254.20.10:8080"),
    ("health [__PILLAR__LOCAL__DNS__]:8080", KubeDns(), "health 169.254.20.10:8080"),
    # An address of ours and a port, though without brackets.
    ("health fd00::a:8080", KubeDns(), "health [fd00::a]:8080"),
    ("  ready\t FD00:0::A:8181 # ready", KubeDns(), "  ready\t [FD00:0::A]:8181 # ready"),
    ("prometheus fd00::a:9253 {", KubeDns(), "prometheus [fd00::a]:9253 {"),
    # None of ours: who knows what it means.
    ("health fd00::b:8080", KubeDns(), "health fd00::b:8080"),
    ("health fd00::a", KubeDns(), "health fd00::a"),
    ("health 169.254.20.10:8080", KubeDns(), "health 169.254.20.10:8080"),
    ("health [fd00::a]:8080", KubeDns(), "health [fd00::a]:8080"),
    ("bind fd00::a:8080", KubeDns(), "bind fd00::a:8080"),
    # Over TCP is for resolv.conf only; lines stay lines.
    ("forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n}", KubeDns(),
     "forward . /etc/resolv.conf {\n  force_tcp\n}"),
    ("forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n}", UPSTREAMS, "forward . 10.2.2.1 10.2.2.2:5353 \n\n"),
    ("forward . __PILLAR__UPSTREAM__SERVERS__ {\nmax_fails 1\n\tforce_tcp # why\n}", UPSTREAMS,
     "forward . 10.2.2.1 10.2.2.2:5353 {\nmax_fails 1\n\n}"),
    ("forward . 10.9.9.9 {\n  force_tcp\n}", UPSTREAMS, "forward . 10.9.9.9 {\n  force_tcp\n}"),
    ("# __PILLAR__SOMETHING__", KubeDns(), "# __PILLAR__SOMETHING__"),
    ("log # __PILLAR__DNS__DOMAIN__", KubeDns(), "log # __PILLAR__DNS__DOMAIN__"),
    ("", KubeDns(), ""),
]  # fmt: skip


@pytest.mark.parametrize(("base", "kube_dns", "text"), CASES)
def test_placeholders(base: str, kube_dns: KubeDns, text: str) -> None:
    rendered = render(base, "base", Variables(LOCAL, DNS, kube_dns))
    assert rendered.text == text
    assert rendered.text.count("\n") == base.count("\n")


def test_several_cluster_dns_servers() -> None:
    servers = (Upstream("10.96.0.10", 53), Upstream("fd00::53", 53), Upstream("10.96.0.11", 5353))
    rendered = render("__PILLAR__CLUSTER__DNS__", "base", Variables((), servers, KubeDns()))
    assert rendered.text == "10.96.0.10 fd00::53 10.96.0.11:5353"


DOMAIN = "is still here: write the cluster's domain in its place when the manifest is deployed, such as cluster.local"
KNOWN = (
    "__PILLAR__CLUSTER__DNS__",
    "__PILLAR__UPSTREAM__SERVERS__",
    "__PILLAR__LOCAL__DNS__",
    "__PILLAR__DNS__SERVER__",
)
# The template, the variables, and what is said of it.
MISTAKES: list[tuple[str, Variables, str]] = [
    (COREFILE, Variables(LOCAL, DNS, KubeDns()),
     f"base:1:1: __PILLAR__DNS__DOMAIN__ {DOMAIN}"),
    (". {\n  bind __PILLAR__LOCAL__DNS__\n}", Variables((), DNS, KubeDns()),
     "base:2:8: __PILLAR__LOCAL__DNS__ is still here: -localip has no address to put in its place"),
    (". {\n  bind 10.0.0.1 __PILLAR__DNS__SERVER__\n}", Variables((), DNS, KubeDns()),
     "base:2:17: __PILLAR__DNS__SERVER__ is still here: -localip has no address to put in its place"),
    (". {\n\n  forward . __PILLAR__CLUSTER__DNS__\n}", Variables(LOCAL, (), KubeDns()),
     "base:3:13: __PILLAR__CLUSTER__DNS__ is still here: the address of the cluster's DNS is not known"),
    ("__PILLAR__LOCAL__DNSS__", Variables(LOCAL, DNS, KubeDns()),
     f"base:1:1: __PILLAR__LOCAL__DNSS__ is still here: it is none of {', '.join(KNOWN)}"),
    ('. {\n  log "__PILLAR__\n}', Variables(LOCAL, DNS, KubeDns()),
     'base:2:7: this quote is never closed: write a closing ", or \\" for the character itself'),
]  # fmt: skip


@pytest.mark.parametrize(("base", "variables", "message"), MISTAKES)
def test_mistakes(base: str, variables: Variables, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        render(base, "base", variables)
    assert str(raised.value) == message


def test_which_placeholders_there_are() -> None:
    base = 'a __PILLAR__CLUSTER__DNS__ # __PILLAR__DNS__SERVER__\n"b __PILLAR__LOCAL__DNS__":80 x__PILLAR__Y'
    assert placeholders(base, "base") == {"__PILLAR__CLUSTER__DNS__", "__PILLAR__LOCAL__DNS__", "__PILLAR__Y"}


_WORDS = st.sampled_from(
    [
        *KNOWN, "__PILLAR__LOCAL__DNS__:8080", "__PILLAR__", "__PILLAR__DNS__DOMAIN__", "health fd00::a:80",
        "forward .", "{", "}", "force_tcp", "#", '"', "\n", "\\", "{$X}", " ", "bind",
    ]
)  # fmt: skip
_TEXTS = st.lists(_WORDS | st.text(max_size=4), max_size=30).map(" ".join) | st.text()
_VARIABLES: st.SearchStrategy[Any] = st.builds(
    Variables, st.sampled_from([(), LOCAL]), st.sampled_from([(), DNS]), st.sampled_from([KubeDns(), UPSTREAMS])
)


def outcome(base: str, variables: Variables) -> Rendered | ConfigError:
    try:
        return render(base, "base", variables)
    except ConfigError as error:
        return error


@given(_TEXTS, _VARIABLES)
def test_any_text_keeps_its_lines_and_loses_its_placeholders(base: str, variables: Variables) -> None:
    rendered = outcome(base, variables)
    if isinstance(rendered, ConfigError):
        assert rendered.source == "base"
        assert 1 <= rendered.line <= base.count("\n") + 1
    else:
        assert rendered.text.count("\n") == base.count("\n")
        assert not placeholders(rendered.text, "base")
        # There is nothing left to do.
        assert render(rendered.text, "base", variables) == rendered


@given(st.text().filter(lambda text: not re.search(r"__PILLAR__|health|ready|prometheus|pprof", text)), _VARIABLES)
def test_a_text_without_placeholders_stays_as_it_is(base: str, variables: Variables) -> None:
    rendered = outcome(base, variables)
    if isinstance(rendered, ConfigError):
        assert "this quote is never closed" in rendered.message
    else:
        assert rendered.text == base
