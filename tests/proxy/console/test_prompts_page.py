"""Recordings by their page: uploaded in whatever form, converted, listened to, removed; and whose they are."""

import io
import math
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.console.pages.prompts import CONVERSION
from proxy.console.prompt_times import WHEN
from proxy.media.convert import load
from proxy.media.library import SIGNS
from proxy.media.texts import TEXTS
from proxy.media.wav import WavError
from proxy.web.connections import SECONDS, Phase
from tests.kit.console import PASSWORD, Answer, Company, Visitor, wait_for_console, with_console

POLICY = {"group": {
    "sales": {"target": "600", "agents": ["201"], "queue_callback": {"menu_prompt": "ours"}},
    "support": {"target": "601", "queue_callback": {"menu_prompt": "theirs"}}}}
PATH = "/prompts"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder: Path = tmp_path_factory.mktemp("prompts")
    daemon, port = with_console(folder, policy=POLICY)
    with daemon:
        made = Company(daemon, port)
        for name, more in (("boss", {"role": "admin"}), ("sue", {"role": "supervisor", "groups": ["sales"]}),
                           ("anna", {"role": "agent", "agent": "201"})):
            made.ask("users.add", name=name, password=PASSWORD, **more)
        wait_for_console(port)
        yield made


def tone(rate: int, channels: int = 1, seconds: float = 0.5) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(b"".join(struct.pack("<h", int(9_000 * math.sin(2_764 * at / rate))) * channels
                                 for at in range(int(rate * seconds))))
    return file.getvalue()


def send(visitor: Visitor, content: bytes, name: str, language: str = "hu") -> Answer:
    """Send a file as a browser does."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
             for key, value in (("do", "add"), ("name", name), ("language", language))]
    parts.append(b'Content-Disposition: form-data; name="file"; filename="x.wav"\r\n'
                 b'Content-Type: audio/wav\r\n\r\n' + content)
    body = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts) + b"--cut--\r\n"
    return visitor.ask("POST", PATH, body, Content_Type="multipart/form-data; boundary=cut",
                       Sec_Fetch_Site="same-origin")


def test_a_recording_of_any_rate_is_converted_heard_and_removed(company: Company) -> None:
    sue = company.visitor("sue")
    assert send(sue, tone(44_100, 2), "welcome").status == 303
    answer = sue.get(f"{PATH}/hu/welcome.wav")
    assert (answer.status, answer.headers["content-type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(answer.body)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (8_000, 1, 2)
        assert abs(wav.getnframes() / 8_000 - 0.5) < 0.01
    assert (company.daemon.data / "prompts/hu/welcome.wav").read_bytes() == answer.body
    assert f'src="{PATH}/hu/welcome.wav"' in sue.get(f"{PATH}?of=hu").text
    assert f'src="{PATH}/hu/welcome.wav"' not in sue.get(f"{PATH}?of=de").text
    assert sue.post(PATH, {"do": "remove", "name": "welcome", "language": "hu"}).status == 303
    assert sue.get(f"{PATH}/hu/welcome.wav").status == 404


def test_a_recording_longer_than_one_part_comes_whole(company: Company) -> None:
    sue = company.visitor("sue")
    content = tone(8_000, 1, 20)
    assert send(sue, content, "long", "").status == 303
    assert sue.get(f"{PATH}/all/long.wav").body == content


def test_the_ones_that_came_with_the_program_are_heard(company: Company) -> None:
    sue = company.visitor("sue")
    page = sue.get(f"{PATH}?of=de").text
    assert f'src="{PATH}/de/menu_this.wav?built_in=1"' in page
    answer = sue.get(f"{PATH}/de/menu_this.wav?built_in=1")
    assert (answer.status, answer.body[:4]) == (200, b"RIFF")
    assert sue.get(f"{PATH}/de/menu_this.wav").status == 404


def test_what_the_program_says_and_when_stands_beside_it(company: Company) -> None:
    page = company.visitor("sue").get(f"{PATH}?of=de&lang=hu").text
    assert '<th scope="row" lang="de">Zum Weiterwarten drücken Sie die Drei.</th>' in page
    assert "A hívó kilép a menüből, és tovább vár." in page


def test_every_prompt_that_is_listed_has_its_sentence() -> None:
    assert {*WHEN} == {*TEXTS["en"]} - SIGNS


def test_who_has_a_recording_is_named_and_it_is_chosen_there(company: Company) -> None:
    boss = company.visitor("boss")
    assert [send(boss, tone(8_000), "theirs", language).status for language in ("de", "")] == [303, 303]
    assert '<a href="/groups/support">Group support</a>' in boss.get(PATH).text
    page = boss.get("/groups/support").text
    assert '<option value="theirs" data-sounds="/prompts/all/theirs.wav" selected>theirs</option>' in page
    assert '<a href="/prompts/all/theirs.wav">' in page, "for whoever has no scripts"
    built_in = " ".join(f"/prompts/en/menu_{name}.wav?built_in=1" for name in ("this", "other", "wait"))
    assert f'data-sounds="{built_in}">as the company: built in</option>' in page


@pytest.mark.parametrize(("content", "name", "field"), [
    (b"ID3 no wave at all", "x", "file"), (b"", "x", "file"), (tone(8_000)[:40], "x", "file"),
    (tone(8_000), "../../etc/x", "name"), (tone(8_000), "a b", "name"), (tone(8_000), "", "name"),
])
def test_what_is_no_recording_or_no_name_is_said_at_its_field(company: Company, content: bytes, name: str,
                                                              field: str) -> None:
    answer = send(company.visitor("boss"), content, name)
    assert (answer.status, f'id="f-{field}-error"' in answer.text) == (422, True)
    assert sorted(path.name for path in company.daemon.data.rglob("*.wav") if path.stem == "x") == []


def test_what_others_use_and_what_everybody_hears_is_an_admins(company: Company) -> None:
    sue, boss, anna = company.visitor("sue"), company.visitor("boss"), company.visitor("anna")
    content = tone(8_000)
    assert [send(sue, content, name).status for name in ("ours", "theirs", "menu_this")] == [303, 403, 403]
    assert [send(boss, content, name).status for name in ("theirs", "menu_this")] == [303, 303]
    assert sue.post(PATH, {"do": "remove", "name": "theirs", "language": "hu"}).status == 403
    assert (anna.get(PATH).status, send(anna, content, "mine").status, anna.get(f"{PATH}/hu/ours.wav").status) == (
        403, 403, 403)
    answer = sue.post(PATH, {"do": "remove", "name": "ours", "language": "hu"})
    assert (answer.status, "group.sales.queue_callback.menu_prompt names it" in answer.text) == (409, True)


@pytest.mark.parametrize("language", ["en", "hu", "sk", "pl", "de", "ru"])
def test_the_page_is_there_in_every_language(company: Company, language: str) -> None:
    answer = company.visitor("sue").get(f"{PATH}?lang={language}")
    assert (answer.status, f'lang="{language}"' in answer.text) == (200, True)


def test_who_sends_a_recording_that_takes_long_is_told(tmp_path: Path) -> None:
    """Their connection is cut where nobody answers them."""
    assert SECONDS[Phase.SERVED] - 5 >= CONVERSION
    place = tmp_path / "long.wav"
    with wave.open(str(place), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(44_100 * 4 * 30))
    with pytest.raises(WavError, match="its conversion takes more than"):
        load(place, 0.01)
