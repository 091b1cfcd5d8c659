"""A real API server's watches and lists, fed to a reflector through decoding."""

from __future__ import annotations

import json

from clusterdns.kube.decode import decode_event, decode_page
from clusterdns.kube.reflector import ListPage, Reflector
from clusterdns.kube.store import Cluster
from tests.support import recording
from tests.unit.kube.reflecting import NEW, hear, remove_gone, stored, take, watch


def test_recorded_watches() -> None:
    """The recorded exchanges, fed through decoding: pages 5 and 6, then watch 12, then 15."""
    cluster = Cluster()
    reflector = Reflector(cluster.store("Service"), lambda: 0.0)
    notes: list[str] = []
    take(reflector, decode_page("Service", recording.body(5), notes.append))
    token = recording.recorded(6)["request"]["path"].rpartition("continue=")[2]
    assert reflector.next_step(0) == ListPage(token)
    take(reflector, decode_page("Service", recording.body(6), notes.append))
    # The recorded second page has a third one after it, which was not recorded.
    reflector.listed("319", "")
    remove_gone(reflector)
    assert reflector.next_step(0) == watch("319")
    names: list[list[str]] = []
    for line in recording.lines(12):
        assert reflector.heard(decode_event("Service", line, notes.append))
        names.append(stored(cluster.store("Service")))
    assert ["fresh" in each for each in names] == [True, True, True, False, False]
    assert reflector.next_step(0) == watch("325")
    (too_old,) = recording.lines(15)
    assert not reflector.heard(decode_event("Service", too_old, notes.append))
    assert reflector.next_step(0) == NEW
    assert notes == []


def test_recorded_streamed_list() -> None:
    cluster = Cluster()
    reflector = Reflector(cluster.store("Service"), lambda: 0.0)
    assert reflector.next_step(0) == NEW
    *objects, end = recording.lines(13)
    synced = []
    for line in (*objects, end):
        assert hear(reflector, decode_event("Service", line, lambda note: None))
        synced.append(cluster.services.synced)
    assert synced == [False] * len(objects) + [True]
    assert stored(cluster.store("Service")) == ["db", "ext", "kubernetes", "lb", "web"]
    assert reflector.next_step(0) == watch(json.loads(end)["object"]["metadata"]["resourceVersion"])


def test_recorded_pod_that_finishes_leaves_the_store() -> None:
    cluster = Cluster()
    reflector = Reflector(cluster.store("Pod"), lambda: 0.0)
    reflector.listed("326", "")
    remove_gone(reflector)
    addresses = []
    for line in recording.lines(14):
        reflector.heard(decode_event("Pod", line, lambda note: None))
        short = cluster.pods.get("team-a", "short")
        addresses.append(short.ips if short else None)
    assert addresses == [(), ("10.244.1.99",), None, None, None]
    assert reflector.next_step(0) == watch("332")
