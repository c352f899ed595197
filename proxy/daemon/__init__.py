"""The parts that only the running daemon needs: callbacks around the proxy, its journal, its ears, its answers."""
