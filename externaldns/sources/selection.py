"""Which objects are asked for records, and which annotations and templates name them: the same for every source.

Flags: --namespace, --annotation-filter, --label-filter, --annotation-prefix, --fqdn-template, --target-template,
--fqdn-target-template, --combine-fqdn-annotation and --ignore-hostname-annotation. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clusterdns.kube.label_selector import LabelSelector
from clusterdns.kube.objects import KubeObject
from externaldns.record import Endpoint
from externaldns.sources.annotations import DEFAULT_PREFIXES, Annotations
from externaldns.sources.making import make_endpoints

Template = Callable[[KubeObject], tuple[str, ...]]
"""Gives the names that an object has by --fqdn-template, or its targets by --target-template."""

PairTemplate = Callable[[KubeObject], tuple[tuple[str, str], ...]]
"""Gives the (name, target) pairs that an object has by --fqdn-target-template."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The flags of the same names."""

    namespace: str = ""
    annotation_prefixes: tuple[str, ...] = DEFAULT_PREFIXES
    annotation_filter: LabelSelector = field(default_factory=LabelSelector)
    label_filter: LabelSelector = field(default_factory=LabelSelector)
    template: Template | None = None
    target_template: Template | None = None
    pair_template: PairTemplate | None = None
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
        self,
        asking: KubeObject,
        annotated: Iterable[Endpoint],
        named: Callable[[str], Iterable[Endpoint]],
        resource: str,
    ) -> list[Endpoint]:
        """Return `annotated`, what --fqdn-target-template makes of `asking`, and what `named` gives for its names.

        Those are the names by --fqdn-template. Each of the three counts only where those before it led to nothing,
        unless all are to be combined. `resource` is the label of `asking`.
        """
        endpoints = list(annotated)
        if self.pair_template is not None and (self.combine_template or not endpoints):
            endpoints += make_endpoints(self.pair_template(asking), self.annotations(asking), resource)
        if self.template is not None and (self.combine_template or not endpoints):
            endpoints += [endpoint for name in self.template(asking) for endpoint in named(name)]
        return endpoints
