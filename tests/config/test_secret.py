"""Secrets stand elsewhere, and are never shown."""

from pathlib import Path

import pytest

from config.secret import KEY_BYTES, RULE, SECRET_BYTES, hide, read_key, read_secret


def test_from_the_environment() -> None:
    assert read_secret("env:PASSWORD", environ={"PASSWORD": "s3cret "}) == "s3cret "


def test_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b" s3cret\r\n")
    assert read_secret("file:password", tmp_path) == " s3cret"
    assert read_secret(f"file:{tmp_path}/password") == " s3cret"


def test_from_systemds_credentials(tmp_path: Path) -> None:
    (tmp_path / "trunk-password").write_text("s3cret\n")
    reference = "file:${CREDENTIALS_DIRECTORY}/trunk-password"
    assert read_secret(reference, Path("/etc"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "s3cret"
    with pytest.raises(ValueError, match="CREDENTIALS_DIRECTORY is not set: systemd sets it"):
        read_secret(reference, Path("/etc"), {})
    with pytest.raises(ValueError, match="cannot be read"):
        read_secret("file:${HOME}/trunk-password", tmp_path, {"HOME": str(tmp_path)})


@pytest.mark.parametrize("literal", ["s3cret", "", "env:", "file:", "ENV:X", "http://s3cret"])
def test_a_literal_is_named_by_its_rule_and_not_shown(literal: str) -> None:
    with pytest.raises(ValueError, match="env:NAME") as caught:
        read_secret(literal, environ={})
    assert str(caught.value) == RULE


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "long").write_bytes(b"x" * (SECRET_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for reference, reason in [
        ("env:NOT_SET", "environment variable NOT_SET is not set"),
        ("file:none", "cannot be read: No such file"),
        ("file:a\0b", "cannot be read"),
        ("file:empty", "empty is empty"),
        ("file:long", "longer than"),
        ("file:binary", "not UTF-8"),
    ]:
        with pytest.raises(ValueError, match=reason):
            read_secret(reference, tmp_path, environ={})


KEY = bytes(range(KEY_BYTES))


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper() + "\n"])
def test_a_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(text)
    path.chmod(0o640)
    assert read_key("file:node.key", tmp_path) == KEY
    assert read_key("env:KEY", environ={"KEY": text.strip()}) == KEY


@pytest.mark.parametrize("text", [KEY.hex()[2:], KEY.hex() + "00", KEY.hex()[:-1] + "x", " " + KEY.hex(), "٣" * 64])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="holds no key: 64 hexadecimal digits") as caught:
        read_key("env:KEY", environ={"KEY": text})
    assert text not in str(caught.value)


def test_a_key_that_everybody_reads(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    path.write_text(KEY.hex())
    path.chmod(0o644)
    for reference, variables in (("file:node.key", {}),
                                 ("file:${CREDENTIALS_DIRECTORY}/node.key", {"CREDENTIALS_DIRECTORY": str(tmp_path)})):
        with pytest.raises(ValueError, match="readable by every user"):
            read_key(reference, tmp_path, variables)


@pytest.mark.parametrize(("text", "said"), [
    ("is 'smtp://me:pw@host:25'", "is '***@host:25'"), ("a:b@c:d@e", "***@e"), ("me@host:5060", "me@host:5060"),
    ("a:b", "a:b"), ("x:y@ and z", "***@ and z"), ("x" * 1_000_000, "x" * 1_000_000),
    (":" * 1_000_000, ":" * 1_000_000),
])
def test_what_stands_before_an_at_is_hidden_however_long_the_text(text: str, said: str) -> None:
    assert hide(text, None) == said
