"""Where desired records come from: one module per kind of Kubernetes object."""
