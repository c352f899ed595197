"""The names of recordings: what one says of itself, and which there are."""

from pathlib import Path

import pytest

from proxy.control_client import ControlError
from proxy.recording_names import attempt_of, names_in

ATTEMPT = "0193a2b4-1111-7222-8333-444455556666"


@pytest.mark.parametrize(("name", "attempt"), [
    (f"20261130T093000Z-{ATTEMPT}-201-36201234567.wav", ATTEMPT), (f"20261130T093000Z-{ATTEMPT}-201.wav", None),
    ("by-hand.wav", None), ("", None),
])  # fmt: skip
def test_a_name_says_which_attempt_it_is_of(name: str, attempt: str | None) -> None:
    assert attempt_of(name) == attempt


def test_whole_recordings_alone_are_named(tmp_path: Path) -> None:
    assert names_in(tmp_path / "none yet") == []
    for name in ("one.wav", "two.wav", "three.wav.part"):
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "one.wav")
    assert sorted(names_in(tmp_path)) == ["one.wav", "two.wav"]


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match="the recordings cannot be read: Not a directory"):
        names_in(tmp_path / "file")
