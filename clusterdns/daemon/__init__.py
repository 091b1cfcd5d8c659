"""What a long-running program needs around its core: lifecycle, signals, logs, metrics and HTTP endpoints."""
