"""What can be asked and changed: one shape for each verb, from which every door is made."""
