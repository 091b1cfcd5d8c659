"""An `autopath` directive among fakes: pods with search lists, and the names of one walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from clusterdns.cache.watched import Watched
from clusterdns.directives.autopath import Autopath
from clusterdns.directives.chain import Handler, Reply
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.search.lists import SearchList
from clusterdns.wire.names import name_from_text
from tests.support.chain import FakeHandler, Says, request

ZONE = name_from_text("cluster.local")
POD = "10.0.0.7"
POD_V6 = "fd00::7"
OTHER_POD = "10.0.0.8"

FIRST = "aliyun.com.shop.svc.cluster.local."
SECOND = "aliyun.com.svc.cluster.local."
THIRD = "aliyun.com.cluster.local."
BARE = "aliyun.com."
WALK = [FIRST, SECOND, THIRD, BARE]

FAILS = Says(error=UpstreamFailure("192.0.2.53:53", "no answer"))
SERVFAIL = Says(rcode="SERVFAIL")
REFUSED = Says(rcode="REFUSED")
FOUND_V6 = Says(answer=("@ 60 IN AAAA fd00::1",))


def search_list(namespace: str) -> SearchList:
    domains = (f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local")
    return SearchList(namespace.encode(), tuple(name_from_text(domain) for domain in domains))


class FakeSearchLists:
    """Search lists by client address."""

    def __init__(self) -> None:
        self.known: dict[str, SearchList] = {
            POD: search_list("shop"),
            POD_V6: search_list("shop"),
            OTHER_POD: search_list("blog"),
        }
        self.asked: list[str] = []

    def search_list_of(self, client: str) -> SearchList | None:
        self.asked.append(client)
        return self.known.get(client)

    def view_at(self, packed: bytes, /) -> bytes | None:
        return None


def autopath(
    behind: FakeHandler,
    *,
    zones: Sequence[bytes] = (ZONE,),
    trusted: Sequence[str] = (),
    lists: FakeSearchLists | None = None,
    clock: Callable[[], float] = lambda: 100.0,
    elsewhere: dict[bytes, Handler] | None = None,
    flatten: bool = False,
    can_exist: Callable[[bytes], bool] = lambda folded: True,
    asks_ahead: bool = False,
    watched: Watched | None = None,
) -> Autopath:
    return Autopath(
        zones,
        lists or FakeSearchLists(),
        [ip_network(network) for network in trusted],
        clock,
        behind.handle,
        (elsewhere or {}).get,
        flatten=flatten,
        can_exist=can_exist,
        asks_ahead=asks_ahead,
        watched=watched,
    )


class Scene:
    """An autopath whose clock, cluster and pods a test moves."""

    def __init__(
        self,
        answers: Mapping[str, Says] | None = None,
        *,
        can_exist: Callable[[bytes], bool] = lambda folded: True,
        asks_ahead: bool = False,
    ) -> None:
        self.now = 100.0
        self.behind = FakeHandler(answers)
        self.lists = FakeSearchLists()
        self.watched = Watched()
        self.autopath: Autopath = autopath(
            self.behind,
            lists=self.lists,
            clock=lambda: self.now,
            can_exist=can_exist,
            asks_ahead=asks_ahead,
            watched=self.watched,
        )

    def begin(self, qtype: str = "A", name: str = FIRST, client: str = POD, **query: Any) -> Flight[Reply]:
        """Ask; `behind.asked` is what that asks for. `query` goes to `tests.support.messages.query`."""
        self.behind.asked.clear()
        return start(self.autopath.handle(request(name, qtype, client=client, now=self.now, **query)))

    def ask(self, qtype: str = "A", name: str = FIRST, client: str = POD, **query: Any) -> Reply:
        """The answer, which must have nothing to wait for."""
        flight = self.begin(qtype, name, client, **query)
        assert flight.done, "the handler waits"
        return flight.result()
