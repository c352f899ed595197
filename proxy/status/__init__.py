"""What goes out about the daemon: MQTT, metrics, HTTP."""
