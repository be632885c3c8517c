"""The ASGI suite: its servers, workloads and targets."""
