"""Which names a cluster's zone may have."""

from __future__ import annotations

import pytest

from clusterdns.search.cluster_names import can_exist
from clusterdns.wire.names import name_from_text

ZONE = name_from_text("cluster.local")

ROWS: dict[str, bool] = {
    "cluster.local": True,
    "svc.cluster.local": True,
    "pod.cluster.local": True,
    "dns.cluster.local": True,
    "ns.dns.cluster.local": True,
    "x.dns.cluster.local": False,
    "dns-version.cluster.local": True,
    "x.dns-version.cluster.local": False,
    "shop.svc.cluster.local": True,
    "web.shop.svc.cluster.local": True,
    "web-0.web.shop.svc.cluster.local": True,
    "_http._tcp.web.shop.svc.cluster.local": True,
    "web-0.cluster-a.web.shop.svc.cluster.local": True,
    "zone-a.prefer._zone.web.shop.svc.cluster.local": True,
    "x.zone-a.prefer._zone.web.shop.svc.cluster.local": False,
    "s3.eu-west-1.amazonaws.com.shop.svc.cluster.local": False,
    "10-0-0-1.shop.pod.cluster.local": True,
    "x.10-0-0-1.shop.pod.cluster.local": False,
    "shop.pod.cluster.local": True,
    # "com" is no namespace.
    "aliyun.com.svc.cluster.local": False,
    "com.svc.cluster.local": False,
    "aliyun.com.pod.cluster.local": False,
    # Below the zone there are but a few names.
    "aliyun.com.cluster.local": False,
    "web.cluster.local": False,
    "aliyun.com": True,
    "local": True,
    "": True,
}


@pytest.mark.parametrize(("name", "expected"), ROWS.items())
def test_can_exist(name: str, expected: bool) -> None:
    assert can_exist(name_from_text(name), ZONE, {"shop"}.__contains__) is expected


def test_where_nobody_knows_the_namespaces_each_may_exist() -> None:
    for name in ("com.svc.cluster.local", "aliyun.com.svc.cluster.local"):
        assert can_exist(name_from_text(name), ZONE, lambda name: True)
