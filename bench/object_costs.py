"""What each structure costs per object: bytes that Python's allocators have given out for it.

    python -m bench.object_costs [NUMBER]

Objects are decoded from the JSON of bench.synthetic_cluster, as a watch brings them, into a store of a lean cluster
and the indexes behind it, one layer after the other.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable

from autopath.index import ClusterIndex
from bench.synthetic_cluster import Size, SyntheticCluster
from clusterdns.kube.decode import Put, decode_event
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster

_NUMBER = 15_000


def main() -> None:
    number = int(sys.argv[1]) if sys.argv[1:] else _NUMBER
    synthetic = SyntheticCluster(Size(number, number // 15))
    print("| | bytes |\n|---|---|")
    for title, count, cost in costs(synthetic):
        print(f"| {title} | {cost / count:,.0f} |")


def costs(synthetic: SyntheticCluster) -> list[tuple[str, int, int]]:
    """(structure, how many objects it holds, bytes) of each."""
    cluster = Cluster(lean=True)
    pods, services = synthetic.size.pods, synthetic.size.services
    kept: list[object] = []

    def fill(kind: str, plural: str) -> Callable[[], None]:
        def run() -> None:
            number, make = synthetic.objects(plural)
            store = cluster.store(kind)
            for each in range(number):
                line = b'{"type":"ADDED","object":%s}' % make(each)
                event = decode_event(kind, line, print, store.form and store.form.from_raw)
                assert isinstance(event, Put)
                store.take(event.object)

        return run

    rows = [
        ("pod: its claim in the store", pods, fill("Pod", "pods")),
        ("pod: its address in the index", pods, lambda: kept.append(PodIndex(cluster.pod_claims))),
        ("Service: in the store", services, fill("Service", "services")),
        ("Service: its row and address in the index", services, lambda: kept.append(_index(cluster))),
        ("endpoint: in the store, in slices of 15", pods, fill("EndpointSlice", "endpointslices")),
    ]
    found = [(title, count, _measure(step)) for title, count, step in rows]
    # The index that was there before has followed the store; a second one shows its own part.
    alone = Cluster(lean=True)
    for each in cluster.endpoint_slices:
        alone.endpoint_slices.put(each)
    indexed = _measure(lambda: kept.append(_index(alone)))
    title, count, together = found.pop()
    return [*found, (title, count, together - indexed), ("endpoint: in the index", count, indexed)]


def _index(cluster: Cluster) -> ClusterIndex:
    return ClusterIndex(cluster, wall_clock=lambda: 0.0)


def _measure(step: Callable[[], None]) -> int:
    gc.collect()
    tracemalloc.start()
    step()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size


if __name__ == "__main__":
    main()
