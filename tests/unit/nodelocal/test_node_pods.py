"""The search walk on a node: for the pods that run there, along the list that each of them has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import load
from clusterdns.errors import ConfigError
from nodelocal.node_pods import NodePods
from nodelocal.service import DIRECTIVES
from tests.support import messages
from tests.support.chain import FOUND, FakeHandler, Says

SHOP, BLOG, ELSEWHERE, HOST, TOOL, OFF, QUIET, TWIN = (f"10.244.1.{number}" for number in range(1, 9))
TWIN_V6 = "fd00:10:244::8"
SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"
MISSING = Says(rcode="NXDOMAIN", authority=(SOA,))
COREFILE = """
cluster.local:53 {
    autopath @node {
        manifests %s
        %s
    }
    cache
    forward . 192.0.2.1 {
        force_tcp
    }
}
.:53 {
    cache
    forward . 192.0.2.2
}
"""
RESOLV_CONF = "nameserver 192.0.2.2\nsearch corp.example\noptions ndots:2\n"
NAMESPACES = """
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: blog}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: quiet, annotations: {clusterdns.io/autopath: "off"}}}
"""


def pod(key: str, address: str, *, node: str = "node-a", spec: str = "", annotations: str = "", uid: str = "") -> str:
    namespace, name = key.split("/")
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, uid: "{uid or key}", annotations: {{{annotations}}}}}
spec: {{nodeName: {node}, containers: [{{name: main, image: main}}], {spec}}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}], startTime: "2026-01-01T00:00:00Z"}}
"""


PODS = "".join(
    (
        NAMESPACES,
        pod("shop/web", SHOP),
        pod("blog/web", BLOG),
        pod("shop/far", ELSEWHERE, node="node-b"),
        pod("shop/host", HOST, spec="hostNetwork: true"),
        pod(
            "shop/tool",
            TOOL,
            spec="dnsPolicy: None, dnsConfig: {searches: [shop.svc.cluster.local, tools.example], "
            "options: [{name: ndots, value: '2'}]}",
        ),
        pod("shop/plain", OFF, annotations='clusterdns.io/autopath: "off"'),
        pod("quiet/any", QUIET),
        pod("shop/twin", TWIN).replace(f"{{ip: {TWIN}}}", f"{{ip: {TWIN}}}, {{ip: 'FD00:10:244:0::8'}}"),
    )
)


class Scene:
    """nodelocal's two server blocks, with fakes for cluster DNS and for the node's own resolvers."""

    def __init__(self, folder: Path, *, options: str = "") -> None:
        self.now = 100.0
        self.manifests = folder / "cluster"
        self.manifests.mkdir()
        self.write(PODS)
        (folder / "resolv.conf").write_text(RESOLV_CONF)
        self.cluster, self.internet = FakeHandler({}, MISSING), FakeHandler({}, MISSING)
        self.pods = NodePods("node-a", "", str(folder / "resolv.conf"))
        self.assembly = self.assemble(COREFILE % (self.manifests, options))

    def write(self, text: str) -> None:
        (self.manifests / "pods.yaml").write_text(text)

    def start(self) -> None:
        """Read the pods."""

        async def start() -> None:
            self.pods.start(self.assembly)
            await self.pods.close()

        asyncio.run(start())

    def reload(self, text: str) -> None:
        """Take another Corefile, as nodelocal does."""

        async def reload() -> None:
            assembly = self.assemble(text)
            try:
                self.pods.start(assembly)
                self.assembly = assembly
                await self.pods.stop_others(assembly)
            finally:
                await self.pods.close()

        asyncio.run(reload())

    def assemble(self, text: str) -> Assembly:
        fakes = {"192.0.2.1": self.cluster, "192.0.2.2": self.internet}
        return assemble(
            load(parse(text, "Corefile", environ={}), DIRECTIVES),
            clock=lambda: self.now,
            makers={
                "autopath": self.pods.make,
                "forward": lambda config, *_: fakes[config.to[0].address].handle,
            },
        )

    def ask(self, name: str, client: str, qtype: str = "A") -> tuple[str, list[str]]:
        """The rcode and the answer section; what was asked upstream is forgotten before."""
        self.cluster.asked.clear()
        self.internet.asked.clear()
        (dispatcher,) = (each for place, each in self.assembly.dispatchers.items() if place[0] == "0.0.0.0")
        late: list[bytes] = []
        query = messages.query(name, qtype)
        answer = dispatcher.respond_udp(query, (client, 5353), lambda message, _: late.append(message))
        read = dns.message.from_wire(answer or late[0], one_rr_per_rrset=True)
        return dns.rcode.to_text(read.rcode()), [rrset.to_text() for rrset in read.answer]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.start()
    return scene


