"""The tests: the tree mirrored."""
