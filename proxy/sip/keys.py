"""Names under which transactions are kept and found: RFC 3261 sections 17.1.3, 17.2.3 and 9.2.

Rules
- A branch with the magic cookie names the transaction together with sent-by and method; the ACK of a non-2xx has
  the branch of its INVITE and counts as one.
- Without the cookie (RFC 2543 elements) the Request-URI, tags, Call-ID, CSeq number and top Via do. The To tag is no
  part of it for INVITE and ACK, because the ACK has the tag that we put into the response.
- Where sent-by differs the dialog's own marks may stand in for it (`kin_key`), towards whoever is known to be the
  same: some write another port, or the default one once and once not, into the Via of a CANCEL or a repeat.
- Of the top Via only what its sender wrote is compared: `received` and `rport` are filled in by us.

All raise SipError(400) where a header they need is missing or malformed.
"""

from typing import TypeAlias

from proxy.sip.message import Message, Request, Response
from proxy.sip.via import MAGIC_COOKIE

Key: TypeAlias = tuple[object, ...]


def server_key(request: Request) -> Key:
    """Name the server transaction that this request makes, repeats or acknowledges."""
    return named_key(request, b"INVITE" if request.method == b"ACK" else request.method)


def cancel_key(request: Request) -> Key:
    """Name the server transaction of the INVITE that this CANCEL is meant for (section 9.2)."""
    return named_key(request, b"INVITE")


def kin_key(request: Request, method: bytes) -> Key:
    """Name what this request shares with a transaction of `method` whatever their sent-by: branch, Call-ID, From tag
    and CSeq number.
    """
    return (request.via.branch, method, request.call_id, request.from_.tag, request.cseq.number)


def client_key(response: Response) -> Key:
    """Name the client transaction that this response belongs to."""
    return branch_key(response)


def likely_client_key(response: Response) -> Key:
    """Name the client transaction by the octets alone, as a response that left our Via as we wrote it shows them.

    Cheap, and never wrong where it finds a transaction; where it finds none `client_key` has to read properly.
    """
    names, fields = response.names, response.fields
    if b"via" not in names or b"cseq" not in names:
        return ()
    branch = fields[names.index(b"via")].partition(b";branch=")[2].partition(b";")[0]
    return (branch, fields[names.index(b"cseq")].rpartition(b" ")[2])


def branch_key(message: Message) -> Key:
    """Name the client transaction by what its request and its responses share: the branch and the CSeq method."""
    return (message.via.branch, message.cseq.method)


def named_key(request: Request, method: bytes) -> Key:
    """Name the server transaction of this method that a request belongs to (section 17.2.3)."""
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return (branch, via.sent_by, method)
    to_tag = None if method == b"INVITE" else request.to.tag
    return (branch, via.sent_by, method, via.transport, request.uri, to_tag, request.from_.tag, request.call_id,
            request.cseq.number)
