"""List and watch, trimmed objects and keyed stores, from an API server or a folder of manifests."""
