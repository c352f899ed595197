"""What a running Boomerang survives: each fault is caused from outside, and calls go on."""
