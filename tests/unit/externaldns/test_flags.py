"""The command line and the environment: values, and errors that say what to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from clusterdns.errors import ConfigError
from externaldns import flags, service
from externaldns.assembly import access_of
from externaldns.config import AlibabaCloudConfig, Config, read_alibaba_cloud_config
from externaldns.flag_table import FLAGS, Flag
from externaldns.sources.annotations import ALPHA_PREFIX, GA_PREFIX

REQUIRED = ["--source=service", "--provider=alibabacloud", "--policy=sync"]


def parse(*arguments: str, **environment: str) -> Config:
    return flags.parse([*REQUIRED, *arguments], environment)


def test_defaults_are_externaldnss() -> None:
    config = parse()
    assert config.source.selection.annotation_prefixes == (GA_PREFIX, ALPHA_PREFIX)
    assert config.plan.record_types == {"A", "AAAA", "CNAME"}
    assert (config.registry.registry, config.registry.owner_id) == ("txt", "default")
    assert (config.control.interval_seconds, config.control.min_event_sync_seconds) == (60, 5)
    assert (config.control.metrics_host, config.control.metrics_port) == ("", 7979)
    assert not any((config.control.once, config.control.dry_run, config.control.events))
    assert config.provider.alibaba_cloud_config_file == "/etc/kubernetes/alibaba-cloud.json"
    assert (config.cluster.manifests, config.cluster.kubeconfig) == (None, "")


@pytest.mark.parametrize(
    ("arguments", "read", "value"),
    [
        (["--interval=90s"], lambda config: config.control.interval_seconds, 90),
        (["--interval", "1m30s"], lambda config: config.control.interval_seconds, 90),
        (["--min-event-sync-interval=200ms"], lambda config: config.control.min_event_sync_seconds, 0.2),
        (["--min-ttl=1m"], lambda config: config.source.shaping.min_ttl, 60),
        (["--once"], lambda config: config.control.once, True),
        (["--once", "--no-once"], lambda config: config.control.once, False),
        (["--once=false"], lambda config: config.control.once, False),
        (["--once=T"], lambda config: config.control.once, True),
        (["--once", "--once=f"], lambda config: config.control.once, False),
        (["--domain-filter=a", "--domain-filter", "b"], lambda config: config.plan.domain_filter, ("a", "b")),
        (["--domain-filter=a, b,a"], lambda config: config.plan.domain_filter, ("a", "b")),
        (["--managed-record-types=A"], lambda config: config.plan.record_types, {"A"}),
        (["--exclude-record-types=AAAA"], lambda config: config.plan.record_types, {"A", "CNAME"}),
        (["--source=pod", "--source=crd,node"], lambda config: config.source.sources,
         ("service", "pod", "crd", "node")),
        (["--service-type-filter=NodePort"], lambda config: config.source.service.service_types, ("NodePort",)),
        (["--no-exclude-unschedulable"], lambda config: (config.source.service.exclude_unschedulable,
                                                         config.source.node.exclude_unschedulable), (False, False)),
        (["--expose-internal-ipv6"], lambda config: (config.source.service.expose_internal_ipv6,
                                                     config.source.node.expose_internal_ipv6), (True, True)),
        (["--pod-source-domain=Ex.com."], lambda config: config.source.pod.source_domain, "ex.com"),
        (["--pod-hostname-address=pod"], lambda config: config.source.pod.hostname_address, "pod"),
        (["--pod-ready-only"], lambda config: config.source.pod.ready_only, True),
        (["--ignore-non-host-network-pods"], lambda config: config.source.pod.ignore_non_host_network, True),
        (["--ingress-class=a,b"], lambda config: config.source.ingress.classes, ("a", "b")),
        (["--ignore-ingress-tls-spec"], lambda config: config.source.ingress.ignore_tls, True),
        (["--ignore-ingress-rules-spec"], lambda config: config.source.ingress.ignore_rules, True),
        (["--gateway-name=a", "--gateway-namespace=b"],
         lambda config: (config.source.gateway.name, config.source.gateway.namespace), ("a", "b")),
        (["--label-filter=a=b"], lambda config: config.source.selection.label_filter.matches({"a": "b"}), True),
        (["--annotation-filter=a=b"], lambda config: config.source.selection.annotation_filter.matches({}), False),
        (["--gateway-label-filter=a"], lambda config: config.source.gateway.label_filter.matches({}), False),
        (["--combine-fqdn-annotation"], lambda config: config.source.selection.combine_template, True),
        (["--ignore-hostname-annotation"], lambda config: config.source.selection.ignore_hostname_annotation, True),
        (["--fqdn-template={{.Name}},x"], lambda config: config.source.template.render({"Name": "a"}), "a,x"),
        (["--fqdn-template=a,b", "--fqdn-template={{.Name}}"], lambda config: config.source.template.text,
         "a,b,{{.Name}}"),
        # A template that tells kinds apart may hold what only some of them have.
        (["--source=node", '--fqdn-template={{if eq .Kind "Service"}}{{.Spec.Type}}{{end}}'],
         lambda config: config.source.template.distinguishes, True),
        (["--source=node", '--fqdn-template={{if isSource "service"}}{{.Spec.Type}}{{end}}'],
         lambda config: config.source.template.distinguishes, True),
        (["--source=unstructured", "--unstructured-resource=a.v1", "--fqdn-template={{if .Kind}}{{.Object.a}}{{end}}"],
         lambda config: config.source.template.distinguishes, True),
        (["--source=unstructured", "--unstructured-resource=configmaps.v1.,a.v1.b"],
         lambda config: config.source.resources, ("configmaps.v1", "a.v1.b")),
        (["--target-template={{.Object.data.target}}"],
         lambda config: config.source.target_template.fields, {"Object.data.target"}),
        (["--fqdn-target-template={{.Name}}:b"], lambda config: config.source.pair_template.text, "{{.Name}}:b"),
        (["--resolve-service-load-balancer-hostname"], lambda config: config.source.service.resolve_hosts, True),
        (["--create-ptr"], lambda config: config.source.shaping.create_ptr, True),
        (["--default-targets=a.,192.0.2.1"], lambda config: config.source.shaping.default_targets, ("a", "192.0.2.1")),
        (["--force-default-targets"], lambda config: config.source.shaping.force_default_targets, True),
        (["--nat64-networks=64:ff9b::/96"], lambda config: config.source.shaping.nat64_networks,
         (ip_network("64:ff9b::/96"),)),
        (["--target-net-filter=10.0.0.0/8,fd00::/8"],
         lambda config: config.source.shaping.target_networks, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
        (["--exclude-target-net=10.0.0.0/8"],
         lambda config: config.source.shaping.excluded_networks, (ip_network("10.0.0.0/8"),)),
        (["--regex-domain-filter=a"], lambda config: config.plan.include_pattern.text, "a"),
        (["--regex-domain-exclusion=a"], lambda config: config.plan.exclude_pattern.text, "a"),
        (["--kube-api-qps=7", "--kube-api-burst=9"], lambda config: (config.cluster.qps, config.cluster.burst), (7, 9)),
        (["--server=http://127.0.0.1:8001"], lambda config: access_of(config).endpoint, "http://127.0.0.1:8001"),
        (["--annotation-prefix=my.org/"], lambda config: config.source.selection.annotation_prefixes, ("my.org/",)),
        (["--registry=remark", "--txt-owner-id=me"], lambda config: config.registry.registry, "remark"),
        (["--migrate-from-txt-owner=old"], lambda config: config.registry.migrate_from, "old"),
        (["--txt-encrypt-enabled", f"--txt-encrypt-aes-key={'k' * 32}"], lambda config: config.registry.codec.key,
         b"k" * 32),
        ([f"--txt-encrypt-aes-key={'k' * 32}"], lambda config: config.registry.codec.key, b""),
        (["--txt-prefix=x-%{record_type}."], lambda config: config.registry.prefix, "x-%{record_type}."),
        (["--metrics-address=[::1]:9"], lambda config: (config.control.metrics_host, config.control.metrics_port),
         ("::1", 9)),
        (["--manifests=m"], lambda config: config.cluster.manifests, Path("m")),
        (["--txt-owner-id=--x"], lambda config: config.registry.owner_id, "--x"),
        (["--registry=noop", "--txt-owner-id="], lambda config: config.registry.registry, "noop"),
    ],
)  # fmt: skip
def test_flag(arguments: list[str], read: Callable[[Any], object], value: object) -> None:
    assert read(parse(*arguments)) == value


def test_every_flag_has_an_environment_variable_and_the_command_line_counts_more() -> None:
    config = parse(
        "--policy=create-only",
        EXTERNAL_DNS_POLICY="upsert-only",
        EXTERNAL_DNS_DOMAIN_FILTER="a\nb,c",
        EXTERNAL_DNS_DRY_RUN="true",
        EXTERNAL_DNS_INTERVAL="5s",
        EXTERNAL_DNS_ONCE="",
    )
    assert config.plan.policy == "create-only"
    assert config.plan.domain_filter == ("a", "b", "c")
    assert config.control.dry_run
    assert config.control.interval_seconds == 5
    assert not config.control.once


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--polcy=sync"], "--polcy: there is no such flag; did you mean --policy?"),
        (["--qqq"], "--qqq: there is no such flag; --help lists all flags"),
        (["sync"], "unexpected argument 'sync'"),
        (["-once"], "unexpected argument '-once'"),
        (["--interval"], "--interval: needs a value"),
        (["--interval=60"], "is not a duration"),
        (["--interval=0s"], "--interval: must be more than 0s"),
        (["--policy=syncc"], "'syncc' is none of sync, upsert-only, create-only; did you mean sync?"),
        (["--source=istio-gateway"], "--source: 'istio-gateway' is not supported here; write one of service, pod"),
        (["--source=ingres"], "--source: 'ingres' is none of service, pod, node, ingress"),
        (["--alibaba-cloud-zone-type=public"], "'public' is not supported here; write one of private"),
        (["--registry=dynamodb"], "'dynamodb' is not supported here"),
        (["--compatibility=mate"], "--compatibility: this flag of ExternalDNS's is not supported here; annotate"),
        (
            ["--gateway-listener-sets"],
            "--gateway-listener-sets: this flag of ExternalDNS's is not supported here; attach",
        ),
        (["--server=a", "--kubeconfig=b"], "--server: and --kubeconfig exclude each other: a kubeconfig names"),
        (["--nat64-networks=64:ff9b::/64"], "--nat64-networks: '64:ff9b::/64' is no /96: write the network"),
        (["--nat64-networks=10.0.0.0/8"], "--nat64-networks: "),
        (["--managed-record-types=DNAME"], "'DNAME' is not supported here; write one of A, AAAA"),
        (["--label-filter=a=b=c"], "--label-filter: 'a=b=c' is no label selector"),
        (["--annotation-filter=a in b"], "--annotation-filter: "),
        (["--gateway-label-filter=,"], "--gateway-label-filter: "),
        (["--target-net-filter=10.0.0.0/33"], "--target-net-filter: '10.0.0.0/33' does not appear to be"),
        (["--exclude-target-net=10.0.0.1/8"], "--exclude-target-net: 10.0.0.1/8 has host bits set"),
        (["--regex-domain-filter=("], "--regex-domain-filter: missing )"),
        (["--kube-api-qps=-1"], "--kube-api-qps: '-1' is not a whole number"),
        (["--service-type-filter=Headless"], "'Headless' is none of ClusterIP, NodePort"),
        (["--crd-source-kind=Record"], "'Record' is none of DNSEndpoint"),
        (["--fqdn-template={{.Name}"], '--fqdn-template: a "{{" without its "}}"'),
        (["--source=unstructured"], "--unstructured-resource: is required with --source=unstructured"),
        (["--unstructured-resource=configmaps"], "--unstructured-resource: 'configmaps' is no resource: write"),
        (["--target-template={{"], "--target-template: "),
        (
            ["--source=unstructured", "--unstructured-resource=a.v1", "--fqdn-template={{.Object.a}}"],
            "--fqdn-template: .Object.a: Service has no field Object",
        ),
        (["--source=node", "--fqdn-template={{.Kind}}{{.Spec.Foo}}"], ".Spec.Foo: Service has no field Foo"),
        (["--fqdn-target-template={{.Foo}}:x"], "--fqdn-target-template: .Foo: Service has no field Foo here"),
        (
            ["--fqdn-template={{.Spec.Foo}}"],
            "--fqdn-template: .Spec.Foo: Service has no field Foo here; there are .Type",
        ),
        (["--source=node", "--fqdn-template={{.Spec.Type}}"], "Node has no field Type"),
        (["--no-policy"], "--no-policy: there is no such flag"),
        (["--once=maybe"], "--once: 'maybe' is neither true nor false"),
        (["--no-once=true"], "--no-once: takes no value"),
        (["--managed-record-types=X"], "'X' is none of A, AAAA"),
        (["--txt-prefix=a", "--txt-suffix=b"], "exclude each other"),
        (["--annotation-prefix=my.org"], "must end in a slash"),
        (["--registry=remark", "--txt-owner-id=a/b"], "--txt-owner-id: 'a/b' does not fit into a remark"),
        (["--registry=remark", f"--txt-owner-id={'a' * 27}"], "write at most 26 letters"),
        (["--migrate-from-txt-owner=default"], "--migrate-from-txt-owner: 'default' is --txt-owner-id already"),
        (["--registry=remark", "--provider=webhook"], "--registry=remark: is PrivateZone's"),
        (["--txt-encrypt-enabled"], "--txt-encrypt-aes-key: is needed by --txt-encrypt-enabled"),
        (["--txt-encrypt-enabled", "--txt-encrypt-aes-key=short"], "must be 32 bytes"),
        (["--txt-owner-id="], "--txt-owner-id: must not be empty"),
        (["--metrics-address=7979"], "write HOST:PORT or :PORT"),
        (["--metrics-address=:70000"], "write HOST:PORT or :PORT"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("off", ["--no-gateway-listener-sets", "--gateway-listener-sets=false", "--compatibility="])
def test_what_is_refused_may_be_switched_off(off: str) -> None:
    assert parse(off) == parse()


@pytest.mark.parametrize("missing", ["source", "provider", "policy"])
def test_what_is_required_is_said(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"--{missing}: is required; one of"):
        flags.parse([argument for argument in REQUIRED if not argument.startswith(f"--{missing}")], {})


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="EXTERNAL_DNS_INTERVAL"):
        parse(EXTERNAL_DNS_INTERVAL="soon")


SAMPLES = {"switch": "true", "seconds": "7s", "integer": "7"}
TEXTS = {
    "annotation-filter": "a=b", "label-filter": "a=b", "gateway-label-filter": "a=b", "annotation-prefix": "my.org/",
    "target-net-filter": "10.0.0.0/8", "exclude-target-net": "10.0.0.0/8", "nat64-networks": "64:ff9b::/96",
    "metrics-address": "127.0.0.1:1",
    "webhook-address": "127.0.0.1:1", "webhook-provider-url": "http://127.0.0.1:1", "propagation-check": "192.0.2.1",
    "txt-encrypt-aes-key": "k" * 32, "unstructured-resource": "configmaps.v1",
}  # fmt: skip


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_each_flag_means_the_same_in_the_environment(flag: Flag) -> None:
    value = flag.choices[-1] if flag.choices else SAMPLES.get(flag.kind) or TEXTS.get(flag.name, "some.text")
    rest = [argument for argument in REQUIRED if not argument.startswith(f"--{flag.name}=")]
    if flag.name == "source":
        rest.append("--unstructured-resource=configmaps.v1")
    if flag.name == "txt-encrypt-enabled":
        rest.append(f"--txt-encrypt-aes-key={TEXTS['txt-encrypt-aes-key']}")
    assert flags.parse([*rest, f"--{flag.name}={value}"], {}) == flags.parse(rest, {flag.environment: value})


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert service.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"--{flag.name}\n" in text for flag in FLAGS)
    assert all(f"externaldns {command} " in text for command in ("adopt", "transfer", "webhook"))


@pytest.mark.parametrize(
    ("arguments", "notices"),
    [
        ([], ()),
        (["--batch-change-size=5"], ("--batch-change-size has no effect: PrivateZone's API has no batches",)),
        (["--batch-change-size=200"], ()),
        (["--listen-endpoint-events"], ("--listen-endpoint-events has no effect: they always are followed",)),
        (["--pod-ready-only"], ("--pod-ready-only has no effect: there is no --source=pod",)),
        (["--pod-ready-only", "--source=pod"], ()),
        (["--gateway-name=a"], ("--gateway-name has no effect: there is no --source=gateway-httproute",)),
        (["--gateway-name=a", "--source=gateway-grpcroute"], ()),
        (["--expose-internal-ipv6"], ()),
        (["--create-ptr"], ("--create-ptr has no effect: PTR is no --managed-record-types",)),
        (["--create-ptr", "--managed-record-types=A,PTR"], ()),
        (["--combine-fqdn-annotation"], ("--combine-fqdn-annotation has no effect: there is no --fqdn-template",)),
        (["--combine-fqdn-annotation", "--fqdn-template=x"], ()),
        (["--combine-fqdn-annotation", "--fqdn-target-template=x:y"], ()),
        (["--force-default-targets"], ("--force-default-targets has no effect: there are no --default-targets",)),
        (
            [f"--txt-encrypt-aes-key={'k' * 32}"],
            ("--txt-encrypt-aes-key has no effect: it needs --txt-encrypt-enabled",),
        ),
        (["--domain-filter=a", "--regex-domain-filter=b"], ("--domain-filter has no effect: there is a pattern",)),
        (
            ["--txt-prefix=a", "--registry=noop"],
            ("--txt-prefix has no effect: --registry=noop has no ownership records",),
        ),
        (["--min-event-sync-interval=1s"], ("--min-event-sync-interval has no effect: it needs --events",)),
        (["--min-event-sync-interval=1s", "--events"], ()),
    ],
)
def test_flags_without_effect_are_said(arguments: list[str], notices: tuple[str, ...]) -> None:
    assert parse(*arguments).notices == notices


def test_a_wrong_flag_ends_the_program_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert service.main(["--polcy=sync"]) == 1
    assert capsys.readouterr().err == "externaldns: --polcy: there is no such flag; did you mean --policy?\n"


ACCOUNT = {"regionId": "cn-hangzhou", "accessKeyId": "id", "accessKeySecret": "secret", "vpcId": "vpc-1"}


def test_the_account_file(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(ACCOUNT), encoding="utf-8")
    account = read_alibaba_cloud_config(path, "http://127.0.0.1:1")
    assert account == AlibabaCloudConfig("cn-hangzhou", "id", "secret", "vpc-1", "http://127.0.0.1:1")
    assert "secret" not in repr(account), "a secret must not reach a log"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ("{}", "regionId must be a string that is not empty"),
        (json.dumps(ACCOUNT | {"accessKeySecret": ""}), "accessKeySecret must be a string that is not empty"),
        (json.dumps(ACCOUNT | {"vpcId": 5}), "vpcId must be a string"),
    ],
)
def test_mistakes_in_the_account_file_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_alibaba_cloud_config(path, "")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_account_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.json: can't be read: No such file"):
        read_alibaba_cloud_config(tmp_path / "missing.json", "")
