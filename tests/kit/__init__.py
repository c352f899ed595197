"""What the tests are made with: ports, processes, peers."""
