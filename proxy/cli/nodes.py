"""`boomerang nodes`: this node."""

from proxy.cli.asks import group, rest
from proxy.verbs.shapes import nodes

app = group("Nodes: this one.")
rest(app, nodes.VERBS)
