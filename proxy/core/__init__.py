"""The stateful proxy of RFC 3261 section 16, an engine without I/O: time is an argument."""
