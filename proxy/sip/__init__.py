"""The SIP stack without I/O: no asyncio, socket, clock or random import in this room."""
