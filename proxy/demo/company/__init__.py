"""`boomerang demo --console`: a small company at work around a real Boomerang, to look at its console."""

from proxy.demo.company.play import main

__all__ = ["main"]
