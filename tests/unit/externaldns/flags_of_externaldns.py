"""The flags of ExternalDNS v0.22 that its users rely on, with their defaults as its documentation writes them."""

from __future__ import annotations

DEFAULTS = {
    "source": "", "namespace": "", "annotation-filter": "", "label-filter": "", "service-type-filter": "",
    "ingress-class": "", "publish-internal-services": "false", "publish-host-ip": "false",
    "always-publish-not-ready-addresses": "false", "listen-endpoint-events": "false", "fqdn-template": "",
    "target-template": "", "fqdn-target-template": "", "combine-fqdn-annotation": "false",
    "ignore-hostname-annotation": "false", "pod-source-domain": "", "expose-internal-ipv6": "false",
    "exclude-unschedulable": "true", "default-targets": "", "force-default-targets": "false", "target-net-filter": "",
    "exclude-target-net": "", "min-ttl": "0s", "create-ptr": "false", "managed-record-types": "A,AAAA,CNAME",
    "exclude-record-types": "", "domain-filter": "", "exclude-domains": "", "regex-domain-filter": "",
    "regex-domain-exclusion": "", "zone-id-filter": "", "policy": "", "registry": "txt", "txt-owner-id": "default",
    "txt-prefix": "", "txt-suffix": "", "txt-wildcard-replacement": "", "txt-encrypt-enabled": "false",
    "txt-encrypt-aes-key": "", "txt-cache-interval": "0s", "migrate-from-txt-owner": "", "provider-cache-time": "0s",
    "interval": "1m0s", "events": "false", "min-event-sync-interval": "5s", "once": "false", "dry-run": "false",
    "batch-change-size": "200", "batch-change-interval": "1s", "events-emit": "", "metrics-address": ":7979",
    "log-level": "info", "log-format": "text", "kube-api-qps": "5", "kube-api-burst": "10",
    "webhook-provider-url": "http://localhost:8888", "webhook-provider-read-timeout": "5s",
    "webhook-provider-write-timeout": "10s", "webhook-provider-max-body-size": "32MiB", "webhook-server": "false",
    "alibaba-cloud-config-file": "/etc/kubernetes/alibaba-cloud.json", "alibaba-cloud-zone-type": "",
    "annotation-prefix": "external-dns.kubernetes.io/", "provider": "", "kubeconfig": "", "server": "",
    "request-timeout": "30s", "resolve-service-load-balancer-hostname": "false", "nat64-networks": "",
    "ignore-ingress-tls-spec": "false", "ignore-ingress-rules-spec": "false", "ignore-non-host-network-pods": "false",
    "gateway-name": "", "gateway-namespace": "", "gateway-label-filter": "", "gateway-listener-sets": "false",
    "crd-source-apiversion": "externaldns.k8s.io/v1alpha1", "crd-source-kind": "DNSEndpoint", "compatibility": "",
    "zone-name-filter": "", "prefer-alias": "false", "unstructured-resource": "",
}  # fmt: skip

OTHER_DEFAULTS = {"annotation-prefix", "alibaba-cloud-zone-type"}
"""Flags whose defaults are not ExternalDNS's here: both prefixes are read, and there are private zones only."""

SOURCES = (
    "node", "service", "ingress", "pod", "gateway-httproute", "gateway-grpcroute", "gateway-tlsroute",
    "gateway-tcproute", "gateway-udproute", "istio-gateway", "istio-virtualservice", "ambassador-host",
    "contour-httpproxy", "gloo-proxy", "traefik-proxy", "openshift-route", "fake", "empty", "connector", "crd",
    "skipper-routegroup", "kong-tcpingress", "f5-virtualserver", "f5-transportserver", "unstructured",
)  # fmt: skip

REGISTRIES = ("txt", "noop", "dynamodb", "aws-sd", "crd")
