"""The manifests and the Dockerfile, loaded with the real programs: see `checks` for what must hold."""
