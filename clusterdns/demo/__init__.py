"""`clusterdns demo`: the whole suite at work on loopback, as real processes."""
