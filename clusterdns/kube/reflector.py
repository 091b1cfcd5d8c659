"""List, then watch, then what to do when either breaks: the reflector of one kind, as a state machine without I/O.

    next_step() -> WatchFrom | ListPage | Pause     what to ask the server, carried out by `watcher`
    heard(event), ended(now), found(object), listed(version, token), failed(error)     what came of it
    remove_gone()                                   the end of a list, in small steps

A list is streamed, as the first events of a watch, object by object; a server that does not do that is asked for
pages. The store is always usable: objects are put as they come, and only a complete list removes what was not in it.
One that can't be read is there none the less: a record that is stale is better than one that vanishes.
On an error the store keeps its last state. Every hour or two there is a list though all seems well: whoever loses
events does not say so. Source: Kubernetes API concepts, "Efficient detection of changes" and "Streaming lists", and the
behaviour of a 1.36 server. `now` is monotonic seconds; `dice` returns random numbers in [0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark, Delete, Event, Failure, Put, Unreadable
from clusterdns.kube.objects import Key, Named
from clusterdns.kube.store import Store
from clusterdns.limits import (
    KUBE_BACKOFF_MAXIMUM_SECONDS,
    KUBE_BACKOFF_SECONDS,
    KUBE_COMPARE_SECONDS,
    KUBE_FAILURES,
    KUBE_WATCH_BRIEF_SECONDS,
    KUBE_WATCH_SECONDS,
    KUBE_WATCH_SILENCE_SECONDS,
)


class ListPage(Struct, frozen=True):
    """Ask for a page of the list; an empty token asks for the first one."""

    continue_token: str


class WatchFrom(Struct, frozen=True):
    """Watch for changes after `resource_version`; ask the server to end the watch after `timeout_seconds`.

    Without a version, ask for everything there is, as it is now, then for changes.
    """

    resource_version: str
    timeout_seconds: int


class Pause(Struct, frozen=True):
    """Ask nothing for that long."""

    seconds: float


Step = ListPage | WatchFrom | Pause


class Reflector:
    """Keeps one store equal to what the server has; `trouble` says why it can't at present, empty when it can."""

    def __init__(self, store: Store[Any], dice: Callable[[], float], *, optional: bool = False) -> None:
        """`optional`: a server without the kind has no object of it, and what needs them need not wait."""
        self._store = store
        self._dice = dice
        self._optional = optional
        self._version = ""
        """Resource version that the store is at; empty: a list is needed."""
        self._continue = ""
        self._streaming = False
        """A streamed list is under way."""
        self._streams = True
        """The next list is to be streamed."""
        self._unseen: dict[str, dict[str, Named]] = {}
        """What is in the store and the list under way has not had yet, by namespace."""
        self._unreadable_here: set[Key | None] = set()
        """What could not be read since the last list began."""
        self._pause = 0.0
        self._failures = 0
        """Failures since the server last told us something."""
        self._watch_began = 0.0
        self._heard_anything = False
        self._compare_at = math.inf
        """When the store is to be compared with a new list."""
        self.trouble = ""
        self.lists = 0
        """Whole lists so far."""
        self.has_whole_list = False
        """A list is in: `remove_gone` is to be carried out before anything else."""

    @property
    def unreadable(self) -> set[Key | None]:
        """What the server has and we can't read, as the store tells it to others."""
        return self._store.unreadable

    def next_step(self, now: float) -> Step:
        """What to do now. Each call's step must be carried out and reported before the next call."""
        if self._pause:
            seconds, self._pause = self._pause, 0.0
            return Pause(seconds)
        if self._version and now >= self._compare_at:
            self._start_over()
        if not self._version:
            if not self._continue:
                self._unseen = self._store.by_namespace()
                self._unreadable_here = set()
                # As with watches: not all nodes together.
                self._compare_at = now + KUBE_COMPARE_SECONDS.default * (1 + self._dice())
            if self._continue or not self._streams:
                return ListPage(self._continue)
            self._streaming = True
        self._watch_began = now
        self._heard_anything = False
        # Spread over five to ten minutes, so that the watches of many nodes do not all end together.
        return WatchFrom(self._version, round(KUBE_WATCH_SECONDS.default * (1 + self._dice())))

    def found(self, new: Named) -> None:
        """An object of a page of the list, in the form in which it is kept."""
        self._see(new.key)
        self._store.take(new)

    def could_not_read(self, key: Key | None) -> None:
        """An object that can't be read, without `key` any one: what was last known of it stays."""
        if key is None:
            self._unseen = {}  # it may be any of them, so this list says of none that it is gone
        else:
            self._see(key)
        self._unreadable_here.add(key)
        self.unreadable.add(key)

    def listed(self, resource_version: str, continue_token: str) -> None:
        """All of a page was found."""
        self._continue = continue_token
        if not continue_token:
            self._end_list(resource_version)

    def heard(self, event: Event) -> bool:
        """A line of the watch is in. Returns whether to go on reading this watch."""
        match event:
            case Put(new, version):
                self.found(new)
                self._move_to(version)
            case Failure(code, reason, message):
                self.failed(KubeApiError(code, reason, message))
                return False
            case Delete(key, version):
                self._see(key)
                self._store.delete(key)
                self._move_to(version)
            case Bookmark(version, ends_list):
                if ends_list and self._streaming:
                    self._end_list(version)
                    return True
                self._move_to(version)
            case Unreadable(_, key):
                self.could_not_read(key)
        self._heard_anything = True
        if not self._streaming:
            self._failures = 0
            self.trouble = ""
        return True

    def _see(self, key: Key) -> None:
        if self._unseen:
            self._unseen.get(key[0], {}).pop(key[1], None)
        if self.unreadable:
            self.unreadable.discard(key)

    def _move_to(self, version: str) -> None:
        # Before its end, the versions in a streamed list say nothing about what is still missing.
        if version and not self._streaming:
            self._version = version

    def _end_list(self, version: str) -> None:
        self.has_whole_list = True
        self._streaming = False
        self._streams = True
        self._heard_anything = False
        # Without a version there would be no end to listing; "0" asks for a watch from any point.
        self._version = version or "0"
        self.trouble = ""

    def remove_gone(self) -> Iterator[None]:
        """Remove what a whole list has not had, an object with each step; after the last one the store is synced."""
        for names in self._unseen.values():
            for each in names.values():
                self._store.delete(each.key)
                yield
        self._unseen = {}
        self.unreadable.intersection_update(self._unreadable_here)
        self.has_whole_list = False
        self.lists += 1
        self._store.finish(())

    def ended(self, now: float) -> None:
        """The watch is over without an error: the server ended it, or nothing came for too long."""
        lasted = now - self._watch_began
        if self._streaming:
            # It stopped, or fell silent, in the middle. Whatever the reason, pages have an end.
            self._streams = False
            self.failed(KubeApiError(0, "WatchClosed", "the list was cut short"))
        elif lasted < KUBE_WATCH_BRIEF_SECONDS.default:
            # Something in between closes watches. Asking again at once would be a busy loop on both sides.
            if self._heard_anything:
                self._pause = KUBE_WATCH_BRIEF_SECONDS.default
            else:
                self.failed(KubeApiError(0, "WatchClosed", "the watch was closed at once"))
        elif lasted >= KUBE_WATCH_SILENCE_SECONDS.default and not self._heard_anything:
            # A live watch has a bookmark about once a minute. One from a version that the server does not have yet
            # (etcd restored from a backup) is silent for ever and would never be refused: list and compare.
            self._version = ""

    def failed(self, error: KubeApiError) -> None:
        """A request was refused or broke off, or the watch ended with an ERROR event."""
        if self._streaming and error.status in (400, 422):
            # "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled": not trouble.
            self._streams = False
            self._start_over()
            return
        self._failures += 1
        if self._streaming:
            self._start_over()
        if error.status == 410:
            # "Clients must handle the case by recognizing the status code 410 Gone, clearing their local cache,
            # performing a new get or list operation, and starting the watch from the resourceVersion that was
            # returned." The cache is not cleared: the new list replaces it key by key. Once is normal and no trouble.
            self._start_over()
            if self._failures == 1:
                return
        elif not error.retryable or error.status == 200:
            # 400: the continue token or the version is not accepted; 404: the resource came or went with its API;
            # 200: what came can't be read, and would not be better the next time.
            self._start_over()
            # Once there have been such objects, a 404 is a server that has not found its feet yet: they stay.
            if error.status == 404 and self._optional and not self._store.synced:
                self._store.keep(frozenset())
        self.trouble = str(error)
        # 403, 404: it may stay so for ever. Anything else may pass, unless it goes on.
        if not self._store.synced and (error.status in (403, 404) or self._failures >= KUBE_FAILURES.default):
            self._store.refused = self.trouble
        self._pause = self._backoff()

    def _start_over(self) -> None:
        self._version = self._continue = ""
        self._streaming = False

    def _backoff(self) -> float:
        """Doubled with each failure up to the maximum, then between half and all of it, so that nodes spread out."""
        doublings = min(self._failures - 1, 16)
        longest = min(KUBE_BACKOFF_SECONDS.default * 2.0**doublings, KUBE_BACKOFF_MAXIMUM_SECONDS.default)
        return longest * (0.5 + self._dice() / 2)
