"""What acl, dns64, local and template count, under the names that dashboards know."""

from __future__ import annotations

import pytest

from clusterdns.demo.processes import free_ports
from tests.support.virtual_time import run
from tests.unit.daemon.scraping import Running
from tests.unit.daemon.serving import FOUR, Client

COREFILE = """\
example:{port} shop.test:{port} {{
    bind 127.0.0.1
    acl shop.test {{
        allow type A
        filter type TXT
        drop type MX
        block
    }}
    local
    dns64 {{
        allow_ipv4
    }}
    template IN A {{
        match ^web[.]
        answer "{{{{ .Name }}}} 60 IN A 192.0.2.1"
        fallthrough
    }}
    template ANY ANY {{
        match ^(?P<number>bad.*)[.]example[.]$
        answer "{{{{ .Name }}}} 60 IN A 10.0.0.{{{{ parseInt .Group.number 16 8 }}}}"
        fallthrough
    }}
    template IN TXT {{
        match ^(?P<text>.*)[.]example[.]$
        answer "{{{{ .Name }}}} 60 IN A {{{{ .Group.text }}}}"
        fallthrough
    }}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
# What is asked, the metric that counts it, and its labels but for server and view.
ROWS: list[tuple[str, str, dict[str, str]]] = [
    ("web.example. A", "acl_allowed_requests", {}),
    ("web.shop.test. A", "acl_allowed_requests", {}),
    ("web.shop.test. AAAA", "acl_blocked_requests", {"zone": "shop.test."}),
    ("web.shop.test. TXT", "acl_filtered_requests", {"zone": "shop.test."}),
    ("web.shop.test. MX", "acl_dropped_requests", {"zone": "shop.test."}),
    ("web.example. A", "template_matches", {"zone": "example.", "class": "IN", "type": "A"}),
    ("x.example. TYPE65280", "template_matches", {"zone": "example.", "class": "IN", "type": "other"}),
    (
        "badxyz.example. A",
        "template_template_failures",
        {
            "zone": "example.",
            "class": "IN",
            "type": "A",
            "section": "answer",
            "template": "{{ .Name }} 60 IN A 10.0.0.{{ parseInt .Group.number 16 8 }}",
        },
    ),
    (
        "nonsense.example. TXT",
        "template_rr_failures",
        {
            "zone": "example.",
            "class": "IN",
            "type": "TXT",
            "section": "answer",
            "template": "{{ .Name }} 60 IN A {{ .Group.text }}",
        },
    ),
]


@pytest.mark.parametrize(("question", "metric", "labels"), ROWS, ids=[f"{row[1]} {row[0]}" for row in ROWS])
def test_counted_once(question: str, metric: str, labels: dict[str, str]) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Running(COREFILE.format(port=port)) as running:
            with Client(FOUR, port) as client:
                name, qtype = question.split()
                if qtype == "MX":
                    with pytest.raises(TimeoutError):
                        await client.ask(name, qtype)
                else:
                    await client.ask(name, qtype)
            values = {"server": f"dns://{FOUR}:{port}", "view": ""} | labels
            expected = tuple(value for _, value in sorted(values.items()))
            assert running.values(f"coredns_{metric}_total") == {expected: 1}

    run(body())


def test_translated_answers() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        template = 'template IN A {\n answer "{{ .Name }} 60 IN A 192.0.2.1"\n }\n template ANY AAAA {\n }'
        text = f"example:{port} {{\n bind {FOUR}\n dns64 {{\n allow_ipv4\n }}\n {template}\n}}\n"
        async with Running(text) as running:
            with Client(FOUR, port) as client:
                await client.ask("web.example.", "A")
                answer = await client.ask("web.example.", "AAAA")
            assert str(answer.answer[0][0]) == "64:ff9b::c000:201"
            assert running.values("coredns_dns64_requests_translated_total") == {(f"dns://{FOUR}:{port}",): 1}

    run(body())


def test_localhost_in_front_of_a_domain() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Running(f".:{port} {{\n bind {FOUR}\n local\n whoami\n}}\n") as running:
            with Client(FOUR, port) as client:
                for name in ("localhost.", "a.localhost.", "1.0.0.127.in-addr.arpa.", "localhost.shop.test."):
                    await client.ask(name)
            assert running.values("coredns_local_localhost_requests_total") == {(): 1}

    run(body())
