"""Queries that others must answer: exchange (a state machine without I/O), TCP, UDP, upstreams, forwarder."""
