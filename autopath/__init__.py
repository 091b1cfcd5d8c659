"""autopath, the cluster's DNS server: stands in for CoreDNS. Read `autopath.service` first."""
