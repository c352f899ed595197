"""What the proxy and its media process say to each other, as `proxy.line_protocol` has it.

To the media process: `[command, session, ...]`; a session is a number that the proxy gives, never used twice.
Back: `[event, session, ...]`. `COMMANDS` and `EVENTS` are all there is.
"""

from typing import Final

COMMANDS: Final = {
    "setup": "settings as an object; the first line",
    "ping": "a number, sent back in `pong`",
    "open": "session, name for the log, port or 0 for any",
    "connect": "session, StreamTerms as an object",
    "play": "session, clips as arrays, tag, seconds between repeats or null",
    "tone": "session, kind",
    "press": "session, digits",
    "join": "session, session",
    "part": "session",
    "record": "session, session, file",
    "stop_recording": "session",
    "watch": "session, seconds",
    "watch_keys": "session, whether",
    "watch_tone": "session, whether",
    "close": "session",
}
EVENTS: Final = {
    "ready": "process id",
    "pong": "the number, figures as an object",
    "opened": "session, port; 0: there is none",
    "digit": "session, digit",
    "heard": "session",
    "played": "session, tag",
    "silent": "session, seconds",
    "tone": "session, seconds",
    "alarm": "name, text or null",
    "log": "level, event, facts",
}
