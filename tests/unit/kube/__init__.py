"""Tests of clusterdns.kube and of the API server double."""
