"""Twisted messages: one of our own for each kind of oddity and fault that RFC 4475 and RFC 5118 show.

Names, hosts, numbers and bodies are ours; a message is of the kind of the RFC's message that `like` names, and the same
is owed to it. So a clone alone tests every kind. The RFCs' own octets are an extra where they lie beside the project
(`../shared/data/rfc4475` and `rfc5118`, one file a message).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the RFCs' own messages are looked for."""
FOLDERS: Final = ("rfc4475", "rfc5118")
MISSING: Final = f"the octets of RFC 4475 and RFC 5118 are not here ({DATA}): our own messages of each kind were tested"


class Twisted(NamedTuple):
    """One message."""

    name: str
    like: str
    """The RFC's message of this kind."""
    data: bytes


SDP: Final = b"\r\n".join(
    (
        b"v=0",
        b"o=- 4711 1 IN IP4 203.0.113.77",
        b"s=-",
        b"c=IN IP4 203.0.113.77",
        b"t=0 0",
        b"m=audio 40000 RTP/AVP 8 101",
        b"a=rtpmap:101 telephone-event/8000",
        b"a=ptime:20",
        b"",
    )
)
SDP6: Final = SDP.replace(b"IN IP4 203.0.113.77", b"IN IP6 2001:db8:77::7")


def _message(start: str, *lines: str, body: bytes = b"", length: int | None = 0) -> bytes:
    """Write a message; `length`: octets by which Content-Length differs from the body's (None: no such field)."""
    fields = [start, *lines, *([] if length is None else [f"Content-Length: {len(body) + length}"])]
    return "\r\n".join((*fields, "", "")).encode() + body


def _usual(
    name: str, method: str, *but: str, user: str = "600", host: str = "harbour.example", via: str = "UDP"
) -> list[str]:
    """The fields that every request has. A field in `but` takes the place of the one of its name; `NAME:` alone takes
    it away."""
    fields = {
        "Via": f"Via: SIP/2.0/{via} quay7.example;branch=z9hG4bK-{name}",
        "Max-Forwards": "Max-Forwards: 61",
        "From": f"From: <sip:ilona@inland.example>;tag={name}",
        "To": f"To: <sip:{user}@{host}>",
        "Call-ID": f"Call-ID: {name}.4f1e@quay7.example",
        "CSeq": f"CSeq: 31 {method}",
    }
    for line in but:
        key = line.partition(":")[0]
        if line == f"{key}:":
            del fields[key]
        else:
            fields[key] = line
    return list(fields.values())


def _request(
    name: str,
    method: str,
    *but: str,
    uri: str = "sip:600@harbour.example",
    body: bytes = b"",
    length: int | None = 0,
    via: str = "UDP",
) -> bytes:
    return _message(f"{method} {uri} SIP/2.0", *_usual(name, method, *but, via=via), body=body, length=length)


def _invite(
    name: str,
    *but: str,
    uri: str = "sip:600@harbour.example",
    body: bytes = SDP,
    length: int | None = 0,
    via: str = "UDP",
) -> bytes:
    kind = "Content-Type: application/sdp"
    return _request(
        name, "INVITE", "Contact: <sip:ilona@quay7.example>", kind, *but, uri=uri, body=body, length=length, via=via
    )


def _register(name: str, *but: str, uri: str = "sip:harbour.example", via: str = "UDP") -> bytes:
    return _request(name, "REGISTER", "To: <sip:ilona@inland.example>", *but, uri=uri, via=via)


def _response(line: str, name: str, *but: str, body: bytes = b"") -> bytes:
    usual = _usual(name, "INVITE", f"To: <sip:600@harbour.example>;tag=far-{name}", "Max-Forwards:", *but)
    return _message(line, *usual, body=body)


_ODD_METHOD: Final = "Kérés".encode("ascii", "ignore").decode() + "-!%*_+`.'~7"
_ODD_USER: Final = "z.Z~(0)!&$/?,;;*&=+'_"

_LONG_VIAS: Final = [
    f"v: SIP/2.0/{('UDP', 'TCP', 'TLS', 'SCTP')[number % 4]} hop{number}.{'deep.' * 9}example;"
    f"branch=z9hG4bK{'x' * 60}{number};hop-of-hops={'y' * 40}"
    for number in range(27)
]

