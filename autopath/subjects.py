"""What a change in a cluster is about, as answers name it (`clusterdns.cache.watched`): the Service, by its wire key.

Namespaces change seldom, and anything may depend on one: then every answer is made anew. Pods change all the time; what
depends on them (their own names) is made anew at any change. Which view a client has is not for here:
`clusterdns.kube.search_lists` follows its pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from autopath.index import wire_key
from clusterdns.cache.watched import Watched
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import KubeObject
from clusterdns.kube.store import Cluster


def follow(watched: Watched, cluster: Cluster) -> None:
    """Tell `watched` of every change in the stores from now on."""
    for kind in KINDS:
        subjects = _SUBJECTS.get(kind)
        cluster.store(kind).subscribe(watched.forget if subjects is None else partial(_tell, watched, subjects))


def _of_service(each: KubeObject) -> Iterator[bytes | None]:
    yield wire_key(each.namespace, each.name)


def _of_slice(each: Any) -> Iterator[bytes | None]:
    # It has the name of an import in clusters of a set.
    for service in (each.service, each.imported):
        yield wire_key(each.namespace, service)


def _of_pod(_each: KubeObject) -> Iterable[bytes | None]:
    return ()


_SUBJECTS: dict[str, Callable[[Any], Iterable[bytes | None]]] = {
    "Service": _of_service,
    "ServiceImport": _of_service,
    "EndpointSlice": _of_slice,
    "Pod": _of_pod,
}


def _tell(
    watched: Watched,
    subjects: Callable[[KubeObject], Iterable[bytes | None]],
    old: KubeObject | None,
    new: KubeObject | None,
) -> None:
    found = (key for each in (old, new) if each is not None for key in subjects(each))
    watched.forget_about({key for key in found if key is not None})
