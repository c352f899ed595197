"""The page of prompts as somebody uses it who has recorded something."""

import io
import wave

from playwright.sync_api import Page

from tests.kit.tones import sine


def recording(hertz: float) -> bytes:
    """A file as an office has it: a tone of 2 s, two channels, 44.1 kHz."""
    file, rate = io.BytesIO(), 44_100
    pcm = sine(hertz, 2.0, rate=rate)
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(b"".join(pcm[at:at + 2] * 2 for at in range(0, len(pcm), 2)))
    return file.getvalue()


def upload(page: Page, name: str, hertz: float) -> None:
    """Upload a tone by the form of the page that is open, for callers who are spoken to in Hungarian."""
    form = page.locator("form[enctype='multipart/form-data']")
    form.locator("[name=name]").fill(name)
    form.locator("[name=language]").select_option("hu")
    form.locator("[name=file]").set_input_files(
        {"name": f"{name}.wav", "mimeType": "audio/wav", "buffer": recording(hertz)})
    form.locator("button").click()
    page.locator(".flash-good").wait_for()
