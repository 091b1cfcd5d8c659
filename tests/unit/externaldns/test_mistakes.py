"""Objects edited into something that can't be a record: nothing of theirs is lost, and they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest
from msgspec.structs import replace

from clusterdns.kube.objects import DNSEndpoint, RecordSet, Service
from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns.changes import ChangeResult
from externaldns.controller import Controller
from externaldns.decision import Rules
from externaldns.loop import ControlLoop
from externaldns.mistakes import Mistakes
from externaldns.ownership import TxtRegistry
from externaldns.record import RESOURCE_LABEL, Endpoint
from externaldns.schedule import Schedule
from externaldns.sources.build import build_sources
from externaldns.sources.crd import CrdSource
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from tests.support import virtual_time
from tests.support.background import in_background
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, service


def record_of(*targets: str, name: str = "web.ex.com", record_type: str = "A") -> DNSEndpoint:
    return DNSEndpoint(namespace="shop", name="custom", record_sets=(RecordSet(name, targets, record_type),))


def put(each: Service | DNSEndpoint) -> Callable[[Cluster], None]:
    def change(cluster: Cluster) -> None:
        cluster.store(type(each).__name__).put(each)

    return change


def delete(kind: str, name: str) -> Callable[[Cluster], None]:
    return lambda cluster: cluster.store(kind).delete(("shop", name))


class Stage:
    """A controller over Services and DNSEndpoints that has run once with `at_first`."""

    def __init__(self, *at_first: Callable[[Cluster], None]) -> None:
        self.cluster = cluster_of()
        self.cluster.dns_endpoints.replace(())
        self.provider = MemoryProvider()
        self.told: list[ChangeResult] = []
        self.rules = Rules(record_types=frozenset({"A", "AAAA", "CNAME", "PTR"}))
        for change in at_first:
            change(self.cluster)
        self.restart()

    def restart(self) -> None:
        """A new process: a full run."""
        sources: list[Source] = [ServiceSource(self.cluster), CrdSource(self.cluster)]
        self.controller = Controller(
            sources, TxtRegistry("me"), self.provider, self.rules, report=self._report, clock=lambda: 0.0
        )
        virtual_time.run(self.controller.run_once())

    def change(self, change: Callable[[Cluster], None]) -> None:
        """A change of objects, and the short run that follows."""
        change(self.cluster)
        virtual_time.run(self.controller.run_names(dict.fromkeys(self.controller.dirty_names(), 0.0)))

    def _report(self, results: Sequence[ChangeResult], changed_at: Mapping[str, float]) -> None:
        self.told += [result for result in results if result.error is not None]

    def records(self) -> dict[str, str]:
        held = self.provider.records.values()
        return {
            f"{each.dns_name} {each.record_type}": ",".join(each.targets) for each in held if each.record_type != "TXT"
        }


WEB = {"web.ex.com A": "192.0.2.1"}


@pytest.mark.parametrize(
    ("before", "mistake", "held"),
    [
        pytest.param(service("web"), service("web", target="192.0.2.999"), WEB, id="an address"),
        pytest.param(service("web"), service("web", target="192.0.2"), WEB, id="part of an address"),
        pytest.param(service("web"), service("web", target="lb..ex.net"), WEB, id="a name as target"),
        pytest.param(service("web"), service("web", "web..ex.com"), WEB, id="the name of the record"),
        pytest.param(record_of("192.0.2.1"), record_of("lb.ex.net"), WEB, id="a custom resource"),
        pytest.param(record_of("192.0.2.1"), record_of("192.0.2.1", record_type="AX"), WEB, id="a type"),
        pytest.param(
            service("web", target="lb.ex.net"), service("web", target="192.0.2.999"), {"web.ex.com CNAME": "lb.ex.net"},
            id="an alias",
        ),
        # Of several targets, those that can be are added, and none is taken away.
        pytest.param(
            service("web", target="192.0.2.1,192.0.2.2"), service("web", target="192.0.2.1,192.0.2.999"),
            {"web.ex.com A": "192.0.2.1,192.0.2.2"}, id="one of two targets",
        ),
        pytest.param(
            service("web"), service("web", target="192.0.2.7,192.0.2.999"), {"web.ex.com A": "192.0.2.7,192.0.2.1"},
            id="beside a new target",
        ),
        pytest.param(
            service("web"), service("web", target="2001:db8::1,192.0.2.999"), WEB | {"web.ex.com AAAA": "2001:db8::1"},
            id="beside a target of another type",
        ),
        # A record set of a DNSEndpoint is taken whole or not at all.
        pytest.param(record_of("192.0.2.1"), record_of("192.0.2.7", "192.0.2.999"), WEB, id="part of a record set"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("restarted", [False, True])
def test_a_mistake_takes_nothing_away(
    before: Service | DNSEndpoint, mistake: Service | DNSEndpoint, held: dict[str, str], restarted: bool
) -> None:
    stage = Stage(put(before))
    if restarted:
        put(mistake)(stage.cluster)
        stage.restart()
    else:
        stage.change(put(mistake))
    assert stage.records() == held
    assert [result.change.steps[0].endpoint.resource for result in stage.told] == [
        "service/shop/web" if isinstance(mistake, Service) else "crd/shop/custom"
    ]
    assert sum(stage.controller.measured.invalid.values()) == 1
    assert stage.controller.measured.kept == 1
    virtual_time.run(stage.controller.run_once())
    assert stage.records() == held, "nor does the next full run"
    assert len(stage.told) == 1, "it is told once"


@pytest.mark.parametrize("mistake", [service("web", target="192.0.2.999"), service("web", "web..ex.com")])
@pytest.mark.parametrize(
    ("mend", "held"),
    [
        (put(service("web", target="192.0.2.9")), {"web.ex.com A": "192.0.2.9"}),
        (put(service("web", "db.ex.com")), {"db.ex.com A": "192.0.2.1"}),
        (delete("Service", "web"), {}),
    ],
)
def test_the_record_goes_on_when_the_mistake_is_mended_or_its_object_gone(
    mistake: Service, mend: Callable[[Cluster], None], held: dict[str, str]
) -> None:
    stage = Stage(put(service("web")))
    stage.change(put(mistake))
    assert stage.records() == WEB
    stage.change(mend)
    assert stage.records() == held
    assert stage.controller.measured.kept == 0
    assert not stage.controller.measured.invalid


def test_a_mistake_is_in_the_way_of_no_other_name() -> None:
    stage = Stage(put(service("web")), put(service("db")))
    stage.change(put(service("web", target="192.0.2.999")))
    stage.change(put(service("db", target="192.0.2.5")))
    assert stage.records() == WEB | {"db.ex.com A": "192.0.2.5"}
    stage.change(delete("Service", "db"))
    assert stage.records() == WEB


def test_others_may_go_on_using_the_name() -> None:
    stage = Stage(put(service("a", "web.ex.com")), put(service("b", "web.ex.com", "192.0.2.2")))
    stage.change(put(service("b", "web.ex.com", "192.0.2.999")))
    stage.change(put(service("a", "web.ex.com", "192.0.2.3")))
    assert set(stage.records()["web.ex.com A"].split(",")) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    stage.change(delete("Service", "b"))
    assert stage.records() == {"web.ex.com A": "192.0.2.3"}


def test_what_points_back_at_the_name_stays_with_it() -> None:
    stage = Stage(put(service("web", "1.ex.com")))
    stage.provider.records.clear()
    owned = '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"'
    pointer = Endpoint("4.3.2.1.ex.com", ("1.ex.com",), "PTR", ttl=60)
    for record in (pointer, Endpoint("ptr-4.3.2.1.ex.com", (owned,), "TXT")):
        stage.provider.records[record.key] = record
    stage.change(put(service("web", "1.ex.com", "192.0.2.999")))
    stage.restart()
    assert stage.records() == {"4.3.2.1.ex.com PTR": "1.ex.com"}
    stage.change(delete("Service", "web"))
    assert stage.records() == {}


class Fragile(ServiceSource):
    """Has a bug: Services called `web` that have a label bring it to light."""

    def _make(self, asking: Service) -> Iterable[Endpoint]:
        if asking.name == "web" and asking.labels:
            raise RuntimeError("a bug")
        return super()._make(asking)


def test_a_bug_that_one_object_brings_to_light_takes_nothing_away(caplog: pytest.LogCaptureFixture) -> None:
    cluster, provider = cluster_of(service("web"), service("db"), service("zoo")), MemoryProvider()

    def start() -> Controller:
        controller = Controller([Fragile(cluster)], TxtRegistry("me"), provider, clock=lambda: 0.0)
        virtual_time.run(controller.run_once())
        return controller

    def names() -> set[str]:
        return {each.dns_name for each in provider.records.values() if each.record_type == "A"}

    controller = start()
    cluster.services.put(replace(service("web"), labels={"some": "label"}))
    assert controller.dirty_names() == set()
    start()
    assert names() == {"web.ex.com", "db.ex.com", "zoo.ex.com"}
    assert "bug: service/shop/web can't be asked for records; those that it has stay" in caplog.messages
    cluster.services.delete(("shop", "web"))
    start()
    assert names() == {"db.ex.com", "zoo.ex.com"}


def test_an_object_for_which_a_template_cannot_be_made_keeps_its_records(caplog: pytest.LogCaptureFixture) -> None:
    arguments = ["--source=service", "--provider=alibabacloud", "--policy=sync",
                 '--fqdn-template={{ (fromJson (index .Annotations "dns")).host }}.ex.com']  # fmt: skip
    cluster, provider, told = cluster_of(), MemoryProvider(), list[str]()

    def put(name: str, annotation: str, target: str = "192.0.2.1") -> None:
        cluster.services.put(
            Service(namespace="shop", name=name, type="LoadBalancer", load_balancer=(target,),
                    annotations={"dns": annotation})
        )  # fmt: skip

    def start() -> Controller:
        sources = build_sources(flags.parse(arguments, {}).source, cluster)
        return Controller(
            sources, TxtRegistry("me"), provider, clock=lambda: 0.0,
            report=lambda results, changed_at: told.extend(str(each.error) for each in results if each.error),
        )  # fmt: skip

    def held_after_a_run(controller: Controller) -> dict[str, str]:
        virtual_time.run(controller.run_once())
        return {each.dns_name: each.targets[0] for each in provider.records.values() if each.record_type == "A"}

    before, after = start(), start()
    put("web", '{"host": "web"}')
    put("db", '{"host": "db"}')
    assert held_after_a_run(before) == {"web.ex.com": "192.0.2.1", "db.ex.com": "192.0.2.1"}
    put("web", '{"host": "web"')
    put("db", '{"host": "db"}', "192.0.2.2")
    for controller in (before, before, after, after):
        assert held_after_a_run(controller) == {"web.ex.com": "192.0.2.1", "db.ex.com": "192.0.2.2"}
    assert (before.measured.kept, after.measured.kept) == (0, 1), "who has seen what it was goes on asking for it"
    words = "--fqdn-template can't be made: .host: there is no field host; what there is stays"
    assert told == [words] * 2, "once by each process"
    assert [each for each in caplog.messages if "template" in each] == [f"service/shop/web: {words}"] * 2
    put("web", '{"host": "shop"}')
    assert held_after_a_run(after) == {"shop.ex.com": "192.0.2.1", "db.ex.com": "192.0.2.2"}


def test_a_new_object_with_a_mistake_is_told_though_no_record_is_concerned() -> None:
    cluster = cluster_of()
    told: list[str] = []
    provider = MemoryProvider()

    async def body() -> None:
        clock = asyncio.get_running_loop().time
        controller = Controller(
            [ServiceSource(cluster)], TxtRegistry("me"), provider,
            report=lambda results, changed_at: told.extend(str(result.error) for result in results), clock=clock,
        )  # fmt: skip
        loop = ControlLoop(controller, Schedule(600), events=True, clock=clock, dice=lambda: 0.0)
        async with in_background(loop.run()):
            await asyncio.sleep(5)
            cluster.services.put(service("web", target="192.0.2.999"))
            await asyncio.sleep(5)

    virtual_time.run(body())
    assert told == ["CNAME: '192.0.2.999': neither an address nor a name; what there is stays"]
    assert provider.writes == 0


def test_each_mistake_is_told_when_it_is_new_or_another_one(caplog: pytest.LogCaptureFixture) -> None:
    def wish(target: str, resource: str = "service/shop/web") -> Endpoint:
        return Endpoint("web.ex.com", (target,), "A", labels={RESOURCE_LABEL: resource})

    mistakes = Mistakes()
    rounds = [[wish("x")], [wish("x")], [wish("y")], [wish("y"), wish("y", "service/shop/b")], [], [wish("y")]]
    assert [len(mistakes.news(each)) for each in rounds] == [1, 0, 1, 1, 0, 1]
    assert caplog.messages[0] == ("service/shop/web asks for web.ex.com A: 'x' is no IPv4 address; what there is stays")