BARE = {"aliyun.com.": FOUND, "aliyun.": FOUND}
# Who asks, the name; what the cluster is asked, what the others are, and whether aliyun.com is found.
WALKS: dict[str, tuple[str, str, list[str], list[str], bool]] = {
    "a pod of this node": (
        SHOP,
        "aliyun.com.shop.svc.cluster.local.",
        ["aliyun.com.shop.svc.cluster.local."],
        ["aliyun.com."],
        True,
    ),
    "a Service of a namespace that exists comes first": (
        SHOP,
        "api.blog.shop.svc.cluster.local.",
        ["api.blog.shop.svc.cluster.local.", "api.blog.svc.cluster.local."],
        ["api.blog."],
        False,
    ),
    "more labels than a name of the cluster has": (
        SHOP,
        "s3.eu.aliyun.com.shop.svc.cluster.local.",
        ["s3.eu.aliyun.com.shop.svc.cluster.local."],
        ["s3.eu.aliyun.com."],
        False,
    ),
    "one label, which the host may have": (
        SHOP,
        "aliyun.shop.svc.cluster.local.",
        ["aliyun.shop.svc.cluster.local."],
        ["aliyun.corp.example.", "aliyun."],
        True,
    ),
    "a name of another namespace": (
        SHOP,
        "aliyun.com.blog.svc.cluster.local.",
        ["aliyun.com.blog.svc.cluster.local."],
        [],
        False,
    ),
    "a pod of another node": (
        ELSEWHERE,
        "aliyun.com.shop.svc.cluster.local.",
        ["aliyun.com.shop.svc.cluster.local."],
        [],
        False,
    ),
    "a pod on the host's network": (
        HOST,
        "aliyun.com.shop.svc.cluster.local.",
        ["aliyun.com.shop.svc.cluster.local."],
        [],
        False,
    ),
    "its own search list": (
        TOOL,
        "aliyun.com.shop.svc.cluster.local.",
        ["aliyun.com.shop.svc.cluster.local."],
        ["aliyun.com.tools.example.", "aliyun.com."],
        True,
    ),
    "as many dots as its ndots": (
        TOOL,
        "www.aliyun.com.shop.svc.cluster.local.",
        ["www.aliyun.com.shop.svc.cluster.local."],
        ["www.aliyun.com.tools.example."],
        False,
    ),
    "switched off": (
        OFF,
        "aliyun.com.shop.svc.cluster.local.",
        ["aliyun.com.shop.svc.cluster.local."],
        [],
        False,
    ),
    "its namespace switched off": (
        QUIET,
        "aliyun.com.quiet.svc.cluster.local.",
        ["aliyun.com.quiet.svc.cluster.local."],
        [],
        False,
    ),
}


@pytest.mark.parametrize(("client", "name", "cluster", "others", "found"), WALKS.values(), ids=WALKS)
def test_each_pod_is_searched_for_along_its_own_list(
    scene: Scene, client: str, name: str, cluster: list[str], others: list[str], found: bool
) -> None:
    scene.internet.answers = BARE
    rcode, answer = scene.ask(name, client)
    assert (scene.cluster.asked, scene.internet.asked) == (cluster, others)
    assert (rcode, bool(answer)) == (("NOERROR", True) if found else ("NXDOMAIN", False))


def test_host_search_lets_names_with_dots_out(tmp_path: Path) -> None:
    scene = Scene(tmp_path, options="host_search " + str(tmp_path / "resolv.conf"))
    scene.start()
    scene.ask("aliyun.com.shop.svc.cluster.local.", SHOP)
    assert scene.internet.asked == ["aliyun.com.corp.example.", "aliyun.com."]


