"""What a Corefile says, as frozen dataclasses: one module per directive, each with a `Config` and a `parse` for it.

The handlers in `clusterdns.directives` and the programs read these and never the tree. A `Config` keeps an option even
where no handler acts on it yet; the program that loads it says what it does not do.
"""
