"""What `boomerang check` looks at: the files, what they name, and with `--live` the world."""