def test_until_pods_are_known_answers_are_plain(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.internet.answers = BARE
    name = "aliyun.com.shop.svc.cluster.local."
    assert scene.ask(name, SHOP) == ("NXDOMAIN", [])

    scene.start()
    # The other half of a look-up that was plain is plain.
    assert scene.ask(name, SHOP, "AAAA") == ("NXDOMAIN", [])
    assert scene.ask("other.shop.svc.cluster.local.", SHOP)[0] == "NXDOMAIN"
    assert scene.internet.asked == ["other.corp.example.", "other."]


def test_repeats_come_from_the_packet_cache_for_the_namespace_only(scene: Scene) -> None:
    scene.internet.answers = BARE
    name = "aliyun.com.shop.svc.cluster.local."
    first = scene.ask(name, SHOP)
    assert first[0] == "NOERROR"
    assert scene.ask(name, SHOP) == first
    counters = scene.assembly.parts.autopaths[0][1].counters
    assert (counters.walks, counters.shared) == (1, 1)
    # From the second time that the name that was found is asked for, the packet cache has it, with all of its TTL.
    for client in (SHOP, TWIN, TWIN_V6):
        assert scene.ask(name, client) == first
        assert (scene.cluster.asked, scene.internet.asked) == ([], [])
    assert (counters.walks, counters.shared) == (1, 1)
    assert scene.ask(name, BLOG) == ("NXDOMAIN", [])
    # Another while later: nobody repeats it any more, and the search still ends there.
    scene.now += 1.8
    assert scene.ask(name, SHOP)[0] == "NOERROR"
    assert (counters.walks, counters.shared) == (2, 1)
    scene.now += 0.2
    assert scene.ask(name, SHOP)[0] == "NOERROR"
    assert (counters.walks, counters.shared, scene.internet.asked) == (2, 1, [])
    scene.now += 2
    assert scene.ask(name, SHOP)[0] == "NOERROR"
    assert (counters.walks, scene.internet.asked) == (3, [])


def test_a_failed_search_costs_nothing_more_upstream(scene: Scene) -> None:
    first, *others = (
        f"missing.example{rest}." for rest in (".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", "")
    )
    assert scene.ask(first, SHOP) == ("NXDOMAIN", [])
    assert (scene.cluster.asked, scene.internet.asked) == ([first], others[-1:])
    for name in others:
        assert scene.ask(name, SHOP) == ("NXDOMAIN", [])
        assert (scene.cluster.asked, scene.internet.asked) == ([], [])


def test_a_zone_with_names_of_its_own_is_asked_for_all_of_them(tmp_path: Path) -> None:
    scene = Scene(tmp_path, options="extra_names")
    scene.start()
    own = "db.internal.cluster.local."
    scene.cluster.answers = {own: FOUND}
    rcode, answer = scene.ask("db.internal.shop.svc.cluster.local.", SHOP)
    assert (rcode, answer[-1]) == ("NOERROR", f"{own} 60 IN A 10.0.0.1")


def test_both_addresses_of_a_pod_are_its_own(scene: Scene) -> None:
    scene.internet.answers = BARE
    for client in (TWIN, TWIN_V6):
        assert scene.ask("aliyun.com.shop.svc.cluster.local.", client)[0] == "NOERROR"
        assert scene.ask("aliyun.com.blog.svc.cluster.local.", client) == ("NXDOMAIN", [])


def test_an_address_that_passes_to_another_namespace_loses_its_view_at_once(scene: Scene) -> None:
    scene.internet.answers = BARE
    ours, theirs = ("aliyun.com.shop.svc.cluster.local.", "aliyun.com.blog.svc.cluster.local.")
    for _ in range(3):
        assert scene.ask(ours, SHOP)[0] == "NOERROR"
    scene.write(NAMESPACES + pod("blog/new", SHOP, uid="new"))

    scene.start()
    for _ in range(3):
        assert scene.ask(ours, SHOP) == ("NXDOMAIN", [])
        assert scene.ask(theirs, SHOP)[0] == "NOERROR"


PLAIN = COREFILE.replace("autopath @node {\n        manifests %s\n        %s\n    }\n", "")


def test_the_walk_comes_and_goes_with_the_corefile(scene: Scene) -> None:
    scene.internet.answers = BARE
    name = "aliyun.com.shop.svc.cluster.local."
    for _ in range(2):
        assert scene.ask(name, SHOP)[0] == "NOERROR"
        scene.reload(PLAIN)
        assert scene.ask(name, SHOP)[0] == "NXDOMAIN"
        assert scene.pods._clusters == {}
        scene.reload(COREFILE % (scene.manifests, ""))


def test_a_corefile_that_was_wrong_is_not_in_the_way_of_the_next(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        scene.reload(COREFILE % (tmp_path / "missing", ""))
    scene.internet.answers = BARE
    scene.reload(COREFILE % (scene.manifests, "flatten"))
    assert scene.ask("aliyun.com.shop.svc.cluster.local.", SHOP) == (
        "NOERROR",
        ["aliyun.com.shop.svc.cluster.local. 60 IN A 10.0.0.1"],
    )


MISTAKES = {
    "no name": ("", "autopath @node", "set NODE_NAME, or -nodename"),
    "the whole cluster": ("node-a", "autopath @kubernetes", "write autopath @node"),
    "an option of others": ("node-a", "autopath /etc/resolv.conf {\n manifests x\n }", "manifests"),
}


@pytest.mark.parametrize(("node", "line", "complaint"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_say_what_to_write(node: str, line: str, complaint: str) -> None:
    text = f"cluster.local {{\n {line}\n whoami\n}}\n"
    with pytest.raises(ConfigError, match=complaint):
        assemble(
            load(parse(text, "Corefile", environ={}), DIRECTIVES),
            clock=lambda: 0.0,
            makers={"autopath": NodePods(node, "").make},
        )


def test_it_belongs_into_the_block_of_the_clusters_zone() -> None:
    text = ".:53 {\n autopath @node\n whoami\n}\n"
    with pytest.raises(ConfigError, match="the cluster's zone"):
        assemble(
            load(parse(text, "Corefile", environ={}), DIRECTIVES),
            clock=lambda: 0.0,
            makers={"autopath": NodePods("node-a", "").make},
        )
