"""What real resolvers ask for one look-up, without and with the search walk on the node."""
