"""Names of what stands in the data folder, and where that folder is unless the operator says another."""

from typing import Final

DATA: Final = "/var/lib/boomerang"
"""Folder of the database, the control socket and the keys, unless `node.data` says another."""
SOCKET_NAME: Final = "control.sock"
"""Name of the control socket in the data folder."""
DATABASE_NAME: Final = "boomerang.db"
"""Name of the database beside it."""
RECORDINGS: Final = "recordings"
"""Folder of recorded talks there."""
PROMPTS: Final = "prompts"
"""Folder of prompts of the operator's own there."""
MESSAGES: Final = "messages"
"""Folder of the SIP messages of attempts that are over there."""
