"""The metrics of several processes as those of one server."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.daemon.merged_metrics import LARGEST, MergedMetrics
from docs import generate

COUNTER = """# HELP coredns_dns_requests_total Questions.
# TYPE coredns_dns_requests_total counter
coredns_dns_requests_total{{zone="."}} {a}
coredns_dns_requests_total{{zone="local."}} {b}
"""
GAUGES = """# HELP coredns_cache_entries Answers.
# TYPE coredns_cache_entries gauge
coredns_cache_entries {entries}
# HELP coredns_build_info Always 1.
# TYPE coredns_build_info gauge
coredns_build_info{{version="1"}} 1
"""
HISTOGRAM = """# HELP coredns_dns_request_duration_seconds Time.
# TYPE coredns_dns_request_duration_seconds histogram
coredns_dns_request_duration_seconds_bucket{{le="0.1"}} {one}
coredns_dns_request_duration_seconds_bucket{{le="+Inf"}} {all}
coredns_dns_request_duration_seconds_sum {sum}
coredns_dns_request_duration_seconds_count {all}
"""


def _samples(body: bytes) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


# Expositions, and what they are together.
ROWS: dict[str, tuple[list[str], dict[str, float]]] = {
    "counters are added up by series": (
        [COUNTER.format(a=1, b=2), COUNTER.format(a=10, b=20)],
        {"coredns_dns_requests_total['.']": 11, "coredns_dns_requests_total['local.']": 22},
    ),
    "gauges of what each has are added up, others are not": (
        [GAUGES.format(entries=3), GAUGES.format(entries=4)],
        {"coredns_cache_entries[]": 7, "coredns_build_info['1']": 1},
    ),
    "histograms are added up by bucket": (
        [HISTOGRAM.format(one=1, all=2, sum=0.5), HISTOGRAM.format(one=3, all=4, sum=1)],
        {
            "coredns_dns_request_duration_seconds_bucket['0.1']": 4,
            "coredns_dns_request_duration_seconds_bucket['+Inf']": 6,
            "coredns_dns_request_duration_seconds_sum[]": 1.5,
            "coredns_dns_request_duration_seconds_count[]": 6,
        },
    ),
    "what only one has": ([COUNTER.format(a=1, b=2), ""], {"coredns_dns_requests_total['.']": 1}),
}


@pytest.mark.parametrize(("texts", "expected"), ROWS.values(), ids=ROWS)
def test_together(texts: list[str], expected: dict[str, float]) -> None:
    status, content_type, body = MergedMetrics().exposition(texts)
    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert expected.items() <= _samples(body).items()
    # As one process would write it: each family with its own help and type, once.
    assert body.decode().count("# TYPE") == len({line for line in body.decode().splitlines() if "# TYPE" in line})
    assert all(line in body.decode() for text in texts for line in text.splitlines() if line.startswith("# TYPE"))


def test_what_a_process_had_counted_outlives_it() -> None:
    merged = MergedMetrics()
    for _ in range(2):
        merged.bury(COUNTER.format(a=1, b=2) + GAUGES.format(entries=3) + HISTOGRAM.format(one=1, all=2, sum=0.5))
    found = _samples(merged.exposition([COUNTER.format(a=10, b=20) + GAUGES.format(entries=4)])[2])
    assert found["coredns_dns_requests_total['.']"] == 12
    assert found["coredns_dns_request_duration_seconds_count[]"] == 4
    assert found["coredns_cache_entries[]"] == 4


def test_gauges_of_which_the_largest_counts_are_those_that_there_are() -> None:
    names = {line.split("`")[1] for line in generate.metrics_page().splitlines() if "| gauge |" in line}
    assert names >= LARGEST
