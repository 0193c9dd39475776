"""What happens: requests by any process, acts by the lease holder. `Site` is the one facade that all verbs call."""
