"""The parts that only the running daemon needs: its journal, its ears for a trace, its answers to the operator."""
