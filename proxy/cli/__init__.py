"""The command: `boomerang`, also `python -m proxy`.

Exit codes: 0 good, 1 failed (also: no daemon is running), 2 wrong usage or configuration.
"""

from proxy.cli.root import app, main

__all__ = ["app", "main"]
