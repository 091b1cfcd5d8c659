"""The loop on virtual time: intervals, changes, failures, leadership."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.leader import Leadership
from clusterdns.kube.objects import Key
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller
from externaldns.loop import ControlLoop
from externaldns.measurements import Measurements
from externaldns.ownership import TxtRegistry
from externaldns.record import Endpoint
from externaldns.schedule import Schedule
from externaldns.sources.service import ServiceSource
from tests.support import virtual_time
from tests.support.background import in_background
from tests.unit.externaldns.baton import Baton
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, service

Script = Sequence[tuple[float, Callable[[], object]]]


class Scene:
    """A loop at work on virtual time, and what it did."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.provider = MemoryProvider()
        self.measured = Measurements()

    def play(
        self,
        script: Script = (),
        *,
        until: float,
        events: bool = True,
        gap: float = 0.0,
        leadership: Leadership | None = None,
        at_rest: Callable[[Callable[[str], bool]], None] = lambda waits: None,
    ) -> Scene:
        """Run the loop for `until` virtual seconds while `script` happens."""

        async def body() -> None:
            clock = asyncio.get_running_loop().time
            controller = Controller(
                [ServiceSource(self.cluster)],
                TxtRegistry("me"),
                self.provider,
                measurements=self.measured,
                leadership=leadership,
                clock=clock,
            )
            loop = ControlLoop(
                controller,
                Schedule(60),
                events=events,
                gap_seconds=gap,
                leadership=leadership,
                clock=clock,
                wall_clock=lambda: 1000.0,
                dice=lambda: 0.0,
                at_rest=at_rest,
            )
            async with in_background(loop.run()):
                for moment, action in script:
                    await asyncio.sleep(moment - clock())
                    action()
                await asyncio.sleep(until - clock())

        virtual_time.run(body())
        return self

    @property
    def full_runs(self) -> list[float]:
        return [round(moment, 2) for moment in self.provider.read_at]

    def targets(self) -> dict[str, str]:
        return {key[0]: " ".join(record.targets) for key, record in self.provider.records.items() if key[1] == "A"}


def put(cluster: Cluster, name: str, target: str = "192.0.2.1", hostname: str | None = None) -> Callable[[], object]:
    return lambda: cluster.services.put(service(name, hostname, target))


def test_each_interval_asks_whether_a_full_run_could_find_anything() -> None:
    scene = Scene(cluster_of(service("web"))).play(until=130)
    assert scene.full_runs == [0]
    assert scene.provider.asked == 2
    assert scene.measured.no_op_runs == 2


def test_a_zone_that_changed_without_us_gets_a_full_run() -> None:
    scene = Scene(cluster_of(service("web")))

    def edit() -> None:
        del scene.provider.records["web.ex.com", "A", ""]
        scene.provider.moved = True

    scene.play([(70, edit)], until=125)
    assert scene.full_runs == [0, 120]
    assert scene.targets() == {"web.ex.com": "192.0.2.1"}


def test_changes_are_gathered_and_make_one_short_run_without_reading_the_zone() -> None:
    cluster = cluster_of()
    scene = Scene(cluster)
    seen: list[dict[str, str]] = []
    scene.play(
        [
            (10, put(cluster, "web")),
            (10.1, put(cluster, "db")),
            (10.19, lambda: seen.append(scene.targets())),
            (10.31, lambda: seen.append(scene.targets())),
        ],
        until=50,
    )
    assert seen == [{}, {"web.ex.com": "192.0.2.1", "db.ex.com": "192.0.2.1"}]
    assert scene.full_runs == [0]
    assert len(scene.provider.looked) == 1


def test_a_stream_of_changes_starves_nobody() -> None:
    cluster = cluster_of()
    scene = Scene(cluster)
    stream = [(10 + number / 10, put(cluster, f"h{number}")) for number in range(20)]
    seen: list[int] = []
    scene.play([*stream[:12], (11.15, lambda: seen.append(len(scene.targets()))), *stream[12:]], until=20)
    assert seen[0] >= 10
    assert len(scene.targets()) == 20


def test_one_name_is_changed_no_more_often_than_the_gap_says() -> None:
    cluster = cluster_of()
    scene = Scene(cluster)
    seen: list[str] = []

    def look() -> None:
        seen.append(scene.targets()["web.ex.com"])

    scene.play(
        [(10, put(cluster, "web")), (10.5, look), (11, put(cluster, "web", "192.0.2.2")), (12, look), (15.5, look)],
        until=20,
        gap=5,
    )
    assert seen == ["192.0.2.1", "192.0.2.1", "192.0.2.2"]


