"""Any history, through the whole watch: whatever happens to a cluster and to the connection, a watch that has lived
through it ends up with what one that starts now finds. On virtual time, against the double of the API server.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from clusterdns.kube.objects import PodClaim
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.until import until
from tests.unit.kube.scene import PODS, Scene, watching

ADDRESSES = ["10.244.0.1", "10.244.0.2", "fd00:10::1"]
NAMES = st.sampled_from(["a", "b", "c", "d"])

PUT = st.tuples(
    st.just("put"),
    NAMES,
    st.fixed_dictionaries(
        {
            "ips": st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True),
            "phase": st.sampled_from(["Pending", "Running", "Running", "Succeeded"]),
            "going": st.booleans(),
            "host": st.booleans(),
            "started": st.sampled_from(["2026-11-22T00:00:00Z", "2026-11-22T00:05:00Z"]),
        }
    ),
)
DELETE = st.tuples(st.just("delete"), NAMES, st.none())
# What breaks, and what happens before the watch is back.
BREAK = st.tuples(
    st.sampled_from(["cut", "cut in event", "end", "expire", "expire", "restart"]),
    st.lists(DELETE | PUT, min_size=1, max_size=4),
    st.none(),
)
SERVER = st.tuples(st.sampled_from(["toggle streaming", "cut the next list"]), st.none(), st.none())
PAUSE = st.tuples(st.just("pause"), st.sampled_from([0.001, 0.5, 65.0, 400.0]), st.none())
HISTORIES = st.lists(BREAK | BREAK | PUT | DELETE | SERVER | PAUSE, min_size=5, max_size=15)


async def happen(server: ApiServerDouble, what: str, which: Any, how: Any) -> None:
    match what:
        case "put":
            server.put(
                "Pod",
                which,
                "n",
                metadata={"deletionTimestamp": "2026-11-22T01:00:00Z"} if how["going"] else {},
                spec={"hostNetwork": how["host"]},
                status={
                    "phase": how["phase"],
                    "podIPs": [{"ip": ip} for ip in how["ips"]],
                    "startTime": how["started"],
                },
            )
        case "delete":
            if ("n", which) in server.keys("Pod"):
                server.delete("Pod", which, "n")
        case "cut":
            server.cut_watches()
        case "cut in event":
            server.cut_watches(in_event=True)
        case "end":
            server.end_watches()
        case "expire":
            server.expire_history()
            server.cut_watches()
        case "restart":
            await server.stop()
            await server.start()
        case "toggle streaming":
            server.streams = not server.streams
        case "cut the next list":
            server.stream_cuts.append(1)
        case "pause":
            await asyncio.sleep(which)
    if isinstance(which, list):
        for change in which:
            await happen(server, *change)
        await asyncio.sleep(1)


def claims(cluster: Cluster) -> dict[str, PodClaim]:
    return {each.name: each for each in cluster.pod_claims}


async def caught_up(scene: Scene, marker: str) -> None:
    """Wait until the watch has what was last put. Pods that finish are out of its sight, so the marker does not."""
    scene.server.put("Pod", marker, "n", status={"phase": "Running"})
    await until(lambda: marker in claims(scene.cluster), 3600, 1)


# An example takes a quarter of a second; so few of them, and a failing one is shown as it is.
FEW = settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FEW
@example([("expire", [("delete", "a", None)], None)])
@example([("toggle streaming", None, None), ("expire", [("delete", "a", None)], None)])
@example([("cut the next list", None, None), ("expire", [("delete", "b", None)], None), ("delete", "c", None)])
@given(HISTORIES)
def test_any_history_ends_like_a_fresh_watch(tmp_path: Path, history: list[tuple[str, Any, Any]]) -> None:
    async def main() -> None:
        selection = {"Pod": UNFINISHED_PODS}
        async with watching(tmp_path, PODS, lean=True, field_selectors=selection) as scene:
            index = PodIndex(scene.cluster.pod_claims)
            for name in "abcd":
                scene.server.put("Pod", name, "n", status={"phase": "Running", "podIP": ADDRESSES[0]})
            await caught_up(scene, "first marker")
            for event in history:
                await happen(scene.server, *event)
            await caught_up(scene, "marker")
            fresh = await scene.another(PODS, field_selectors=selection)
            assert claims(scene.cluster) == claims(fresh)
            assert {each: index.pod_at(each) for each in ADDRESSES} == {
                each: PodIndex(fresh.pod_claims).pod_at(each) for each in ADDRESSES
            }

    virtual_time.run(main())
