"""Forms of the policy: what stands beside each setting, what was typed, and what that changes."""
