"""The shapes of all verbs, without those who answer them: plain values that every door and the command can import.

Nothing here is slow to load: the command reads its options from it.
"""
