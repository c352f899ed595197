"""`boomerang demo`: a carrier, a PBX and phones played on loopback around a real Boomerang, and what that proves."""

from proxy.demo.play import main

__all__ = ["main"]
