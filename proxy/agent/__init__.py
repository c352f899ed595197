"""The user agent: the legs that are ours, registration, who is free, and the runner of callbacks. No I/O in here."""
