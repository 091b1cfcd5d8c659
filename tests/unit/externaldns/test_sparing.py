"""What stays against the plan: rows of changes, doubts, and what is left of the changes."""

from __future__ import annotations

import pytest

from externaldns.changes import Changes
from externaldns.record import RESOURCE_LABEL, Endpoint
from externaldns.resource_label import digest
from externaldns.sparing import Doubts, spare

SHOP = "service/shop/web"


def record(words: str, resource: str = SHOP) -> Endpoint:
    """`NAME TYPE TARGET,TARGET`, in the zone ex.com."""
    name, record_type, targets = words.split()
    dns_name = name if name.endswith(".arpa") else f"{name}.ex.com"
    return Endpoint(dns_name, tuple(targets.split(",")), record_type, labels={RESOURCE_LABEL: resource})


def change(words: str) -> Changes:
    """Changes as `- OLD`, `+ NEW` and `OLD > TARGETS`, with semicolons between them."""
    create, update, delete = [], [], []
    for part in filter(None, words.split("; ")):
        if part.startswith("+"):
            create.append(record(part[2:]))
        elif part.startswith("-"):
            delete.append(record(part[2:]))
        else:
            old, _, targets = part.partition(" > ")
            update.append((record(old), record(" ".join([*old.split()[:2], targets]))))
    return Changes(tuple(create), tuple(update), tuple(delete))


def shown(changes: Changes) -> str:
    def line(each: Endpoint) -> str:
        return f"{each.dns_name.removesuffix('.ex.com')} {each.record_type} {','.join(each.targets)}"

    updates = [f"{line(old)} > {','.join(new.targets)}" for old, new in changes.update]
    return "; ".join([*(f"- {line(e)}" for e in changes.delete), *updates, *(f"+ {line(e)}" for e in changes.create)])


BAD_TARGET = Doubts.about([record("web CNAME 192.0.2.x")])
BAD_NAME = Doubts.about([record("we..b A 192.0.2.1")])
UNREAD = Doubts(readable=frozenset({"ingress"}))
UNKNOWN = Doubts().beside(None, [SHOP])


@pytest.mark.parametrize(
    ("doubts", "wished", "made"),
    [
        (Doubts(), "- web A 1.1.1.1; + db A 1.1.1.1", "- web A 1.1.1.1; + db A 1.1.1.1"),
        # A target is wrong: its name.
        (BAD_TARGET, "- web A 1.1.1.1", ""),
        (BAD_TARGET, "- web A 1.1.1.1; - web AAAA ::1; - db A 1.1.1.1", "- db A 1.1.1.1"),
        (BAD_TARGET, "web A 1.1.1.1 > 2.2.2.2", "web A 1.1.1.1 > 2.2.2.2,1.1.1.1"),
        (BAD_TARGET, "web A 1.1.1.1,2.2.2.2 > 1.1.1.1", ""),
        (BAD_TARGET, "web A 1.1.1.1 > 1.1.1.1,2.2.2.2", "web A 1.1.1.1 > 1.1.1.1,2.2.2.2"),
        (BAD_TARGET, "web AAAA FD00::1 > fd00::1,fd00::2", "web AAAA FD00::1 > fd00::1,fd00::2"),
        (BAD_TARGET, "web CNAME a.ex.net > b.ex.net", "web CNAME a.ex.net > b.ex.net"),
        (BAD_TARGET, "- web A 1.1.1.1; + web CNAME a.ex.net", "- web A 1.1.1.1; + web CNAME a.ex.net"),
        (BAD_TARGET, "- web A 1.1.1.1; + web AAAA ::1", "+ web AAAA ::1"),
        (BAD_TARGET, "- 1.1.1.1.in-addr.arpa PTR web.ex.com", ""),
        (BAD_TARGET, "- 1.1.1.1.in-addr.arpa PTR db.ex.com", "- 1.1.1.1.in-addr.arpa PTR db.ex.com"),
        # A name is wrong: the records of its object.
        (BAD_NAME, "- web A 1.1.1.1; - db AAAA ::1", ""),
        (BAD_NAME, "web A 1.1.1.1 > 2.2.2.2", "web A 1.1.1.1 > 2.2.2.2"),
        # Nobody knows all that its object asks for: nothing of its records goes.
        (UNKNOWN, "- web A 1.1.1.1; - 1.1.1.1.in-addr.arpa PTR web.ex.com", ""),
        (UNKNOWN, "web A 1.1.1.1,2.2.2.2 > 2.2.2.2,3.3.3.3", "web A 1.1.1.1,2.2.2.2 > 2.2.2.2,3.3.3.3,1.1.1.1"),
        (UNKNOWN, "web CNAME a.ex.net > b.ex.net", "web CNAME a.ex.net > b.ex.net"),
        # A source can't be read: all but what is made for objects of the others.
        (UNREAD, "- web A 1.1.1.1; + db A 1.1.1.1", "+ db A 1.1.1.1"),
        (UNREAD, "web A 1.1.1.1 > 2.2.2.2", ""),
        (UNREAD, "- web A 1.1.1.1; + web CNAME a.ex.net", ""),
    ],
)  # fmt: skip
def test_what_is_left_of_the_changes(doubts: Doubts, wished: str, made: str) -> None:
    assert shown(spare(change(wished), doubts).changes) == made


@pytest.mark.parametrize(
    ("doubts", "resource", "stays"),
    [
        (BAD_NAME, SHOP, True),
        (BAD_NAME, digest(SHOP), True),
        (BAD_NAME, "service/shop/other", False),
        (UNKNOWN, SHOP, True),
        (UNKNOWN, digest(SHOP), True),
        (UNKNOWN, "service/shop/other", False),
        (UNREAD, SHOP, True),
        (UNREAD, "ingress/shop/web", False),
        (UNREAD, "", True),
        (UNREAD, digest("ingress/shop/web"), True),
    ],
)
def test_whose_records_stay(doubts: Doubts, resource: str, stays: bool) -> None:
    old = record("web A 1.1.1.1", resource)
    spared = spare(Changes(delete=(old,)), doubts)
    assert (spared.changes.delete, spared.kept) == (((), (old,)) if stays else ((old,), ()))
    assert doubts.keeps(old) is stays
