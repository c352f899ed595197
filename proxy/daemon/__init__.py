"""What keeps a node running on this machine: loop, clock, files, log."""
