"""Asking upstreams: the exchange of one question, pipelined TCP, UDP, deadlines, and the forwarder that joins them."""