_TWICE: Final = (
    _register("two-in-one", "Contact: <sip:ilona@quay7.example>", "Max-Forwards: 9")
    + b"\r\n\r\n"
    + _invite("two-in-one-b", "Max-Forwards: 9", body=SDP + b"a=x\r\n", length=-5)
)

OWN: Final = tuple(
    Twisted(*each)
    for each in (
        # Legal, and made to be misread
        (
            "folded-everywhere",
            "wsinv",
            _message(
                "INVITE sip:600@harbour.example;unheard-of SIP/2.0",
                "T:",
                "\t<sip:600@harbour.example> ;",
                "  tag  =  far-end-77",
                'fROM  : "Ilona \\\\ \\"the crane\\" "    <sip:ilona@inland.example>',
                " ;",
                "  tag = inland-5",
                "MAX-FORWARDS: 00059",
                "i: folded-everywhere.9@quay7.example",
                "CSEQ : 00041",
                " INVITE",
                "Via  :  SIP  /  2.0",
                "  /UDP",
                "\t quay7.example ; branch = z9hG4bKfolded-1",
                "S  :",
                "Brand-New : first",
                "\tand second",
                "Nothing-But: ;;,,;,;;",
                "Route:",
                " <sip:ferry.example;lr;odd=one;bare>",
                "v : SIP / 2.0 / TLS   pier.example ;",
                " branch = z9hG4bKfolded-2  ,",
                " SIP / 2.0  /  TCP  203.0.113.250 ; branch=",
                "  z9hG4bKfolded-3",
                'M : "A \\"berth\\"" <sip:ilona@203.0.113.9> ; fresh =',
                "  paint ;",
                " dry ; q = 0.7",
                "c : application/sdp",
                body=SDP,
            ),
        ),
        (
            "odd-signs",
            "intmeth",
            _message(
                f"{_ODD_METHOD} sip:{_ODD_USER}:p+a=s$@harbour.example SIP/2.0",
                "Via: SIP/2.0/TCP quay7.example;branch=z9hG4bK.!%_*+`'~odd",
                "Max-Forwards: 254",
                f'To: "tab\\\x09 null\\\x00 end\\\x7f" <sip:{_ODD_USER}@harbour.example>',
                "From: dot. dash- tick` plus+ <sip:ilona@inland.example>;"
                "odd'+~_.!%=\"\u0436\u0443\u043a\";tag=.!%*_+`'~t",
                "Call-ID: odd-signs.%*~!'`+_@<>:\"/[]?{}()",
                f"CSeq: 90210 {_ODD_METHOD}",
                "x-!.%*+_`'~y: \u6e2f\u53e3",
            ),
        ),
        (
            "escaped-user",
            "esc01",
            _message(
                "INVITE sip:sip%3A600%40elsewhere.example@harbour.example SIP/2.0",
                *_usual(
                    "escaped-user",
                    "INVITE",
                    "To: <sip:6%300@harbour.example>",
                    "From: <sip:two%20words@inland.example>;tag=e",
                ),
                "m: <sip:ilon%61@quay7.example;%6Cr;p%61int=r%65d%25%32%30>",
                "c: application/sdp",
                body=SDP,
            ),
        ),
        (
            "escaped-null",
            "escnull",
            _register(
                "escaped-null",
                "To: <sip:a%00z@inland.example>",
                "From: <sip:a%00z@inland.example>;tag=n",
                "Contact: <sip:%00@quay7.example>, <sip:%00%00@quay7.example>",
            ),
        ),
        (
            "percent-is-no-escape",
            "esc02",
            _message(
                "OP%54IONS sip:601@harbour.example SIP/2.0",
                *_usual(
                    "percent-is-no-escape",
                    "OP%54IONS",
                    "Via: SIP/2.0/UDP quay7.example;branch=z9hG4bK%zz",
                    'From: "%Q%4" <sip:ilona@inland.example>;tag=p',
                    'To: "%4E" <sip:601@harbour.example>',
                ),
                "Contact: <sip:first@quay7.example>",
                "Cont%61ct: <sip:second@quay7.example>",
                "Contact: <sip:third@quay7.example>",
            ),
        ),
        (
            "no-space-before-angle",
            "lwsdisp",
            _request("no-space-before-angle", "OPTIONS", "From: Ilona<sip:ilona@inland.example>;tag=n"),
        ),
        (
            "long-all-over",
            "longreq",
            _message(
                "INVITE sip:600@harbour.example SIP/2.0",
                *_usual(
                    "long-all-over",
                    "INVITE",
                    f'To: "{"very " * 50}long" <sip:{"6" * 40}00{"0" * 120}@harbour.example>',
                    f"From: <sip:{'ilona' * 30}@inland.example>;{'parameter' * 20}={'value' * 20};tag={'long' * 20}",
                    f"Call-ID: long-all-over.{'one' * 80}",
                    "CSeq: 2147483646 INVITE",
                ),
                *_LONG_VIAS,
                f"{'Extension-' * 25}Name: {'value ' * 80}",
                f"Contact: <sip:{'ilona' * 20}@{'quay.' * 20}example>",
                "Content-Type: application/sdp",
                body=SDP,
            ),
        ),
        ("two-in-one", "dblreq", _TWICE),
        (
            "semicolon-in-user",
            "semiuri",
            _request("semicolon-in-user", "OPTIONS", "Max-Forwards: 4", uri="sip:600;dock=b%40sea@harbour.example"),
        ),
        (
            "every-transport",
            "transports",
            _message(
                "OPTIONS sip:601@harbour.example SIP/2.0",
                *_usual("every-transport", "OPTIONS"),
                *(
                    f"Via: SIP/2.0/{name} {name.lower()}.example;branch=z9hG4bKtr{name}"
                    for name in ("TLS", "SCTP", "CARRIER-PIGEON", "TCP")
                ),
            ),
        ),
        (
            "parts-with-nulls",
            "mpart01",
            _request(
                "parts-with-nulls",
                "MESSAGE",
                "Route: <sip:ferry.example;lr>",
                "Content-Type: multipart/mixed;boundary=berth",
                body=b"--berth\r\nContent-Type: text/plain\r\n\r\nAhoy\r\n"
                + b"--berth\r\nContent-Type: application/octet-stream\r\n\r\n"
                + bytes(range(256))
                + b"\r\n--berth--\r\n",
            ),
        ),
        (
            "reason-in-utf-8",
            "unreason",
            _response(
                "SIP/2.0 202 = 2 * 101, \u00fcber \u043c\u043e\u0440\u0435",
                "reason-in-utf-8",
                "Contact: <sip:600@pier.example>",
                "Content-Type: application/sdp",
                body=SDP,
            ),
        ),
        ("no-reason", "noreason", _response("SIP/2.0 183 ", "no-reason")),
        # Wrong
        (
            "via-with-empty-parameters",
            "badinv01",
            _invite(
                "via-with-empty-parameters",
                "Via: SIP/2.0/UDP quay7.example;;,;;,,",
                "Contact: <sip:ilona@quay7.example>;;;",
            ),
        ),
        ("length-beyond-the-end", "clerr", _invite("length-beyond-the-end", length=7000)),
        (
            "length-below-zero",
            "ncl",
            _message(
                "INVITE sip:600@harbour.example SIP/2.0",
                *_usual("length-below-zero", "INVITE"),
                "Content-Type: application/sdp",
                "Content-Length: -42",
                body=SDP,
                length=None,
            ),
        ),
        (
            "numbers-too-large",
            "scalar02",
            _register(
                "numbers-too-large",
                f"CSeq: {2**66} REGISTER",
                f"Expires: {10**60}",
                f"Contact: <sip:ilona@quay7.example>;expires={10**20}",
            ),
        ),
        (
            "answer-with-numbers-too-large",
            "scalarlg",
            _response(
                "SIP/2.0 480 Away", "answer-with-numbers-too-large", f"CSeq: {2**70} OPTIONS", f"Retry-After: {10**30}"
            ),
        ),
        (
            "quote-left-open",
            "quotbal",
            _invite(
                "quote-left-open",
                'To: "Harbour office <sip:600@harbour.example>',
                "Via: SIP/2.0/UDP quay7.example:5050;branch=z9hG4bKquote-left-open",
            ),
        ),
        (
            "angles-round-the-target",
            "ltgtruri",
            _invite("angles-round-the-target", "Via: SIP/2.0/UDP quay7.example", uri="<sip:600@harbour.example>"),
        ),
        ("space-in-the-target", "lwsruri", _invite("space-in-the-target", uri="sip:600@harbour.example; lr")),
        ("spaces-in-the-first-line", "lwsstart", _invite("spaces-in-the-first-line", uri=" sip:600@harbour.example ")),
        (
            "space-after-the-version",
            "trws",
            _request("space-after-the-version", "OPTIONS", uri="sip:601@harbour.example").replace(
                b" SIP/2.0\r\n", b" SIP/2.0   \r\n", 1
            ),
        ),
        (
            "headers-in-the-target",
            "escruri",
            _invite("headers-in-the-target", uri="sip:600@harbour.example?Subject=%3Cahoy%3E"),
        ),
        ("clock-of-another-zone", "baddate", _invite("clock-of-another-zone", "Date: Mon, 02 Nov 2026 09:30:00 CET")),
        (
            "bare-contact-with-headers",
            "regbadct",
            _register("bare-contact-with-headers", "Contact: sip:ilona@quay7.example?Priority=urgent"),
        ),
        (
            "space-inside-the-angles",
            "badaspec",
            _request(
                "space-inside-the-angles",
                "OPTIONS",
                'From: "Crane, Ilona" <sip:ilona@inland.example>;tag=s',
                "To: Office < sip:601@harbour.example >",
                uri="sip:601@harbour.example",
            ),
        ),
        (
            "comma-in-a-bare-name",
            "baddn",
            _request(
                "comma-in-a-bare-name",
                "OPTIONS",
                "From:   Crane, Ilona <sip:ilona@inland.example>;tag=c",
                uri="sip:601@harbour.example",
            ),
        ),
        (
            "version-of-the-future",
            "badvers",
            _request(
                "version-of-the-future",
                "OPTIONS",
                "Via: SIP/9.1/UDP quay7.example;branch=z9hG4bKversion",
                uri="sip:601@harbour.example",
            ).replace(b" SIP/2.0\r\n", b" SIP/9.1\r\n", 1),
        ),
        ("method-differs-in-cseq", "mismatch01", _request("method-differs-in-cseq", "OPTIONS", "CSeq: 31 MESSAGE")),
        (
            "unknown-method-differs-in-cseq",
            "mismatch02",
            _request(
                "unknown-method-differs-in-cseq",
                "MOOR",
                "CSeq: 31 INVITE",
                "Contact: <sip:ilona@quay7.example>",
                "Content-Type: application/sdp",
                body=SDP,
            ),
        ),
        ("status-of-ten-digits", "bigcode", _response("SIP/2.0 8589934792 far too much", "status-of-ten-digits")),
        (
            "cookie-and-no-branch",
            "badbranch",
            _request(
                "cookie-and-no-branch",
                "OPTIONS",
                "Via: SIP/2.0/UDP quay7.example;branch=z9hG4bK",
                uri="sip:601@harbour.example",
            ),
        ),
        ("nobody-to-nobody", "insuf", _invite("nobody-to-nobody", "To:", "From:", "Call-ID:", "Max-Forwards:")),
        (
            "scheme-of-the-future",
            "unkscm",
            _request("scheme-of-the-future", "OPTIONS", uri="lighthouse:north-mole", via="TCP"),
        ),
        (
            "scheme-with-a-path",
            "novelsc",
            _request("scheme-with-a-path", "OPTIONS", uri="tide.table://203.0.113.8:7700", via="TCP"),
        ),
        (
            "names-of-other-schemes",
            "unksm2",
            _register(
                "names-of-other-schemes",
                "To: ship:9912345",
                "From: <https://inland.example>;tag=o",
                "Contact: <berth:7_north>",
            ),
        ),
        (
            "demands-that-nobody-knows",
            "bext01",
            _request(
                "demands-that-nobody-knows",
                "OPTIONS",
                "Require: towing, mooring",
                "Proxy-Require: pilotage, icebreaking",
            ),
        ),
        (
            "body-of-a-strange-type",
            "invut",
            _invite("body-of-a-strange-type", "Content-Type: application/x-bill-of-lading", body=b"<crate n='7'/>\r\n"),
        ),
        (
            "login-of-a-strange-kind",
            "regaut01",
            _register("login-of-a-strange-kind", "Authorization: Semaphore flags=up"),
        ),
        (
            "everything-twice",
            "multi01",
            _message(
                "INVITE sip:600@harbour.example SIP/2.0",
                *_usual("everything-twice", "INVITE"),
                "To: <sip:700@harbour.example>",
                "CSeq: 32 INVITE",
                "Call-ID: everything-twice.b@quay7.example",
                "From: <sip:other@inland.example>;tag=b",
                "Max-Forwards: 5",
                "Content-Type: application/sdp",
                body=SDP,
            ),
        ),
        (
            "two-lengths",
            "mcl01",
            _message(
                "OPTIONS sip:601@harbour.example SIP/2.0",
                *_usual("two-lengths", "OPTIONS"),
                "Content-Length: 21",
                "Content-Type: text/plain",
                "Content-Length: 4",
                body=b"How long is this text?",
                length=None,
            ),
        ),
        (
            "answer-for-somebody-else",
            "bcast",
            _response(
                "SIP/2.0 200 OK",
                "answer-for-somebody-else",
                "Via: SIP/2.0/UDP quay7.example;branch=z9hG4bKelse, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKall",
                "Contact: <sip:600@pier.example>",
            ),
        ),
        ("last-hop", "zeromf", _request("last-hop", "OPTIONS", "Max-Forwards: 0")),
        (
            "bare-contact-with-parameter",
            "cparam01",
            _register("bare-contact-with-parameter", "Contact: sip:+36301112233@quay7.example;berthed"),
        ),
        (
            "contact-with-uri-parameter",
            "cparam02",
            _register("contact-with-uri-parameter", "Contact: <sip:+36301112233@quay7.example;berthed>"),
        ),
        (
            "contact-with-headers",
            "regescrt",
            _register("contact-with-headers", "Contact: <sip:ilona@quay7.example?Subject=%3Cahoy%3E>"),
        ),
        ("accepts-strange-things", "sdp01", _invite("accepts-strange-things", "Accept: text/x-log-book")),
        (
            "before-rfc-3261",
            "inv2543",
            _message(
                "INVITE sip:Office@harbour.example SIP/2.0",
                "Via: SIP/2.0/UDP quay7.example",
                "From: <sip:+36301112233@inland.example;user=phone>",
                "To: sip:+3614445555@harbour.example;user=phone",
                "Record-Route: <sip:Office@harbour.example;maddr=pier.example>",
                "Call-ID: before-rfc-3261.8@quay7.example",
                "CSeq: 17 INVITE",
                "Content-Type: application/sdp",
                body=SDP,
                length=None,
            ),
        ),
        # IPv6
        (
            "mapped-addresses",
            "ipv4-mapped-ipv6",
            _invite(
                "mapped-addresses",
                "Via: SIP/2.0/UDP [::ffff:203.0.113.77]:19823;branch=z9hG4bKmapped-1, "
                "SIP/2.0/UDP [::ffff:203.0.113.78];branch=z9hG4bKmapped-2",
                "Contact: <sip:ilona@[::ffff:203.0.113.77]>",
                body=SDP6.replace(b"2001:db8:77::7", b"::ffff:203.0.113.77"),
                length=-2,
            ),
        ),
        ("target-without-brackets", "ipv6-bad", _register("target-without-brackets", uri="sip:2001:db8:77::1")),
        (
            "three-colons",
            "ipv6-bug-abnf-3-colons",
            _request(
                "three-colons",
                "OPTIONS",
                "To: <sip:601@[2001:db8:77:::203.0.113.1]>",
                uri="sip:601@[2001:db8:77:::203.0.113.1]",
            ),
        ),
        (
            "mixed-notation",
            "ipv6-correct-abnf-2-colons",
            _request(
                "mixed-notation",
                "OPTIONS",
                "To: <sip:601@[2001:db8:77::203.0.113.1]>",
                uri="sip:601@[2001:db8:77::203.0.113.1]",
            ),
        ),
        (
            "brackets",
            "ipv6-good",
            _register(
                "brackets",
                "Via: SIP/2.0/UDP [2001:db8:77::7];branch=z9hG4bKbrackets",
                "Contact: <sip:ilona@[2001:db8:77::7]>",
                uri="sip:[2001:db8:77::1]",
            ),
        ),
        (
            "sdp-of-ipv6",
            "ipv6-in-sdp",
            _invite(
                "sdp-of-ipv6",
                "Via: SIP/2.0/UDP [2001:db8:77::7];branch=z9hG4bKsdp6",
                "Contact: <sip:ilona@[2001:db8:77::7]>",
                "To: <sip:600@[2001:db8:77::1]>",
                uri="sip:600@[2001:db8:77::1]",
                body=SDP6,
                length=-2,
            ),
        ),
        (
            "vias-of-both-families",
            "mult-ip-in-header",
            _request(
                "vias-of-both-families",
                "BYE",
                "Via: SIP/2.0/UDP [2001:db8:77::7]:6050;branch=z9hG4bKboth-1, "
                "SIP/2.0/UDP 203.0.113.77;branch=z9hG4bKboth-2, SIP/2.0/TCP [2001:db8:77::8];branch=z9hG4bKboth-3;"
                "received=203.0.113.78",
                "To: <sip:600@harbour.example>;tag=far-b",
            ),
        ),
        (
            "sdp-of-both-families",
            "mult-ip-in-sdp",
            _invite(
                "sdp-of-both-families",
                "Via: SIP/2.0/UDP [2001:db8:77::7];branch=z9hG4bKsdpboth",
                "To: <sip:600@[2001:db8:77::1]>",
                uri="sip:600@[2001:db8:77::1]",
                body=SDP + b"m=video 40002 RTP/AVP 31\r\nc=IN IP6 2001:db8:77::7\r\n",
                length=-2,
            ),
        ),
        (
            "port-or-group",
            "port-ambiguous",
            _register(
                "port-or-group",
                "Via: SIP/2.0/UDP [2001:db8:77::7];branch=z9hG4bKport-or-group",
                uri="sip:[2001:db8:77::1:5062]",
            ),
        ),
        (
            "port-after-brackets",
            "port-unambiguous",
            _register(
                "port-after-brackets",
                "Via: SIP/2.0/UDP [2001:db8:77::7];branch=z9hG4bKport-after",
                uri="sip:[2001:db8:77::1]:5062",
            ),
        ),
        (
            "received-without-brackets",
            "via-received-param-no-delim",
            _request(
                "received-without-brackets",
                "OPTIONS",
                "Via: SIP/2.0/UDP [2001:db8:77::7];received=2001:db8:77::8;branch=z9hG4bKreceived-1",
                uri="sip:[2001:db8:77::1]",
            ),
        ),
        (
            "received-with-brackets",
            "via-received-param-with-delim",
            _request(
                "received-with-brackets",
                "BYE",
                "Via: SIP/2.0/UDP [2001:db8:77::7];received=[2001:db8:77::8];branch=z9hG4bKreceived-2",
                "To: <sip:600@harbour.example>;tag=far-r",
                uri="sip:[2001:db8:77::1]",
            ),
        ),
    )
)


def _of_the_rfcs() -> Iterable[Twisted]:
    for folder in FOLDERS:
        for path in sorted((DATA / folder).glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield Twisted(path.stem, path.stem, path.read_bytes())


RFCS: Final = tuple(_of_the_rfcs())
"""The RFCs' own; empty where they are not here."""
KINDS: Final = {one.name: one.like for one in (*OWN, *RFCS)}
"""The kind of each message, as the name of the RFC's."""
MESSAGES: Final = {one.name: one.data for one in (*OWN, *RFCS)}


def of_kinds(kinds: Iterable[str]) -> list[str]:
    """Return the names of all messages of these kinds."""
    wanted = set(kinds)
    return [name for name, kind in KINDS.items() if kind in wanted]
