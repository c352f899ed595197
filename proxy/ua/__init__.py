"""The SIP user agent: calls that are ours, in both directions, and registration at a trunk. No I/O in here."""
