"""The command: `boomerang`, also `python -m proxy`.

Exit codes: 0 good, 1 failed (also: no daemon is running), 2 wrong usage or configuration.
"""

import sys


def main() -> None:
    """Run the command; never returns."""
    from proxy.cli.starting import read_run, run
    from proxy.output import open_standard

    open_standard()
    start = read_run(sys.argv[1:])
    if start is not None:
        sys.exit(run(start))
    from proxy.cli.root import app

    app(prog_name="boomerang")
