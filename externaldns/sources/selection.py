"""Which objects are asked for records, and which annotations and templates name them: the same for every source.

Flags: --namespace, --annotation-filter, --label-filter, --annotation-prefix, --fqdn-template,
--combine-fqdn-annotation and --ignore-hostname-annotation. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clusterdns.kube.label_selector import LabelSelector
from clusterdns.kube.objects import KubeObject
from externaldns.record import Endpoint
from externaldns.sources.annotations import DEFAULT_PREFIXES, Annotations

NameTemplate = Callable[[KubeObject], tuple[str, ...]]
"""Gives the names that an object has by --fqdn-template."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The flags of the same names."""

    namespace: str = ""
    annotation_prefixes: tuple[str, ...] = DEFAULT_PREFIXES
    annotation_filter: LabelSelector = field(default_factory=LabelSelector)
    label_filter: LabelSelector = field(default_factory=LabelSelector)
    template: NameTemplate | None = None
    combine_template: bool = False
    ignore_hostname_annotation: bool = False

    def annotations(self, asking: KubeObject) -> Annotations:
        return Annotations(asking.annotations, self.annotation_prefixes)

    def admits(self, asking: KubeObject) -> bool:
        """Tell whether `asking` is asked at all. A cluster-scoped object is in no namespace, so in every one."""
        return (
            (not self.namespace or asking.namespace in ("", self.namespace))
            and self.annotation_filter.matches(asking.annotations)
            and self.label_filter.matches(asking.labels)
            and not self.annotations(asking).belongs_to_another_controller()
        )

    def combine(
        self, asking: KubeObject, annotated: Iterable[Endpoint], named: Callable[[str], Iterable[Endpoint]]
    ) -> list[Endpoint]:
        """Return `annotated`, and what `named` gives for the names that the template makes of `asking`.

        The template counts only where the annotations led to nothing, unless both are to be combined.
        """
        endpoints = list(annotated)
        if self.template is not None and (self.combine_template or not endpoints):
            endpoints += [endpoint for name in self.template(asking) for endpoint in named(name)]
        return endpoints
