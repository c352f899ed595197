"""What rings people: attempts, conversations, and the queue room. No I/O in here."""
