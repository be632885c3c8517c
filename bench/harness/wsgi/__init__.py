"""The WSGI suite: its servers, workloads and targets."""
