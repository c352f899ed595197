"""The pages of callbacks and of desks."""
