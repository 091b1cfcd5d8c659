"""What answers are about, and what changes are about: each answer is made anew when it may be another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autopath.index import ClusterIndex
from autopath.publish import Gathered
from autopath.subjects import follow
from autopath.zone import ClusterZone
from clusterdns.cache.watched import ANYTHING, Subjects, Watched
from clusterdns.kube.objects import EndpointSlice, KubeObject, Namespace, Pod, Service, ServiceImport
from clusterdns.kube.store import Cluster
from clusterdns.limits import CHANGED_SUBJECTS
from clusterdns.wire.names import name_from_text

WEB: Subjects = (b"\x03web\x04shop",)

# What a name in front of the zone is about.
NAMES: list[tuple[str, Subjects]] = [
    ("web.shop.svc.", WEB),
    ("_http._tcp.web.shop.svc.", WEB),
    ("_tcp.web.shop.svc.", WEB),
    ("10-0-0-1.web.shop.svc.", WEB),
    ("eu.pin._zone.web.shop.svc.", WEB),
    ("a.blue.web.shop.svc.", WEB),
    ("aliyun.com.svc.", (b"\x06aliyun\x03com",)),
    ("shop.svc.", ()),
    ("svc.", ()),
    ("aliyun.com.", ()),
    ("dns-version.", ()),
    # Not below `svc`: this is one label, which ends like it.
    ("a\\003svc.", ()),
    ("", ANYTHING),
    ("ns.dns.", ANYTHING),
    ("10-0-0-1.shop.pod.", ANYTHING),
    ("shop.pod.", ANYTHING),
]


def zone(*, bare: bool = False) -> ClusterZone:
    index = ClusterIndex(Cluster(), wall_clock=lambda: 0.0)
    return ClusterZone(name_from_text("cluster.local"), index, ttl=5, bare=bare)


@pytest.mark.parametrize(("front", "subjects"), NAMES)
def test_what_a_name_is_about(front: str, subjects: Subjects) -> None:
    assert zone().subjects(name_from_text(f"{front}cluster.local")) == subjects


def test_what_a_name_is_about_right_below_a_zone() -> None:
    names = ["web.shop", "10-0-0-1.web.shop", "shop"]
    found = [zone(bare=True).subjects(name_from_text(f"{each}.cluster.local")) for each in names]
    assert found == [WEB, WEB, ()]


def slice_of(name: str, service: str, **fields: object) -> EndpointSlice:
    return EndpointSlice(name=name, namespace="shop", service=service, **fields)  # type: ignore[arg-type]


# What happens between two notices; the subjects that are told, None for everything.
NOTICES: dict[str, tuple[list[Subjects | None], set[bytes] | None]] = {
    "Services": ([WEB, (b"db",), WEB], {*WEB, b"db"}),
    "pods": ([(), ()], set()),
    "a namespace": ([WEB, None, WEB], None),
    "nobody says what": ([], None),
    "too many, one by one": ([(b"%d" % number,) for number in range(CHANGED_SUBJECTS.default_int + 1)], None),
    "too many": ([tuple(b"%d" % number for number in range(CHANGED_SUBJECTS.default_int + 1))], None),
}


@pytest.mark.parametrize(("changes", "told"), NOTICES.values(), ids=NOTICES)
def test_what_other_processes_are_told(changes: list[Subjects | None], told: set[bytes] | None) -> None:
    gathered = Gathered()
    for _ in range(2):
        for subjects in changes:
            if subjects is None:
                gathered.forget()
            else:
                gathered.forget_about(subjects)
        found = gathered.take()
        assert (None if found is None else set(found)) == told


# What is here first, what comes then, and the subjects whose answers leave besides those that any change ends.
CHANGES: dict[str, tuple[list[KubeObject], KubeObject, set[str]]] = {
    "a Service comes": ([], Service(name="web", namespace="shop"), {"web"}),
    "a Service in another spelling": ([], Service(name="Web", namespace="Shop"), {"web"}),
    "a Service that has no name in DNS": ([], Service(name="w" * 64, namespace="shop"), set()),
    "an import": ([], ServiceImport(name="web", namespace="shop"), {"web"}),
    "a slice": ([slice_of("a", "web")], slice_of("a", "web", triggered=1.0), {"web"}),
    "a slice of another cluster": ([], slice_of("a", "", imported="web"), {"web"}),
    "a slice that moves": ([slice_of("a", "web")], slice_of("a", "db"), {"web", "db"}),
    "a pod": ([], Pod(name="web-0", namespace="shop", ips=("10.0.0.1",)), set()),
    "a namespace": ([], Namespace(name="shop"), {"web", "db", "none"}),
}
ABOUT: dict[str, Subjects] = {"web": WEB, "db": (b"\x02db\x04shop",), "none": (), "any": ANYTHING}


@pytest.mark.parametrize("gone", [False, True], ids=["comes", "goes"])
@pytest.mark.parametrize(("before", "change", "leave"), CHANGES.values(), ids=CHANGES)
def test_which_answers_a_change_ends(before: list[KubeObject], change: KubeObject, leave: set[str], gone: bool) -> None:
    stores, watched = Cluster(), Watched()
    follow(watched, stores)
    store = stores.store(type(change).__name__)
    for each in before:
        store.put(each)
    if gone:
        store.put(change)
    kept: dict[str, str] = dict.fromkeys(ABOUT, "an answer")
    for name, subjects in ABOUT.items():
        watched.add(kept, name, subjects)
    act: Callable[[], object] = (lambda: store.delete(change.key)) if gone else (lambda: store.put(change))
    act()
    # Once it has moved, only where it was last is left.
    expected = {"db"} if gone and "db" in leave and before else leave
    assert set(ABOUT) - set(kept) == expected | {"any"}
