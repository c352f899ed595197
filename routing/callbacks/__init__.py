"""Callbacks of missed calls: what is promised, when it is tried, by whom, and how it ended. Rules only."""
