"""What a node that shares with others does with the shared database."""
