"""Media: RTP sessions, prompts, tones, keys, joined legs, recordings. A process of its own behind `MediaClient`."""
