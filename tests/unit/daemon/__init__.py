"""Tests of clusterdns.daemon and of the duration reader that its flags share with the Corefile."""
