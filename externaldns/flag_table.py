"""The table of externaldns's flags: ExternalDNS's names, meanings and defaults, and those that are this project's.

`externaldns.flags` reads command lines and environments by it, and `make docs` makes a page of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from externaldns.announce import REASONS
from externaldns.policy import POLICIES
from externaldns.record import RECORD_TYPES

Kind = Literal["text", "list", "switch", "seconds", "integer", "template"]
"""A `template` is a text; those of a repeated flag become one, with commas between them."""

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """One row of the table. `choices` are the values that are taken; `refused` are ExternalDNS's that are not.

    `no_effect` says why a flag that ExternalDNS needs does nothing here: it is taken, and that is told.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    no_effect: str = ""

    @property
    def environment(self) -> str:
        """The environment variable that stands in for the flag."""
        return environment_variable(self.name)


def environment_variable(flag: str) -> str:
    """Return the name of the variable that stands in for the flag of that name."""
    return "EXTERNAL_DNS_" + flag.upper().replace("-", "_")


SOURCES = (
    "service", "pod", "node", "ingress", "crd", "gateway-httproute", "gateway-grpcroute", "fake", "empty",
    "unstructured",
)  # fmt: skip

_REFUSED_SOURCES = (
    "gateway-tlsroute", "gateway-tcproute", "gateway-udproute", "istio-gateway", "istio-virtualservice",
    "ambassador-host", "contour-httpproxy", "gloo-proxy", "traefik-proxy", "openshift-route", "connector",
    "skipper-routegroup", "kong-tcpingress", "f5-virtualserver", "f5-transportserver",
)  # fmt: skip
_SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_LOG_LEVELS = ("panic", "debug", "info", "warning", "error", "fatal")

_MIRRORED = "what the zone holds is kept in memory, and read anew when it has changed"
_NO_BATCHES = "PrivateZone's API has no batches"
_FOR_AZURE = "it is for Azure's zones; write --domain-filter"
_NO_ALIASES = "PrivateZone has no alias records; CNAMEs stay what they are"
_BODY_SIZE = "docs/limits.md says what a body may have"
_CRD_VERSION = "externaldns.k8s.io/v1alpha1"

