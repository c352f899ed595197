"""Prompts: all there in all languages, spoken, replaceable, and never silence."""

import json
import shutil
import wave
from array import array
from pathlib import Path

import pytest

from proxy.media import convert, make_prompts
from proxy.media.contract import Clip
from proxy.media.library import BUILT_IN, DIGIT_NAMES, SIGNS, Library
from proxy.media.sound import Player, Sound
from proxy.media.texts import LANGUAGES, TEXTS, VOICES
from proxy.media.tones import beep, tone
from proxy.media.wav import header
from tests.kit.tones import heard, loudness, power, sine
from tests.kit.waiting import PATIENCE

NAMES = sorted(TEXTS["en"])
NEEDED = {
    "callback_for", "press_1_or_2", "connecting", "customer_not_reached", "press_key_to_talk",
    "this_is_callback", "goodbye", "not_understood", "please_wait", "declined", "offer_callback",
    "wait_in_minutes", "menu_this", "menu_other", "menu_wait", "type_number", "number_is", "confirm",
    "invalid_number", "not_called", "too_many_numbers", "no_callback_now", "confirmed", "will_call_back",
    "back_in_queue", "back_in_place", "press_to_call", "passed_on",
    *"0123456789", "plus", "star", "hash", "minutes_10", "minutes_15", "minutes_20", "minutes_25", "minutes_30",
    "minutes_40", "minutes_50", "minutes_60",
}  # fmt: skip
LONGEST = 8.0
"""Seconds that anybody must listen before they can do something."""
KEY_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("press 1", "press 2", "press 3", "press hash"),
    "hu": ("egyes gomb", "kettes gomb", "hármas gomb", "kettőskeresztet"),
    "sk": ("stlačte jednotku", "stlačte dvojku", "stlačte trojku", "stlačte mriežku"),
    "pl": ("klawisz jeden", "klawisz dwa", "klawisz trzy", "krzyżyk"),
    "de": ("drücken Sie die Eins", "drücken Sie die Zwei", "drücken Sie die Drei", "Raute"),
    "ru": ("нажмите один", "нажмите два", "нажмите три", "нажмите решётку"),
}
"""How each language names the keys 1, 2, 3 and hash."""
KEYS_NAMED = {
    "press_1_or_2": "12", "press_to_call": "12", "confirm": "12", "menu_this": "1", "menu_other": "2",
    "menu_wait": "3", "type_number": "#",
}  # fmt: skip
"""The keys that a prompt names, one a sentence, in this order."""
NUMBER_FOLLOWS = ("callback_for", "number_is", "wait_in_minutes", "offer_callback", "press_key_to_talk")


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
        assert 0.15 < seconds < LONGEST, (language, name)
        assert seconds > 0.025 * len(TEXTS[language][name]), f"{language} {name} was cut short"
        assert 12_000 < max(map(abs, array("h", pcm))) < 17_000, f"{language} {name} is too loud or too quiet"


def test_the_whole_menu_is_short_enough() -> None:
    it, _ = library()
    for language in LANGUAGES:
        menu = [Clip(name, language) for name in ("menu_this", "menu_other", "menu_wait")]
        assert sum(sound.seconds for sound in it.fetch(menu, None, "PCMA").result(PATIENCE)) < LONGEST, language
    it.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_are_named_last_in_each_sentence_of_each_language(language: str) -> None:
    words = dict(zip("123#", KEY_WORDS[language], strict=True))
    for name, text in TEXTS[language].items():
        sentences = [part.strip() for part in text.rstrip(".").split(".")]
        keys = KEYS_NAMED.get(name, "")
        if keys:
            assert len(sentences) == len(keys), f"{name}: one key a sentence"
            assert all(part.endswith(words[key]) for part, key in zip(sentences, keys, strict=True)), name
        elif name not in SIGNS:
            assert not any(word in text for word in words.values()), f"{name} names a key"
    for name in NUMBER_FOLLOWS:
        assert TEXTS[language][name][-1] not in ".!", f"{name}: what follows belongs to it"


def test_every_file_was_made_from_its_text() -> None:
    """Whoever changes a text runs the script: seen where there is no espeak-ng too."""
    proofs = json.loads((BUILT_IN / make_prompts.PROOFS).read_text())
    assert proofs == {
        f"{language}/{name}": make_prompts.proof(language, name, BUILT_IN / language / f"{name}.wav")
        for language in LANGUAGES for name in NAMES}


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_script_makes_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {language: {name: TEXTS[language][name] for name in ("5", "menu_other")} for language in LANGUAGES}
    monkeypatch.setattr(make_prompts, "TEXTS", few)
    assert make_prompts.main([str(tmp_path)]) == 0
    assert len(json.loads((tmp_path / make_prompts.PROOFS).read_text())) == 12
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


@pytest.mark.parametrize(("digits", "groups"), [
    ("+36 30 123 4567", ["+36", "30", "123", "4567"]),
    ("+36-30-1234*#x", ["+363", "012", "34*", "#"]),
    ("+36301234567", ["+363", "012", "345", "67"]),
    ("06301", ["063", "01"]),
    ("+", ["+"]),
    ("  7  8 ", ["7", "8"]),
])  # fmt: skip
def test_a_number_is_read_digit_by_digit(digits: str, groups: list[str]) -> None:
    it, _ = library()
    names = {id(it.sound(name, "hu")): sign for sign, name in DIGIT_NAMES.items()}
    read = it.sounds(Clip("digits", "hu", digits))
    assert [names[id(sound)] for sound in read[::2]] == list("".join(groups))
    assert all(loudness(sound.pcm) == 0 for sound in read[1::2])
    pauses = [0.25 if place == len(group) - 1 else 0.06 for group in groups for place in range(len(group))]
    assert [sound.seconds for sound in read[1::2]] == pauses[:-1]


@pytest.mark.parametrize(("minutes", "prompt"), [
    ("0", "0"), ("1", "1"), ("9", "9"), ("10", "minutes_10"), ("11", "minutes_15"), ("15", "minutes_15"),
    ("31", "minutes_40"), ("60", "minutes_60"), ("999", "minutes_60"), ("", "minutes_60"), ("-1", "minutes_60"),
])  # fmt: skip
def test_minutes_are_a_number_and_not_its_digits(minutes: str, prompt: str) -> None:
    it, _ = library()
    assert it.sounds(Clip("minutes", "de", minutes)) == [it.sound(prompt, "de")]


@pytest.mark.parametrize("digits", ["", "x", " "])
def test_a_number_without_digits_is_nothing_to_say(digits: str) -> None:
    assert len(library()[0].sounds(Clip("digits", "en", digits))) == 1


def test_clips_come_encoded_with_pauses_between_them() -> None:
    it, _ = library()
    clips = [Clip("callback_for"), Clip("connecting")]
    sounds = it.fetch(clips, 0.4, "PCMU").result(PATIENCE)
    assert [sound is it.sound(name, "en") for sound, name in ((sounds[0], "callback_for"), (sounds[2], "connecting"))]
    assert [round(sound.seconds, 2) for sound in sounds[1::2]] == [0.15, 0.4]
    assert len(it.fetch(clips, None, "PCMU").result(PATIENCE)) == 3
    (whole,) = it.fetch(clips, None, "G722").result(PATIENCE)
    assert whole.pcm == b"".join(sound.pcm for sound in sounds[:3]), "a codec with a memory gets it in one piece"
    endless = it.fetch(clips, 0.0, "PCMU").result(PATIENCE)[-1]
    assert endless.seconds > 0, "a loop has a pause, so that it is no endless one"
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
