"""What stands beside the proxy path, and the doors between it and the engine."""
