"""What rings people: attempts, conversations, and the waiting room. No I/O in here."""
