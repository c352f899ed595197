"""Prompts: all there in all languages, spoken, replaceable, and never silence."""

import shutil
import wave
from array import array
from pathlib import Path

import pytest

from proxy.media import convert, make_prompts
from proxy.media.contract import Clip
from proxy.media.library import BUILT_IN, Library
from proxy.media.sound import Player, Sound
from proxy.media.texts import LANGUAGES, TEXTS, VOICES
from proxy.media.tones import beep, tone
from proxy.media.wav import header
from tests.kit.tones import heard, loudness, power, sine

NAMES = sorted(TEXTS["en"])
NEEDED = {
    "callback_for", "press_1_or_2", "connecting", "customer_not_reached", "press_key_to_talk", "this_is_callback",
    "goodbye", "not_understood", "please_wait", "declined", "offer_callback", "menu", "type_number", "number_is",
    "confirm", "confirmed", "invalid_number", "will_call_back", *"0123456789", "plus", "star", "hash",
}  # fmt: skip


def library(uploads: Path | None = None) -> tuple[Library, list[str]]:
    told: list[str] = []
    return Library(uploads, lambda path, text: told.append(path.name)), told


def wav(path: Path, pcm: bytes, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header(len(pcm), rate=rate) + pcm)


def test_every_language_says_everything() -> None:
    assert set(NAMES) == NEEDED
    assert set(TEXTS) == set(LANGUAGES) == set(VOICES)
    for texts in TEXTS.values():
        assert set(texts) == NEEDED
        assert all(text.strip() for text in texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_prompt_is_in_the_package_and_speaks(language: str) -> None:
    assert sorted(path.stem for path in (BUILT_IN / language).iterdir()) == NAMES
    for name in NAMES:
        with wave.open(str(BUILT_IN / language / f"{name}.wav")) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)
            pcm = file.readframes(file.getnframes())
        seconds = len(pcm) / 16_000
        assert 0.15 < seconds < 12, (language, name)
        assert seconds > 0.025 * len(TEXTS[language][name]), f"{language} {name} was cut short"
        assert 12_000 < max(map(abs, array("h", pcm))) < 17_000, f"{language} {name} is too loud or too quiet"


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_script_makes_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {language: {name: TEXTS[language][name] for name in ("5", "connecting")} for language in ("en", "ru")}
    monkeypatch.setattr(make_prompts, "TEXTS", few)
    assert make_prompts.main([str(tmp_path)]) == 0
    for language, texts in few.items():
        for name in texts:
            made, shipped = (Sound((folder / language / f"{name}.wav").read_bytes()[44:])
                             for folder in (tmp_path, BUILT_IN))
            assert abs(made.seconds - shipped.seconds) < 0.1 + shipped.seconds / 5  # other versions speak a little else


def test_the_uploaded_prompt_wins_the_one_of_the_language_first(tmp_path: Path) -> None:
    it, told = library(tmp_path)
    built_in = it.sound("connecting", "hu").pcm
    wav(tmp_path / "connecting.wav", sine(500, 0.3))
    assert it.sound("connecting", "hu").pcm == sine(500, 0.3)
    wav(tmp_path / "hu" / "connecting.wav", sine(600, 0.3))
    assert it.sound("connecting", "hu").pcm == sine(600, 0.3)
    assert it.sound("connecting", "de").pcm == sine(500, 0.3)
    wav(tmp_path / "hu" / "connecting.wav", sine(700, 0.4))
    assert it.sound("connecting", "hu").pcm == sine(700, 0.4), "a new version is heard without a restart"
    (tmp_path / "hu" / "connecting.wav").unlink()
    (tmp_path / "connecting.wav").unlink()
    assert it.sound("connecting", "hu").pcm == built_in
    assert told == []


def test_a_bad_upload_falls_back_and_is_told_once(tmp_path: Path) -> None:
    it, told = library(tmp_path)
    built_in = it.sound("connecting", "hu").pcm
    (tmp_path / "hu").mkdir()
    (tmp_path / "hu" / "connecting.wav").write_bytes(b"RIFF is no music")
    (tmp_path / "connecting.wav").mkdir()
    for _ in range(3):
        assert it.sound("connecting", "hu").pcm == built_in
    assert told == ["connecting.wav", "connecting.wav"]


