"""The exception of everything that is read from a message."""


class SipError(Exception):
    """A message, or a part of one, that cannot be accepted.

    `status` is the SIP status code owed to the sender, `reason` names the fault (ASCII, without CR and LF, so that it
    can stand in a status line), `fields` are header fields the response must carry (`Unsupported` of a 420).
    """

    def __init__(self, status: int, reason: str, fields: tuple[bytes, ...] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"
