"""Label selectors: what they match, and what is refused with words that help."""

from __future__ import annotations

import pytest

from clusterdns.kube.label_selector import read_label_selector

SHOP = {"app": "web", "tier": "front", "build": "17", "example.com/owner": "shop", "empty": ""}

MATCHES = [
    ("", True),
    ("app=web", True),
    ("app==web", True),
    ("app = web", True),
    ("app=db", False),
    ("app!=db", True),
    ("app!=web", False),
    ("missing!=web", True),
    ("missing=web", False),
    ("tier in (front, back)", True),
    ("tier in(back)", False),
    ("tier notin (back,none)", True),
    ("tier notin (front)", False),
    ("missing notin (a)", True),
    ("app", True),
    ("missing", False),
    ("!missing", True),
    ("! app", False),
    ("empty=", True),
    ("empty in (a,)", True),
    ("app=", False),
    ("build > 16", True),
    ("build>17", False),
    ("build < 18", True),
    ("app < 18", False),
    ("missing > 1", False),
    ("example.com/owner=shop", True),
    ("app=web,tier in (front,back),!canary", True),
    ("app=web,tier in (front,back),canary", False),
    ("in in (a)", False),
]


@pytest.mark.parametrize(("text", "expected"), MATCHES)
def test_matches(text: str, expected: bool) -> None:
    assert read_label_selector(text).matches(SHOP) is expected


REFUSED = [
    ("=web", "'=' is no label"),
    ("app=web tier=front", "a comma is missing behind app"),
    ("app in web", "values in parentheses are missing behind app"),
    ("app in (web", "the values of app have no end"),
    ("app in (", "is no value of a label"),
    ("app in", "values in parentheses are missing behind app"),
    ("app ~ web", "'~ web' can't be read"),
    ("app like web", "'like' behind app is no operator"),
    ("app>many", "a whole number is missing behind app >"),
    ("!", "'' is no label"),
    ("app=web,,", "',' is no label"),
    ("app=" + "w" * 64, "is no value of a label"),
    ("a/b/c=d", "'a/b/c' is no label"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_label_selector(text)
    assert message in str(caught.value)
