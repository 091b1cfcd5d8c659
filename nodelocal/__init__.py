"""nodelocal, the node cache: stands in for NodeLocal DNSCache. Read `nodelocal.service` first."""
