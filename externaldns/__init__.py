"""externaldns, the record controller: stands in for ExternalDNS with Alibaba Cloud PrivateZone.

Read `externaldns.service` first.
"""
