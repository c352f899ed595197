"""The do-not-call list by its page: one number, a whole file with a report, and all of it back out."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.console import PASSWORD, Answer, Company, Visitor, wait_for_console, with_console
from tests.kit.waiting import eventually

POLICY = {"group": {"sales": {"target": "600", "agents": ["201"]}}}
HOSTILE = "<script>alert(1)</script>"
PATH = "/do-not-call"


def listed(company: Company) -> dict[str, str]:
    """Numbers that are never called, and why."""
    return {row["customer"]: row["reason"] for row in company.ask("dnc.list", limit=1000)}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder: Path = tmp_path_factory.mktemp("do-not-call")
    daemon, port = with_console(folder, policy=POLICY)
    with daemon:
        made = Company(daemon, port)
        for name, more in (("sue", {"role": "supervisor", "groups": ["sales"]}),
                           ("anna", {"role": "agent", "agent": "201"})):
            made.ask("users.add", name=name, password=PASSWORD, **more)
        wait_for_console(port)
        yield made


def send(visitor: Visitor, content: bytes, name: str = "list.csv", reason: str = "") -> Answer:
    """Send a file as a browser does."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
             for key, value in (("do", "import"), ("reason", reason), ("text", ""))]
    parts.append(f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
                 'Content-Type: text/csv\r\n\r\n'.encode() + content)
    body = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts) + b"--cut--\r\n"
    return visitor.ask("POST", PATH, body, Content_Type="multipart/form-data; boundary=cut",
                       Sec_Fetch_Site="same-origin")


def test_a_number_is_put_on_the_list_and_taken_off(company: Company) -> None:
    sue = company.visitor("sue")
    task = company.ask("callbacks.add", customer="+36301111111", group="sales")
    assert sue.post(PATH, {"do": "add", "customer": "06 30 111 1111", "reason": HOSTILE}).status == 303
    assert listed(company)["+36301111111"] == HOSTILE
    eventually(lambda: company.ask("callbacks.show", id=task["id"])["state"] == "cancelled", "its callback ends")
    page = sue.get(PATH).text
    assert HOSTILE not in page
    assert HOSTILE in html.unescape(page)
    answer = sue.post(PATH, {"do": "add", "customer": "nonsense", "reason": "typed"})
    assert (answer.status, 'id="f-customer-error"' in answer.text, 'value="typed"' in answer.text) == (422, True, True)
    assert sue.post(PATH, {"do": "remove", "customer": "+36301111111"}).status == 303
    assert "+36301111111" not in listed(company)


def test_a_file_is_read_line_by_line_and_said_what_became_of_it(company: Company) -> None:
    sue = company.visitor("sue")
    answer = send(sue, b"number;reason\r\n+36302222222;asked by mail\r\nnobody;x\r\n06302222223\r\n+36302222222\r\n",
                  reason="campaign")
    assert answer.status == 200
    text = html.unescape(answer.text)
    assert "2 numbers added. 1 was on the list already. 1 line holds no number." in text
    assert '<td class="number">3</td><td>nobody;x</td>' in text
    assert (listed(company)["+36302222222"], listed(company)["+36302222223"]) == ("asked by mail", "campaign")
    assert "0 numbers added. 2 were on the list already." in send(sue, b"+36302222222\n+36302222223").text
    assert "1 number added." in send(sue, "+36302222224;árvíztűrő".encode("utf-16")).text
    assert listed(company)["+36302222224"] == "árvíztűrő"
    answer = send(sue, b"\0\1\2" * 10, "song.mp3")
    assert (answer.status, "song.mp3 is no text" in answer.text) == (422, True)
    assert send(sue, b"", "empty.csv").status == 422


def test_what_goes_out_comes_in_again(company: Company) -> None:
    sue = company.visitor("sue")
    company.ask("dnc.add", customer="+36303333333", reason="=cmd()")
    answer = sue.get(f"{PATH}/export")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert "'=cmd()" in answer.text, "no spreadsheet reckons with it"
    before = set(listed(company))
    for number in before:
        company.ask("dnc.remove", customer=number)
    assert send(sue, answer.body).status == 200
    assert set(listed(company)) == before


def test_ten_thousand_numbers_are_read_in_one_go_and_the_list_is_shown_a_page_at_a_time(company: Company) -> None:
    sue = company.visitor("sue")
    answer = send(sue, b"\n".join(b"+3630%07d" % (4_000_000 + at) for at in range(10_000)))
    assert "10000 numbers added" in answer.text
    page = sue.get(f"{PATH}?digits=3630400&sort=customer&order=asc").text
    assert page.count('<th scope="row">') == 100
    assert 'rel="next"' in page


def test_it_is_not_for_agents(company: Company) -> None:
    anna = company.visitor("anna")
    assert anna.get(PATH).status == 403
    assert anna.get(f"{PATH}/export").status == 403
    assert anna.post(PATH, {"do": "add", "customer": "+36305555555"}).status == 403
    assert send(anna, b"+36305555555").status == 403
    assert "+36305555555" not in listed(company)


def test_an_import_is_one_line_of_the_audit_log(company: Company) -> None:
    send(company.visitor("sue"), b"+36306666666\nnobody")
    line = next(one for one in company.ask("audit.list") if one["verb"] == "dnc.import")
    assert (line["who"], line["door"], line["after"]) == (
        "sue", "console", {"added": 1, "known": 0, "refused_lines": 1})


@pytest.mark.parametrize("language", ["en", "hu", "sk", "pl", "de", "ru"])
def test_the_page_is_there_in_every_language(company: Company, language: str) -> None:
    answer = company.visitor("sue").get(f"{PATH}?lang={language}")
    assert (answer.status, f'lang="{language}"' in answer.text) == (200, True)
