"""Tickets on their way to other systems: webhook and mail. MQTT hears of them by their events."""
