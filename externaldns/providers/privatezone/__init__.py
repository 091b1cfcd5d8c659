"""Alibaba Cloud PrivateZone (API pvtz 2018-01-01)."""
