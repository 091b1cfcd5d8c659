"""Errors say whose fault it is and where; limits are in their own range and refuse what is not."""

from __future__ import annotations

import pytest

from clusterdns import limits
from clusterdns.errors import (
    ClusterDNSError,
    ConfigError,
    KernelUnsupported,
    KubeApiError,
    MalformedMessage,
    UpstreamFailure,
)
from clusterdns.limit import Limit

TABLE = {name: value for name, value in vars(limits).items() if isinstance(value, Limit)}


@pytest.mark.parametrize(
    ("error", "retryable", "text"),
    [
        (MalformedMessage("cut"), False, "cut"),
        (UpstreamFailure("10.0.0.10:53", "timed out"), True, "upstream 10.0.0.10:53: timed out"),
        (ConfigError("no such option"), False, "no such option"),
        (ConfigError("no such flag", source="-conf"), False, "-conf: no such flag"),
        (ConfigError("unknown", source="Corefile", line=3, column=5), False, "Corefile:3:5: unknown"),
        (ConfigError("unknown", line=3, column=5), False, "Corefile:3:5: unknown"),
        (
            KernelUnsupported("nftables", "Linux 5.4 and CAP_NET_ADMIN"),
            False,
            "nftables is not available here: it needs Linux 5.4 and CAP_NET_ADMIN",
        ),
        (KubeApiError(0, "", "no answer"), True, "Kubernetes API: 0 : no answer"),
        (KubeApiError(401, "Unauthorized", "no"), True, "Kubernetes API: 401 Unauthorized: no"),
        (KubeApiError(403, "Forbidden", "no"), True, "Kubernetes API: 403 Forbidden: no"),
        (KubeApiError(410, "Expired", "old"), True, "Kubernetes API: 410 Expired: old"),
        (KubeApiError(429, "TooManyRequests", "slow down"), True, "Kubernetes API: 429 TooManyRequests: slow down"),
        (KubeApiError(500, "InternalError", "oops"), True, "Kubernetes API: 500 InternalError: oops"),
        (KubeApiError(400, "BadRequest", "no"), False, "Kubernetes API: 400 BadRequest: no"),
        (KubeApiError(404, "NotFound", "no"), False, "Kubernetes API: 404 NotFound: no"),
        (KubeApiError(405, "MethodNotAllowed", "no"), False, "Kubernetes API: 405 MethodNotAllowed: no"),
        (KubeApiError(422, "Invalid", "no"), False, "Kubernetes API: 422 Invalid: no"),
    ],
)
def test_errors(error: ClusterDNSError, retryable: bool, text: str) -> None:
    assert isinstance(error, ClusterDNSError)
    assert error.retryable is retryable
    assert str(error) == text


def test_errors_keep_their_parts() -> None:
    upstream = UpstreamFailure("10.0.0.10:53", "timed out")
    assert (upstream.upstream, upstream.reason) == ("10.0.0.10:53", "timed out")
    config = ConfigError("unknown", source="Corefile", line=3, column=5)
    assert (config.message, config.source, config.line, config.column) == ("unknown", "Corefile", 3, 5)
    kernel = KernelUnsupported("nftables", "Linux 5.4")
    assert (kernel.feature, kernel.minimum) == ("nftables", "Linux 5.4")
    kube = KubeApiError(410, "Expired", "old")
    assert (kube.status, kube.reason) == (410, "Expired")


@pytest.mark.parametrize("limit", TABLE.values(), ids=TABLE)
def test_each_limit_allows_its_default_and_its_ends(limit: Limit) -> None:
    assert limit.minimum <= limit.default <= limit.maximum
    for value in (limit.minimum, limit.default, limit.maximum):
        assert limit.check(value) == value


@pytest.mark.parametrize("limit", TABLE.values(), ids=TABLE)
def test_each_limit_says_what_it_is_and_where_it_comes_from(limit: Limit) -> None:
    assert limit.name
    assert limit.source


@pytest.mark.parametrize("limit", TABLE.values(), ids=TABLE)
def test_each_limit_refuses_what_is_outside_and_names_the_range(limit: Limit) -> None:
    for value in (limit.minimum - 1, limit.maximum + 1, float("inf"), float("-inf"), float("nan")):
        with pytest.raises(ConfigError) as caught:
            limit.check(value, where="Corefile", line=2, column=9)
        assert str(caught.value).startswith(f"Corefile:2:9: {limit.name} is ")
        assert str(caught.value).endswith(limit.unit)


def test_the_text_names_the_value_and_the_range() -> None:
    limit = Limit("forward try", 2, 0.05, 30, "seconds", "CoreDNS")
    with pytest.raises(ConfigError, match=r"^forward try is 31, but must be between 0\.05 and 30 seconds$"):
        limit.check(31)


def test_names_are_unique() -> None:
    names = [limit.name for limit in TABLE.values()]
    assert len(set(names)) == len(names)


def test_default_int_counts() -> None:
    assert limits.UDP_EDNS_BYTES.default_int == 1232
    assert isinstance(limits.FORWARD_SECONDS.default_int, int)
