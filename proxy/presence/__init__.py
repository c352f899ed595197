"""Who is free: the dialog event of every extension (RFC 4235). No I/O in here."""
