"""One module per Corefile directive: its frozen configuration, its parser, and its handler in the chain."""
