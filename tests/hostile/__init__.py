"""What senders may do to a running Boomerang: nothing they send ends it, and others' calls go on."""