FLAGS = (
    Flag("source", "list", (), "kind of object to make records from (required)", SOURCES, _REFUSED_SOURCES),
    Flag("namespace", "text", "", "only objects of this namespace; empty for all"),
    Flag("annotation-filter", "text", "", "only objects whose annotations match this label selector"),
    Flag("label-filter", "text", "", "only objects whose labels match this label selector"),
    Flag("annotation-prefix", "text", "", "read annotations with this prefix only, such as `example.org/`"),
    Flag(
        "fqdn-template",
        "template",
        "",
        "Go template of names, with commas between them, for objects without annotation",
    ),
    Flag("target-template", "template", "", "Go template of targets for --fqdn-template, with --source=unstructured"),
    Flag("fqdn-target-template", "template", "", "Go template of NAME:TARGET pairs, with commas between them"),
    Flag("combine-fqdn-annotation", "switch", False, "names by annotation and by template, not just the first"),
    Flag("ignore-hostname-annotation", "switch", False, "no names by annotation"),
    Flag("service-type-filter", "list", (), "only Services of this type; none for all", _SERVICE_TYPES),
    Flag("publish-internal-services", "switch", False, "publish the cluster IPs of ClusterIP Services with `hostname`"),
    Flag("publish-host-ip", "switch", False, "publish the host's address for the pods of headless Services"),
    Flag("always-publish-not-ready-addresses", "switch", False, "publish pods that are not ready, too"),
    Flag(
        "resolve-service-load-balancer-hostname",
        "switch",
        False,
        "addresses that a load balancer's host has in DNS, not a CNAME",
    ),
    Flag("listen-endpoint-events", "switch", False, "follow EndpointSlices", no_effect="they always are followed"),
    Flag("expose-internal-ipv6", "switch", False, "nodes' internal IPv6 addresses, too, beside external ones"),
    Flag("exclude-unschedulable", "switch", True, "leave out nodes that take no pods"),
    Flag("pod-source-domain", "text", "", "each pod gets the name POD.DOMAIN"),
    Flag("ignore-non-host-network-pods", "switch", False, "only pods on their node's network"),
    Flag(
        "pod-hostname-address", "text", "node", "whose address a pod's annotation `hostname` is about", ("node", "pod")
    ),
    Flag("pod-ready-only", "switch", False, "no records for pods that are not ready"),
    Flag("ingress-class", "list", (), "only Ingresses of this class; none for all"),
    Flag("ignore-ingress-tls-spec", "switch", False, "no names by spec.tls of an Ingress"),
    Flag("ignore-ingress-rules-spec", "switch", False, "no names by spec.rules of an Ingress"),
    Flag("gateway-name", "text", "", "only routes of Gateways of this name"),
    Flag("gateway-namespace", "text", "", "only routes of Gateways in this namespace"),
    Flag("gateway-label-filter", "text", "", "only routes of Gateways whose labels match this label selector"),
    Flag("crd-source-apiversion", "text", _CRD_VERSION, "custom resource of the source crd", (_CRD_VERSION,)),
    Flag("crd-source-kind", "text", "DNSEndpoint", "kind of the source crd", ("DNSEndpoint",)),
    Flag("default-targets", "list", (), "targets of records whose object gives none"),
    Flag("force-default-targets", "switch", False, "--default-targets for all but the annotation `target`"),
    Flag("nat64-networks", "list", (), "an A record for each AAAA target in this network, a /96"),
    Flag("unstructured-resource", "list", (), "what --source=unstructured reads: RESOURCE.VERSION.GROUP"),
    Flag("target-net-filter", "list", (), "only targets in this network"),
    Flag("exclude-target-net", "list", (), "no targets in this network"),
    Flag("create-ptr", "switch", False, "a PTR record for each address; needs PTR in --managed-record-types"),
    Flag("min-ttl", "seconds", 0.0, "least TTL of a record"),
    Flag("prefer-alias", "switch", False, "alias records in place of CNAMEs", no_effect=_NO_ALIASES),
    Flag("manifests", "text", "", "folder of manifests to read instead of an API server"),
    Flag("kubeconfig", "text", "", "kubeconfig file; empty for the pod's own service account"),
    Flag("server", "text", "", "URL of the API server, without a kubeconfig: that of `kubectl proxy`, for one"),
    Flag("kube-api-qps", "integer", 5, "requests a second to the API server; 0 for no limit"),
    Flag("kube-api-burst", "integer", 10, "requests to the API server at once"),
    Flag("provider", "text", "", "DNS provider (required)", ("alibabacloud", "webhook"), ("inmemory",)),
    Flag("webhook-provider-url", "text", "http://localhost:8888", "where the provider is, with --provider=webhook"),
    Flag("webhook-provider-read-timeout", "seconds", 5.0, "time for its answers about records"),
    Flag("webhook-provider-write-timeout", "seconds", 10.0, "time for it to make changes"),
    Flag("webhook-provider-max-body-size", "text", "32MiB", "longest body", no_effect=_BODY_SIZE),
    Flag("webhook-server", "switch", False, "serve the provider to ExternalDNS, as `externaldns webhook` does"),
    Flag("webhook-address", "text", "127.0.0.1:8888", "[HOST]:PORT that `externaldns webhook` serves at"),
    Flag(
        "alibaba-cloud-config-file",
        "text",
        "/etc/kubernetes/alibaba-cloud.json",
        "JSON file with regionId, accessKeyId, accessKeySecret and vpcId; without keys, or empty: the SDK's chain",
    ),
    Flag("alibaba-cloud-zone-type", "text", "private", "kind of zone", ("private",), ("public",)),
    Flag("alibaba-cloud-endpoint", "text", "", "URL of the API, `http://HOST:PORT` for the emulator"),
    Flag("privatezone-create-zones", "list", (), "zone to make, and bind to the VPC, if it is not there"),
    Flag("privatezone-read-qps", "integer", 15, "most reading calls a second; fewer when the server throttles"),
    Flag("privatezone-write-qps", "integer", 15, "most writing calls a second; fewer when the server throttles"),
    Flag("privatezone-full-read-interval", "seconds", 600.0, "time after which a zone is read whole in any case"),
    Flag("zone-id-filter", "list", (), "only zones whose ID ends with this"),
    Flag("zone-name-filter", "list", (), "only zones of this name", no_effect=_FOR_AZURE),
    Flag("domain-filter", "list", (), "only this domain and below; with a leading dot only below"),
    Flag("exclude-domains", "list", (), "not this domain and below"),
    Flag("regex-domain-filter", "text", "", "only names that match; then the lists of domains do not count"),
    Flag("regex-domain-exclusion", "text", "", "no names that match; then the lists of domains do not count"),
    Flag("policy", "text", "", "what may be changed (required)", tuple(POLICIES)),
    Flag("managed-record-types", "list", ("A", "AAAA", "CNAME"), "record types to manage", RECORD_TYPES, ("DNAME",)),
    Flag("exclude-record-types", "list", (), "record types not to manage", RECORD_TYPES, ("DNAME",)),
    Flag("registry", "text", "txt", "how ownership is kept", ("txt", "remark", "noop"), ("dynamodb", "aws-sd", "crd")),
    Flag("txt-owner-id", "text", "default", "owner that this controller's records have"),
    Flag("txt-prefix", "text", "", "prefix of ownership records; may hold %{record_type}"),
    Flag("txt-suffix", "text", "", "suffix of the first label of ownership records; may hold %{record_type}"),
    Flag("txt-wildcard-replacement", "text", "", "what stands for `*` in ownership records"),
    Flag("txt-encrypt-enabled", "switch", False, "encrypt ownership records"),
    Flag("txt-encrypt-aes-key", "text", "", "key for that: 32 bytes, or base64 of 32 bytes"),
    Flag("migrate-from-txt-owner", "text", "", "owner whose records become ours as far as they are wanted"),
    Flag("txt-cache-interval", "seconds", 0.0, "age of known ownership", no_effect=_MIRRORED),
    Flag("provider-cache-time", "seconds", 0.0, "age of known records", no_effect=_MIRRORED),
    Flag("batch-change-size", "integer", 200, "changes in a batch", no_effect=_NO_BATCHES),
    Flag("batch-change-interval", "seconds", 1.0, "time between batches", no_effect=_NO_BATCHES),
    Flag("request-timeout", "seconds", 30.0, "time for a request to the API server", no_effect="each has its own time"),
    Flag("interval", "seconds", 60.0, "time between two runs"),
    Flag("events", "switch", False, "run as soon as an object changes, too"),
    Flag("min-event-sync-interval", "seconds", 5.0, "least time between two changes of a name that events cause"),
    Flag("max-delete", "integer", 0, "most records of a zone to delete in ten minutes; 0 for no such limit"),
    Flag("max-delete-percent", "integer", 30, "the same in percent of the zone's records that are ours"),
    Flag("delete-grace-loops", "integer", 0, "full runs for which a record outlives its object"),
    Flag("allow-mass-delete", "switch", False, "delete as much as is to be deleted"),
    Flag("leader-election", "switch", False, "write only while holding a Lease"),
    Flag("leader-election-namespace", "text", "", "namespace of the Lease; empty for the pod's own"),
    Flag("leader-election-name", "text", "external-dns", "name of the Lease"),
    Flag("audit-log", "text", "", "file that gets a JSON line for each write; `-` for standard output"),
    Flag("events-emit", "list", (), "Kubernetes Events to post about the objects that asked for records", REASONS),
    Flag("propagation-check", "text", "", "DNS server to ask for changed records, IP or IP:PORT; `system` for its own"),
    Flag("once", "switch", False, "run once and exit"),
    Flag("dry-run", "switch", False, "tell what would be changed; change nothing"),
    Flag("metrics-address", "text", ":7979", "[HOST]:PORT of /metrics and /healthz; not with --once"),
    Flag("log-level", "text", "info", "least severe messages to show", _LOG_LEVELS),
    Flag("log-format", "text", "text", "form of messages", ("text", "json")),
)

REFUSED_FLAGS = {
    "compatibility": "annotate the Services with `hostname`",
    "gateway-listener-sets": "attach the routes to listeners of the Gateway itself",
}
"""Flags of ExternalDNS's that are not there, and what to do instead."""

FOREIGN_PREFIXES = (
    "akamai-", "ambassador-", "aws-", "azure-", "cf-", "civo-", "cloudflare-", "connector-", "coredns-",
    "crd-registry-", "digitalocean-", "dynamodb-", "exoscale-", "gloo-", "godaddy-", "google-", "ibmcloud-",
    "inmemory-", "ns1-", "oci-", "openshift-", "ovh-", "pdns-", "pihole-", "plural-", "rfc2136-", "scaleway-",
    "skipper-", "tls-", "traefik-", "transip-",
)  # fmt: skip
"""How names of flags begin that are about the providers, registries and sources of ExternalDNS that are not here."""
