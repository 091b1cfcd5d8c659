"""What to keep, and for how long: the packet cache and the message cache. No I/O, no clock."""