def test_an_upload_in_another_form_is_converted_by_a_process_of_its_own(tmp_path: Path) -> None:
    it, told = library(tmp_path)
    wav(tmp_path / "connecting.wav", sine(500, 0.5, rate=44_100), rate=44_100)
    assert heard(it.sound("connecting", "hu").pcm, 500)
    wav(tmp_path / "goodbye.wav", sine(500, 0.5), rate=1_000_000)
    assert it.sound("goodbye", "hu").pcm == it.sound("goodbye", "hu").pcm != beep().pcm
    assert told == ["goodbye.wav"]
    with pytest.raises(OSError, match="nothing"):
        convert.load(tmp_path / "nothing.wav")


@pytest.mark.parametrize("language", ["xx", "", "../en", "EN/..", "hu\0"])
def test_a_missing_language_is_english(tmp_path: Path, language: str) -> None:
    it, _ = library(tmp_path)
    assert it.sound("connecting", language).pcm == it.sound("connecting", "en").pcm


def test_a_prompt_that_only_english_has(tmp_path: Path) -> None:
    wav(tmp_path / "en" / "special.wav", sine(500, 0.3))
    assert library(tmp_path)[0].sound("special", "hu").pcm == sine(500, 0.3)


@pytest.mark.parametrize("prompt", ["nonsense", "", "../texts", "a/b", ".", "x" * 65])
def test_what_nobody_has_is_a_beep_and_not_silence(tmp_path: Path, prompt: str) -> None:
    wav(tmp_path.parent / "texts.wav", sine(500, 0.3))
    assert library(tmp_path)[0].sound(prompt, "en") is beep()
    assert heard(beep().pcm, 440)


def test_a_number_is_read_digit_by_digit() -> None:
    it, _ = library()
    names = {id(it.sound(name, "hu")): name for name in TEXTS["hu"]}
    read = it.sounds(Clip("digits", "hu", "+36 30-1234*#x"))
    assert [names[id(sound)] for sound in read if id(sound) in names] == [
        "plus", "3", "6", "3", "0", "1", "2", "3", "4", "star", "hash"]
    assert all(loudness(sound.pcm) == 0 for sound in read if id(sound) not in names)
    pauses = [sound.seconds for sound in read if id(sound) not in names]
    assert pauses == [0.06, 0.06, 0.06, 0.3, 0.06, 0.06, 0.3, 0.06, 0.06, 0.3, 0.06]


@pytest.mark.parametrize("digits", ["", "x"])
def test_a_number_without_digits_is_nothing_to_say(digits: str) -> None:
    assert len(library()[0].sounds(Clip("digits", "en", digits))) == 1


def test_clips_come_encoded_with_pauses_between_them() -> None:
    it, _ = library()
    sounds = it.fetch([Clip("callback_for"), Clip("connecting")], True, "PCMU").result(5)
    assert [sound is it.sound(name, "en") for sound, name in ((sounds[0], "callback_for"), (sounds[2], "connecting"))]
    assert [round(sound.seconds, 2) for sound in sounds[1::2]] == [0.15, 1.0]
    it.close()


def test_player_gives_the_same_place_in_every_codec() -> None:
    player = Player([Sound(sine(500, 0.05)), Sound(b""), Sound(sine(900, 0.03))])
    taken = [player.take(160, "PCMA"), player.take(160, "G722"), player.take(160, "PCMU"), player.take(160, "PCMA"),
             player.take(160, "PCMA")]
    assert [len(piece) for piece in taken] == [160, 160, 160, 160, 0]


def test_player_that_repeats_and_one_without_sound() -> None:
    player = Player([Sound(sine(500, 0.03))], repeat=True)
    assert [len(player.take(160, "PCMA")) for _ in range(9)] == [160] * 9
    assert Player([], repeat=True).take(160, "PCMA") == b""
    assert Player([Sound(b"")], repeat=True).take(160, "PCMA") == b""


def test_tones() -> None:
    assert power(tone("ringback").pcm[: 2 * 8000], 425) > 0.95
    assert loudness(tone("ringback").pcm[2 * 8000 :]) == 0
    assert tone("ringback").seconds == 5
    assert tone("busy").seconds == 1
    assert 5 < loudness(tone("comfort").pcm) < 30
    assert loudness(tone("silence").pcm) == 0