def test_without_events_a_change_waits_for_the_interval() -> None:
    cluster = cluster_of()
    scene = Scene(cluster).play([(10.0, put(cluster, "web"))], until=70, events=False)
    assert scene.full_runs == [0, 60]
    assert scene.provider.looked == []
    assert scene.targets() == {"web.ex.com": "192.0.2.1"}


def test_it_waits_until_the_stores_are_synced() -> None:
    cluster = cluster_of(synced=False)

    def fill() -> None:
        for store in ServiceSource(cluster).stores:
            store.replace(())

    [first] = Scene(cluster).play([(7.0, fill)], until=30).full_runs
    assert 7 <= first <= 7.1


@pytest.mark.parametrize(
    ("error", "traceback"), [(ClusterDNSError("away"), False), (RuntimeError("a bug"), True)], ids=["ours", "bug"]
)
def test_it_survives_failures_and_tries_again(
    error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(cluster_of())
    scene.provider.away = error

    def heal() -> None:
        scene.provider.away = None

    assert scene.play([(4, heal)], until=50).full_runs == [0, 1, 3, 7]
    assert (scene.measured.consecutive_errors, scene.measured.registry_errors, scene.measured.last_sync) == (0, 3, 1000)
    assert ("Traceback" in caplog.text) is traceback


def test_the_same_failure_is_said_once_another_one_again(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(cluster_of())
    errors = {0: "wrong keys", 10: "away", 40: "wrong keys"}

    def fail(words: str) -> Callable[[], None]:
        return lambda: setattr(scene.provider, "away", ClusterDNSError(words))

    scene.provider.away = ClusterDNSError("wrong keys")
    scene.play([(at, fail(words)) for at, words in errors.items()], until=70)
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said == ["run failed: wrong keys", "run failed: away", "run failed: wrong keys"]
    assert (scene.measured.consecutive_errors, scene.measured.last_error) == (7, "wrong keys")


def test_of_many_names_that_fail_the_first_few_are_told_by_name(caplog: pytest.LogCaptureFixture) -> None:
    cluster = cluster_of(*(service(f"h{number}") for number in range(25)))
    scene = Scene(cluster)
    scene.provider.refuses = {f"h{number}.ex.com" for number in range(25)}
    scene.play(until=0.5)
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [line for line in said if line.startswith("h")] == said[:10]
    assert said[0] == "h0.ex.com: refused; it is tried again in 1 s"
    assert said[10:] == [
        "15 more names could not be changed, and are tried again as well",
        "run failed: 25 names could not be changed",
    ]


def test_a_zone_that_can_not_be_read_is_in_no_other_ones_way(caplog: pytest.LogCaptureFixture) -> None:
    cluster = cluster_of(service("web"), service("deep", "deep.sub.ex.com"))
    scene = Scene(cluster)
    scene.provider.unread = {"sub.ex.com": ClusterDNSError("not allowed")}
    seen: list[dict[str, str]] = []

    def heal() -> None:
        seen.append(scene.targets())
        scene.provider.unread = {}

    scene.play([(2, put(cluster, "new")), (2, put(cluster, "more", hostname="more.sub.ex.com")), (10, heal)], until=50)
    # Nothing of it goes into the zone above.
    assert seen == [{"web.ex.com": "192.0.2.1", "new.ex.com": "192.0.2.1"}]
    assert scene.targets().keys() == {"web.ex.com", "new.ex.com", "deep.sub.ex.com", "more.sub.ex.com"}
    words = "run failed: zone sub.ex.com can't be read, and stays as it is: not allowed"
    assert words in [record.getMessage() for record in caplog.records]


def test_a_name_that_fails_is_tried_again_on_its_own_and_is_in_nobodys_way() -> None:
    cluster = cluster_of(service("bad"), service("web"))
    scene = Scene(cluster)
    scene.provider.refuses = {"bad.ex.com"}
    seen: list[dict[str, str]] = []

    def heal() -> None:
        seen.append(scene.targets())
        scene.provider.refuses = set()

    scene.play([(2, put(cluster, "new")), (4, heal)], until=50)
    assert seen == [{"web.ex.com": "192.0.2.1", "new.ex.com": "192.0.2.1"}]
    assert scene.targets().keys() == {"web.ex.com", "new.ex.com", "bad.ex.com"}
    assert scene.full_runs == [0]
    tried = ["bad.ex.com" in looked for looked in scene.provider.looked]
    assert tried == [True, False, True, True], "after 1 and 3 s it was refused, after 7 s it was taken"


def test_a_short_run_that_cannot_be_made_is_made_later() -> None:
    cluster = cluster_of()
    scene = Scene(cluster)

    def away(error: Exception | None) -> None:
        scene.provider.away = error

    seen: list[dict[str, str]] = []
    scene.play(
        [
            (10, lambda: away(ClusterDNSError("away"))),
            (11, put(cluster, "web")),
            (13, lambda: seen.append(scene.targets())),
            (14, lambda: away(None)),
        ],
        until=50,
    )
    assert seen == [{}]
    assert scene.targets() == {"web.ex.com": "192.0.2.1"}
    assert scene.full_runs == [0]
    assert scene.measured.registry_errors == 2


def test_a_lease_that_is_lost_before_a_short_run_keeps_the_change_for_the_next_time() -> None:
    cluster = cluster_of()
    scene, baton = Scene(cluster), Baton()
    baton.leads = True
    scene.play(
        [(10, lambda: baton.give(False)), (11, put(cluster, "web")), (40, lambda: baton.give(True))],
        until=50,
        leadership=baton,
    )
    assert scene.targets() == {"web.ex.com": "192.0.2.1"}
    assert scene.measured.registry_errors == 0


def test_the_same_failure_of_a_name_is_told_once_until_it_changes_or_heals(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(cluster_of(service("web")))
    refuses = scene.provider.refuses
    refuses.add("web.ex.com")
    scene.play(
        [(400, refuses.clear), (800, lambda: refuses.add("web.ex.com")), (801, put(scene.cluster, "web", "192.0.2.2"))],
        until=1200,
    )
    said = [message for message in caplog.messages if message.startswith("web.ex.com: ")]
    assert said == ["web.ex.com: refused; it is tried again in 1 s"] * 2
    assert scene.measured.consecutive_errors > 1, "short runs that fail are counted"


def test_rest_is_told_after_runs_not_at_each_change_that_is_gathered() -> None:
    cluster, rests = cluster_of(), list[float]()
    marks = [(10 + number / 100, put(cluster, f"web-{number}")) for number in range(1, 9)]
    Scene(cluster).play(marks, until=50, at_rest=lambda waits: rests.append(asyncio.get_running_loop().time()))
    assert [round(at, 2) for at in rests] == [0, 10.28]


def test_a_standby_writes_nothing_keeps_warm_and_takes_over() -> None:
    cluster = cluster_of(service("web"))
    scene, baton = Scene(cluster), Baton()
    seen: list[int] = []
    scene.play(
        [
            (50, put(cluster, "db")),
            (130, lambda: seen.append(scene.provider.writes)),
            (131, lambda: baton.give(True)),
            (132, lambda: seen.append(scene.provider.writes)),
            (140, lambda: baton.give(False)),
            (141, put(cluster, "late")),
            (150, lambda: seen.append(scene.provider.writes)),
        ],
        until=200,
        leadership=baton,
    )
    assert seen == [0, 4, 4]
    assert scene.full_runs[:4] == [0, 60, 120, 131], "the mirror is kept warm, then the first run is a full one"
    assert scene.provider.forgotten == 2


def test_a_standby_asks_objects_as_they_change_not_all_of_them_when_it_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = cluster_of(service("web"))
    scene, baton, asked = Scene(cluster), Baton(), Counter[float]()
    ask = ServiceSource.endpoints_of

    def counted(source: ServiceSource, key: Key) -> list[Endpoint]:
        asked[asyncio.get_running_loop().time()] += 1
        return ask(source, key)

    monkeypatch.setattr(ServiceSource, "endpoints_of", counted)

    def come_and_go() -> None:
        for number in range(100):
            cluster.services.put(service(f"short-{number}"))
            cluster.services.delete(("shop", f"short-{number}"))

    scene.play([(50, come_and_go), (131, lambda: baton.give(True))], until=150, leadership=baton)
    assert asked == {0: 1, 60: 100}, "keys of objects that are gone do not pile up until it leads"
    assert scene.targets() == {"web.ex.com": "192.0.2.1"}


def test_a_standby_that_can_not_read_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(cluster_of(service("web")))
    scene.provider.away = ClusterDNSError("wrong keys")
    scene.play(until=400, leadership=Baton())
    assert len(scene.full_runs) > 4
    assert caplog.messages == ["can't read the zones while standing by: wrong keys"]
