"""Where records go: one package per DNS service."""
