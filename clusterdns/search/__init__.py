"""Search lists and the walk along them: the core of autopath. No I/O, no clock."""
