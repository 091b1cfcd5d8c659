"""A reflector driven by hand: what came of each step, as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark, Event, Page, Put, Unreadable
from clusterdns.kube.objects import KubeObject, Pod
from clusterdns.kube.reflector import Reflector, WatchFrom
from clusterdns.kube.store import Store

NEW = WatchFrom("", 300)
Act = Callable[[Reflector], Any]


def pod(name: str, version: str = "1", **fields: Any) -> Pod:
    return Pod(name=name, namespace="n", resource_version=version, **fields)


def listed(*names: str, version: str = "10", more: str = "") -> Act:
    return lambda reflector: take(reflector, Page(map(pod, names), version, more))


def take(reflector: Reflector, page: Page) -> None:
    for each in page.objects:
        assert not isinstance(each, Unreadable)
        reflector.found(each)
    reflector.listed(page.resource_version, page.continue_token)
    remove_gone(reflector)


def remove_gone(reflector: Reflector) -> None:
    if reflector.has_whole_list:
        for _ in reflector.remove_gone():
            pass


def put(name: str, version: str) -> Put:
    return Put(pod(name, version), version)


def streamed(*names: str, version: str = "10") -> Act:
    return heard(*(put(name, "1") for name in names), Bookmark(version, ends_list=True))


def heard(*events: Event) -> Act:
    return lambda reflector: [hear(reflector, event) for event in events]


def hear(reflector: Reflector, event: Event) -> bool:
    goes_on = reflector.heard(event)
    remove_gone(reflector)
    return goes_on


def failed(status: int, reason: str = "") -> Act:
    return lambda reflector: reflector.failed(KubeApiError(status, reason, "text"))


def ended(now: float) -> Act:
    return lambda reflector: reflector.ended(now)


def then(*acts: Act) -> Act:
    return lambda reflector: [act(reflector) for act in acts]


def slept(reflector: Reflector) -> None:
    """The pause is over; there is nothing to report."""


def watch(version: str) -> WatchFrom:
    return WatchFrom(version, 300)


def stored(store: Store[KubeObject]) -> list[str]:
    return sorted(each.name for each in store)
