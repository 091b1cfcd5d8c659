"""The errors of setting up, under node-cache's metric name."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from clusterdns.corefile.reading import Endpoint
from nodelocal.setup_errors import SetupErrors
from nodelocal.setup_metrics import setup_pages, setup_source

PLACE = Endpoint("0.0.0.0", 9353)


def test_every_errortype_is_there_from_the_start_and_counts() -> None:
    errors, corefile_errors = SetupErrors(), [0]
    pages = setup_pages(PLACE, "0.1.0", setup_source(errors, lambda: corefile_errors[0]))
    assert {endpoint: list(paths) for endpoint, paths in pages.items()} == {PLACE: ["/metrics"]}

    def counts() -> dict[str, float]:
        page = pages[PLACE]["/metrics"]()
        assert isinstance(page, tuple)
        status, _, body = page
        assert status == 200
        return {
            sample.labels["errortype"]: sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == "coredns_nodecache_setup_errors_total"
        }

    zeros = dict.fromkeys(("iptables", "iptables_lock", "interface_add", "interface_check", "configmap"), 0.0)
    assert counts() == zeros
    errors.iptables += 2
    errors.configmap += 1
    corefile_errors[0] = 4
    assert counts() == {**zeros, "iptables": 2, "configmap": 5}
