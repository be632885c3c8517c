"""What the measuring scripts share: environment, servers, workloads, load generator, report."""
