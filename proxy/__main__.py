"""`python -m proxy` is `boomerang`."""

from proxy.cli import main

main()
