import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sip.digest import ALGORITHMS, Challenge, Credentials, NonceCount, answer, parse_challenges
from tests.kit.digest_server import challenge, is_good, read

RFC_7616_1 = [
    b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
]
CNONCE_1 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def test_rfc_7616_section_3_9_1_sha_256_goes_first() -> None:
    for fields in (RFC_7616_1, RFC_7616_1[::-1], [b", ".join(RFC_7616_1)]):
        found = answer(parse_challenges(fields), "Mufasa", "Circle of Life", b"GET", b"/dir/index.html", CNONCE_1,
                       "http-auth@example.org")
        assert found is not None
        assert found.algorithm == "SHA-256"
        assert found.response == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        assert found.opaque == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def test_rfc_7616_section_3_9_1_md5() -> None:
    found = answer(parse_challenges(RFC_7616_1[1:]), "Mufasa", "Circle of Life", b"GET", b"/dir/index.html", CNONCE_1,
                   "http-auth@example.org")
    assert found is not None
    assert found.response == "8ca523f5e9506fed4657c9700eebdbec"


def test_rfc_7616_section_3_9_2_with_userhash() -> None:
    # The values printed in the RFC are those of SHA-512 cut to 256 bits; SHA-512/256 gives these (erratum 4897).
    field = (b'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
             b'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
             b'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true')
    found = answer(parse_challenges([field]), "J\u00e4s\u00f8n Doe", "Secret, or not?", b"GET", b"/doe.json",
                   "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", "api@example.org")
    assert found is not None
    assert found.userhash
    assert found.username == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert found.response == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert b", userhash=true" in found.to_bytes()


def test_rfc_2617_section_3_5() -> None:
    field = (b'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
             b'opaque="5ccc069c403ebaf9f0171e9517f40e41"')
    found = answer(parse_challenges([field]), "Mufasa", "Circle Of Life", b"GET", b"/dir/index.html", "0a4f113b",
                   "testrealm@host.com")
    assert found is not None
    assert found.response == "6629fae49393a05397450978507c4ef1"
    assert found.to_bytes() == (
        b'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        b'uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", algorithm=MD5, qop=auth, '
        b'cnonce="0a4f113b", nc=00000001, opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )


def test_without_qop_md5_only_in_the_old_form() -> None:
    found = answer(parse_challenges([b'Digest realm="r", nonce="n"']), "u", "p", b"REGISTER", b"sip:r", "c", "r")
    assert found is not None
    md5 = [hashlib.md5(text, usedforsecurity=False).hexdigest().encode() for text in (b"u:r:p", b"REGISTER:sip:r")]
    assert found.response == hashlib.md5(b":".join((md5[0], b"n", md5[1])), usedforsecurity=False).hexdigest()
    assert found.to_bytes() == (b'Digest username="u", realm="r", nonce="n", uri="sip:r", response="'
                                + found.response.encode() + b'", algorithm=MD5')


@pytest.mark.parametrize("field", [
    b'Digest realm="r", nonce="n", algorithm=SHA-256',
    b'Digest realm="r", nonce="n", algorithm=MD5-sess',
    b'Digest realm="r", nonce="n", qop="auth-int"',
    b'Digest realm="r", nonce="n", qop="auth", algorithm=TOKEN',
    b'Digest realm="other", nonce="n", qop="auth"',
    b'Digest realm="R", nonce="n", qop="auth"',
    b'Basic realm="r"',
])
def test_what_is_never_answered(field: bytes) -> None:
    assert answer(parse_challenges([field]), "u", "p", b"REGISTER", b"sip:r", "c", "r") is None


def test_among_sha_2_the_topmost_wins() -> None:
    offers = [Challenge("r", "n", name, ("auth",)) for name in ("MD5", "SHA-256", "SHA-512-256")]
    found = answer(offers, "u", "p", b"REGISTER", b"sip:r", "c", "r")
    assert found is not None
    assert found.algorithm == "SHA-256"


@pytest.mark.parametrize(("field", "expected"), [
    (b'Digest realm="a, b", nonce="n", stale=TRUE', [Challenge("a, b", "n", stale=True)]),
    (b'DIGEST Realm = "a" ,, NONCE=n ,\r\n algorithm=sha-256-SESS', [Challenge("a", "n", "SHA-256-sess")]),
    (b'digest realm="a", nonce="n=", algorithm="md5", qop=auth', [Challenge("a", "n=", "MD5", ("auth",))]),
    (b'Basic realm="a", Digest realm="b", nonce="1", Digest realm="c", nonce="2", Other x=y',
     [Challenge("b", "1"), Challenge("c", "2")]),
    (rb'Digest realm="a\"b\\", nonce="n"', [Challenge(r"a\"b\\", "n")]),
    (b'Digest realm="\xff", nonce="n"', [Challenge("\udcff", "n")]),
    (b'Digest realm="a", nonce="n", qop="auth, , AUTH-INT"', [Challenge("a", "n", qop=("auth", "auth-int"))]),
    (b'Digest realm="a"', []),
    (b'Digest nonce="a"', []),
    (b'realm="a", nonce="b"', []),
    (b'Digest realm="a", nonce="n", realm="b"', []),
    (b'Digest realm="a, nonce="n"', []),
    (b'Digest realm="a" nonce="n"', []),
    (b"Digest", []),
    (b"", []),
])
def test_challenges_are_read(field: bytes, expected: list[Challenge]) -> None:
    assert parse_challenges([field]) == expected


def test_a_broken_field_does_not_spoil_the_others() -> None:
    assert parse_challenges([b'Digest "', b'Digest realm="a", nonce="n"']) == [Challenge("a", "n")]


@given(st.binary(max_size=200) | st.text('Digest realm="nonce, =\\\t', max_size=200).map(str.encode))
def test_no_octets_do_harm(value: bytes) -> None:
    parse_challenges([value])


def test_the_count_goes_up_with_one_nonce_and_starts_anew_with_another() -> None:
    count = NonceCount()
    assert [count.next(nonce) for nonce in ("a", "a", "b", "b", "a")] == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_answered_a_server_accepts(algorithm: str) -> None:
    offered = parse_challenges([challenge("r", "n", algorithm)])
    made = answer(offered, "anna", "secret", b"REGISTER", b"sip:r", "c0ffee", "r", 3)
    assert made is not None
    said = read(made.to_bytes())
    assert (said["username"], said["nc"], said["algorithm"]) == ("anna", "00000003", algorithm)
    for method, uri, password in ((b"REGISTER", b"sip:r", "secret"), (b"INVITE", b"sip:r", "secret"),
                                  (b"REGISTER", b"sip:x", "secret"), (b"REGISTER", b"sip:r", "wrong")):
        good = (method, uri, password) == (b"REGISTER", b"sip:r", "secret")
        assert is_good(made.to_bytes(), method, uri, username="anna", password=password, realm="r", nonce="n") == good


def test_a_username_is_escaped_and_cannot_hold_a_line_break() -> None:
    made = Credentials('an"na\\', "r", "n", "sip:r", "0")
    assert made.to_bytes().startswith(b'Digest username="an\\"na\\\\", ')
    with pytest.raises(ValueError, match="control"):
        Credentials("a\r\nX: y", "r", "n", "sip:r", "0").to_bytes()
