"""Reads a paged list whole, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from externaldns.providers.privatezone.api import Page
from externaldns.providers.privatezone.failure import PrivateZoneError

T = TypeVar("T")

_TRIES = 3


async def list_all(read_page: Callable[[int], Awaitable[Page[T]]]) -> list[T]:
    """Return the items of all pages; `read_page` takes the page's number, from 1.

    Pages are cut from the list as it is at the moment of each call: an item that goes while they are read moves its
    successors forward, over a page's edge, and one of them is never seen. A list that is not as long as it says is
    therefore read again; PrivateZoneError if it does not come to rest.
    """
    for _ in range(_TRIES):
        first = await read_page(1)
        items = list(first.items)
        number, page = 1, first
        while page.items and len(items) < page.total:
            number += 1
            page = await read_page(number)
            items += page.items
        if len(set(items)) == page.total == first.total:
            return items
    raise PrivateZoneError("list", "System.Busy", "the list keeps changing while it is read")
