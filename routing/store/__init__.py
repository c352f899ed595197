"""What is remembered: one interface of plain values, and the SQLite engine behind it."""
