"""The Go templates of names and targets: what they make of objects, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import ConfigError
from clusterdns.kube.objects import Ingress, KubeObject, Node, Pod, Route, Service
from externaldns.sources.go_template import parse
from externaldns.sources.go_template_functions import TemplateError
from externaldns.sources.name_template import names_of, pairs_of, read_template, targets_of

ROOT: dict[str, Any] = {
    "Name": "web",
    "Namespace": "shop",
    "Labels": {"app": "Front", "ex.com/zone": "a"},
    "Spec": {"Type": "LoadBalancer", "Ports": (80, 443), "On": True},
    "Status": {"Addresses": ({"Type": "InternalIP", "Address": "10.0.0.1"}, {"Type": "ExternalIP", "Address": "::1"})},
}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("ex.com", "ex.com"),
        ("{{.Name}}.{{ .Namespace }}.ex.com", "web.shop.ex.com"),
        ("{{.Labels.app}}", "Front"),
        ("{{.Labels.missing}}.x", ".x"),
        ('{{index .Labels "ex.com/zone"}}', "a"),
        ('{{ index .Labels "ex.com/zone" | toLower }}', "a"),
        ("{{ .Labels.app | toLower }}", "front"),
        ("{{ toLower .Labels.app }}", "front"),
        ("{{ (index .Status.Addresses 0).Address }}", "10.0.0.1"),
        ("{{ (index .Status.Addresses 0).Address | len }}", "8"),
        # Variables: those of a block end with it, and = changes the one outside.
        ("{{ $a := .Name }}{{ $a }}-{{ $a | toLower }}", "web-web"),
        ("{{ $a := index .Status.Addresses 0 }}{{ $a.Address }}", "10.0.0.1"),
        ("{{$a:=1}}{{ if true }}{{ $a := 2 }}{{ $a }}{{ end }}{{ $a }}", "21"),
        ("{{ $a := 1 }}{{ range .Spec.Ports }}{{ $a = . }}{{ end }}{{ $a }}", "443"),
        ("{{ if $a := .Name }}{{ $a }}{{ end }}{{ with $a := .Name }}{{ $a }}{{ . }}{{ end }}", "webwebweb"),
        ("{{ if $a := .Labels.no }}{{ else }}<{{ $a }}>{{ end }}", "<>"),
        ("{{ range $key, $value := .Labels }}{{ $key }}={{ $value }},{{ end }}", "app=Front,ex.com/zone=a,"),
        ("{{ range $i, $port := .Spec.Ports }}{{ $i }}:{{ $port }}:{{ . }} {{ end }}", "0:80:80 1:443:443 "),
        ("{{ range $each := .Status.Addresses }}{{ $each.Address }} {{ end }}", "10.0.0.1 ::1 "),
        ("{{ range $i, $x := .Labels.no }}a{{ else }}b{{ end }}", "b"),
        ('{{range $k, $v := .Labels}}{{if contains $k "app"}}{{$.Name}}.{{$v}}{{printf ","}}{{end}}{{end}}',
         "web.Front,"),
        # Functions.
        ('{{ printf "%s-%03d-%v-%t%% %q %x %.1f" .Name 7 "a" true "b" 255 }}', None),
        ('{{ printf "%s-%03d-%v-%t%% %q %x" .Name 7 "a" true "b" 255 }}', 'web-007-a-true% "b" ff'),
        ('{{ printf "%d" .Name }}', None),
        ('{{ printf "a" .Name }}', None),
        ('{{ print .Name "-" 5 }}', "web-5"),
        ("{{ slice .Name 1 }}{{ slice .Name 0 1 }}{{ slice .Name }}", "ebwweb"),
        ("{{ slice .Name 2 9 }}", None),
        ("{{ if lt 1 2 }}a{{ end }}{{ if le 2 2 }}b{{ end }}{{ if gt 1 2 }}c{{ end }}{{ if ge 1 2 }}d{{ end }}", "ab"),
        ("{{ range $each := fromJson `[{\"dns\": \"a\"}, {\"dns\": 5}]` }}{{ index $each \"dns\" }},{{ end }}", "a,5,"),
        ("{{ fromJson `nonsense` }}{{ fromJson `null` }}{{ fromJson `1.5` }}", "1.5"),
        ('{{ isSource "SERVICE" }}{{ isSource "node" }}', "truefalse"),
        ("{{ index .Spec.Ports 1 }}", "443"),
        ("{{ index .Status.Addresses 0 \"Address\" }}", "10.0.0.1"),
        ('{{ "a\\"b\\n" }}{{ `c\\d` }}{{ 5 }}{{ true }}', 'a"b\nc\\d5true'),
        ('{{ replace "." "-" (index .Status.Addresses 0 "Address") }}', "10-0-0-1"),
        ('{{ trimPrefix .Name "w" }}{{ trimSuffix .Name "b" }}{{ trim "  x " }}', "ebwex"),
        ('{{ if eq .Spec.Type "LoadBalancer" }}a{{ else }}b{{ end }}', "a"),
        ('{{ if eq .Spec.Type "x" "LoadBalancer" }}a{{ end }}', "a"),
        ('{{ if ne .Spec.Type "LoadBalancer" }}a{{ else if .Spec.On }}b{{ else }}c{{ end }}', "b"),
        ('{{ if and .Spec.On (contains .Name "we") }}a{{ end }}', "a"),
        ('{{ if or (hasKey .Labels "no") (not .Spec.On) }}a{{ else }}b{{ end }}', "b"),
        ("{{ if .Labels.missing }}a{{ end }}", ""),
        ("{{ len .Status.Addresses }}", "2"),
        ("{{ range .Status.Addresses }}{{ if isIPv4 .Address }}4{{ end }}{{ if isIPv6 .Address }}6{{ end }},{{ end }}",
         "4,6,"),
        ("{{ range .Spec.Ports }}{{ . }}-{{ $.Name }} {{ end }}", "80-web 443-web "),
        ("{{ range .Labels }}{{ . }};{{ end }}", "Front;a;"),
        ("{{ with .Labels.app }}{{ . }}{{ end }}{{ with .Labels.none }}x{{ else }}y{{ end }}", "Fronty"),
        ("{{ with .Labels.none }}x{{ else with .Name }}{{ . }}{{ end }}", "web"),
        ("a {{- .Name -}} b", "awebb"),
        ("a{{/* nothing */}}b", "ab"),
    ],
)  # fmt: skip
def test_template(text: str, made: str | None) -> None:
    if made is None:
        with pytest.raises(TemplateError):
            parse(text).render(ROOT)
    else:
        assert parse(text).render(ROOT, "service") == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{.Name", 'a "{{" without its "}}"'),
        (".Name}}", 'a "{{" without its "}}"'),
        ("{{}}", "something is missing"),
        ("{{ if .Name }}", "has no {{ end }}"),
        ("{{ end }}", "has no if, with or range before it"),
        ("{{ if .Name }}{{ else }}{{ else }}{{ end }}", "a second else"),
        ("{{ if .Name }}{{ else range .X }}{{ end }}", "write else, else if or else with"),
        ("{{ $x }}", "variable $x is not declared; write $x := ... before it"),
        ("{{ $x = 1 }}", "variable $x is not declared"),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "variable $x is not declared"),
        ("{{ range $x := .A }}{{ end }}{{ $x }}", "variable $x is not declared"),
        ("{{ $x, $y := .Name }}", "only range declares two variables"),
        ("{{ if $x, $y := .Name }}{{ end }}", "too many variables"),
        ("{{ range $x = .Name }}{{ end }}", "or no := behind them"),
        ("{{ .Name := 1 }}", "before := and = stands a variable, such as $name"),
        ("{{ := 1 }}", "before := and = stands a variable"),
        ("{{ html .Name }}", "function 'html' is not supported; there are and, contains"),
        ("{{ define x }}", "{{ define }} is not supported"),
        ("{{ .Name .Namespace }}", "has no place there"),
        ("{{ .Name | .Namespace }}", "behind a | stands a function"),
        ("{{ eq .Name }}", "eq takes 2 or more arguments, not 1"),
        ("{{ trim .Name .Name }}", "trim takes 1 arguments, not 2"),
        ("{{ (trim .Name }}", "is never closed"),
        ('{{ eq "a .Name }}', "has a quote that is never closed"),
        ("{{ toLower | }}", None),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(text: str, message: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read_template(text, [])
    assert "--fqdn-template: " in str(caught.value)
    assert (message or "") in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["{{ .Name.x }}", "{{ range .Name }}{{ end }}", "{{ index .Spec.Ports 2 }}", "{{ .Labels }}", "{{ .Spec.Ports }}"],
)
def test_what_only_an_object_shows_to_be_wrong(text: str) -> None:
    with pytest.raises(TemplateError):
        parse(text).render(ROOT)


@given(st.text(alphabet='{}.| "`()$-,:=%abNameindexrangeifwithelseendprintf/*\\ ', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(TemplateError, TypeError, AttributeError, ValueError):
        parse(text).render(ROOT)


SERVICE = Service(namespace="shop", name="web", cluster_ips=("10.96.0.1",), load_balancer=("192.0.2.1", "lb.ex.net"))


@pytest.mark.parametrize(
    ("kind", "asking", "text", "names"),
    [
        ("Service", SERVICE, "{{.Name}}.Ex.com., {{.Namespace}}.ex.com,,{{.Name}}.ex.com",
         ("web.ex.com", "shop.ex.com")),
        ("Service", SERVICE, "{{.ObjectMeta.Name}}-{{.Kind | toLower}}", ("web-service",)),
        ("Service", SERVICE, '{{.Spec.ClusterIP | replace "." "-"}}', ("10-96-0-1",)),
        ("Service", Service(name="a", headless=True), "{{.Spec.ClusterIP}}", ("none",)),
        ("Service", SERVICE, "{{range .Status.LoadBalancer.Ingress}}{{.Hostname}}{{.IP}},{{end}}",
         ("192.0.2.1", "lb.ex.net")),
        ("Pod", Pod(name="p", ips=("10.0.0.1",), node_name="n"), "{{.Status.PodIP}}.{{.Spec.NodeName}}",
         ("10.0.0.1.n",)),
        ("Node", Node(name="n", addresses=(("InternalIP", "10.0.0.1"),)),
         "{{range .Status.Addresses}}{{.Type}}{{end}}", ("internalip",)),
        ("Ingress", Ingress(name="i", hosts=("a.b",)), "{{range .Spec.Rules}}x.{{.Host}}{{end}}", ("x.a.b",)),
        ("HTTPRoute", Route(name="r", hostnames=("a.b",)), "{{index .Spec.Hostnames 0}}", ("a.b",)),
        ("Service", SERVICE, "{{ if .Labels.no }}x{{ end }}", ()),
        ("Service", Service(name="a", selector={"app": "x"}), '{{ index .Spec.Selector "app" }}', ("x",)),
        ("Ingress", Ingress(name="a"), "{{ .APIVersion }}", ("networking.k8s.io/v1",)),
    ],
)  # fmt: skip
def test_names(kind: str, asking: KubeObject, text: str, names: tuple[str, ...]) -> None:
    assert names_of(read_template(text, [kind]), kind)(asking) == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ index .Spec.ClusterIPs 5 }}", "index 5 is out of range, or not in a list or map"),
        ("{{ toLower .Spec.ClusterIPs }}", "'tuple' object has no attribute 'lower'"),
    ],
)
def test_an_object_for_which_it_cannot_be_made_is_an_error(text: str, why: str) -> None:
    template = read_template(text, ["Service"])
    with pytest.raises(TemplateError, match=f"^--fqdn-template can't be made: {why}"):
        names_of(template, "Service")(SERVICE)


def test_targets_and_pairs() -> None:
    targets = read_template("{{range .Status.LoadBalancer.Ingress}}{{.Hostname}}{{.IP}}., {{end}}", ["Service"])
    assert targets_of(targets, "Service")(SERVICE) == ("192.0.2.1", "lb.ex.net")
    pairs = read_template("A.{{.Name}}.:fd00::1,b:{{.Labels.no}},:c,d,A.web:fd00::1, e : lb.ex.net. ", ["Service"])
    assert pairs_of(pairs, "Service")(SERVICE) == (("a.web", "fd00::1"), ("e", "lb.ex.net"))
