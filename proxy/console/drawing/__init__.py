"""Drawings: SVG made here of facts, without a word of style."""
