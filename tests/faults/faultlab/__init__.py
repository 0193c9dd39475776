"""What the fault tests share: a workspace that may be killed, processes that are, and what must hold afterwards."""
