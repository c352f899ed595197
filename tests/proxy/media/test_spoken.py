"""What a phone hears is what was to be said: recognised from the packets, in every language and codec."""

import random
from array import array
from pathlib import Path

import pytest

from proxy.media.contract import Clip, CodecName
from proxy.media.texts import LANGUAGES
from tests.kit.prompt_reader import PROMPTS, SIGNS, heard_names, heard_number, heard_prompts
from tests.kit.tones import alaw_decode, alaw_encode
from tests.proxy.media.support import Session, run, studio, until

CODECS: tuple[CodecName, ...] = ("PCMA", "PCMU", "G722")
AMONG = frozenset((*SIGNS, "number_is", "callback_for", "confirm"))


def recording(language: str, name: str) -> bytes:
    return (PROMPTS / language / f"{name}.wav").read_bytes()[44:]


def test_numbers_are_heard_as_they_were_to_be_read(tmp_path: Path) -> None:
    """Every language over RTP, in a codec of its own; all digits are in each two numbers."""
    chance = random.Random(20)
    numbers = {language: "".join(chance.sample("0123456789", 10)) for language in LANGUAGES}

    async def scenario() -> list[Session]:
        async with studio(tmp_path, ports=30) as it:
            sessions = [await it.session(language, CODECS[place % 3]) for place, language in enumerate(LANGUAGES)]
            for one in sessions:
                number = numbers[one.name]
                it.media.play(one.name, [Clip("number_is", one.name),
                                         Clip("digits", one.name, f"+{number[:2]} {number[2:4]} {number[4:]}")], 1)
            await until(lambda: all(len(one.phone.heard) > 200 for one in sessions), "the first half is heard")
            await until(lambda: all(one.ears.played == [1] for one in sessions), "all is said")
            return sessions

    for one in run(scenario()):
        rate = 16_000 if one.phone.codec == "G722" else 8_000
        names = heard_names(one.phone.audio(), one.name, rate, AMONG)
        assert names == ["number_is", "+", *numbers[one.name]], one.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_which_prompt_it_was(language: str) -> None:
    """Sentences that begin alike are told apart, and a digit in a sentence is not one that was read."""
    names = ["menu_this", "menu_other", "9"]
    pcm = bytes(3_210).join(recording(language, name) for name in names)
    assert heard_names(alaw_decode(alaw_encode(pcm)), language) == names
    assert heard_number(pcm, language) == "9"


def test_what_was_cut_short_and_what_is_none() -> None:
    said = heard_prompts(bytes(1_000) + recording("en", "back_in_place")[:16_000] + bytes(8_000), "en")
    assert [(one.name, one.whole) for one in said] == [("back_in_place", False)]
    assert said[0].at == pytest.approx(0.0625, abs=0.03)
    noise = random.Random(1)
    assert heard_prompts(array("h", (noise.randint(-3_000, 3_000) for _ in range(8_000))).tobytes(), "en") == []
    assert heard_prompts(b"", "en") == []
