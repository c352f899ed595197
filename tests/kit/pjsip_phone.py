"""A phone made of PJSIP (pjsua2), run as a program of its own: `python pjsip_phone.py '{...}'`.

One thread only (threadCnt 0, mainThreadOnly, events polled here), one process per phone. The object that owns a
vector or a struct (`getInfo()`) is kept while its members are read: pjsua2 frees what it owns with it.

Settings (JSON): user, password, registrar (host:port), port, media (first RTP port), media_ports (how many), answer
(`auto`, `silent`, or a final status to refuse with; `302 202` forwards to 202, `silent 202` does when it is told to
answer 302), after (seconds it rings), tone (Hz that it speaks with; 0: it is silent), recordings (folder of what it
hears, a file for each call; empty: none). It has one line: a second call gets 486 at once. Commands, one a line on
stdin: `call URI`, `hangup`, `answer CODE`, `digits 12#` (RFC 4733), `info 12#` (SIP INFO), `hold`, `resume`,
`register`, `unregister`, `quit`. It prints `phone EVENT key=value ...`, one a line.
"""

import json
import select
import sys
import time
from importlib import import_module
from typing import Any

pj: Any = import_module("pjsua2")
"""Loaded by name: it has no types, and no build for every Python."""

LOOPBACK = "127.0.0.1"
POLL_MS = 20
RATE = 8_000
"""Samples a second inside PJSIP: what comes by G.711 is recorded as it came."""
LOUD = 12_000
"""Peak of the tone."""

settings: dict[str, Any] = json.loads(sys.argv[1])
calls: dict[int, "Call"] = {}
due: list[tuple[float, int, int]] = []
"""What is to be answered when: (monotonic time, call, status)."""
pressed: list[tuple[float, str]] = []
"""Keys that wait until something is heard, for this long at most: (monotonic time, keys)."""
DEAF = 5.0
"""Seconds for which keys wait so: there may be nobody yet who hears them."""


def tell(event: str, **values: object) -> None:
    print("phone", event, *(f"{key}={value}" for key, value in values.items()), flush=True)


class Call(pj.Call):  # type: ignore[misc]
    recorder: Any = None
    file = ""

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        if all(one.type != pj.PJMEDIA_TYPE_AUDIO or one.status != pj.PJSUA_CALL_MEDIA_ACTIVE for one in info.media):
            return
        audio = self.getAudioMedia(-1)
        if settings.get("tone"):
            speaker().startTransmit(audio)
        if settings.get("recordings"):
            if self.recorder is None:
                self.file = f"{settings['recordings']}/{settings['user']}-{time.monotonic_ns()}.wav"
                self.recorder = pj.AudioMediaRecorder()
                self.recorder.createRecorder(self.file)
                tell("recording", file=self.file)
            audio.startTransmit(self.recorder)
        tell("media")

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802
        tell("digit", value=prm.digit)

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        tell("call", state=info.stateText, status=info.lastStatusCode, remote=info.remoteUri)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            calls.pop(self.getId(), None)
            if self.recorder is not None:
                self.recorder = None  # its end writes the header
                tell("recorded", file=self.file)


class Account(pj.Account):  # type: ignore[misc]
    def onRegState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        tell("registered" if info.regIsActive else "unregistered", status=prm.code)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        call = Call(self, prm.callId)
        calls[prm.callId] = call
        info = call.getInfo()
        if len(calls) > 1:
            tell("busy", remote=info.remoteUri)
            answer(call, 486)
            return
        tell("ringing", remote=info.remoteUri)
        answer(call, 180)
        if settings["answer"].split()[0] != "silent":
            status = 200 if settings["answer"] == "auto" else int(settings["answer"].split()[0])
            due.append((time.monotonic() + settings.get("after", 0.3), prm.callId, status))


_speaker: list[Any] = []


def speaker() -> Any:
    """The tone that it speaks with, made when it is first needed."""
    if not _speaker:
        generator, tones, tone = pj.ToneGenerator(), pj.ToneDescVector(), pj.ToneDesc()
        generator.createToneGenerator(RATE, 1)
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec, tone.volume = int(settings["tone"]), 0, 1000, 0, LOUD
        tones.append(tone)
        generator.play(tones, True)
        _speaker.append(generator)
    return _speaker[0]


def answer(call: Call, status: int) -> None:
    prm = pj.CallOpParam()
    prm.statusCode = status
    if status == 302:
        contact = pj.SipHeader()
        contact.hName, contact.hValue = "Contact", f"<sip:{settings['answer'].split()[1]}@{settings['registrar']}>"
        headers = pj.SipHeaderVector()
        headers.append(contact)
        prm.txOption.headers = headers
    call.answer(prm)


def obey(line: str, account: Account) -> bool:
    """Do one command; false for `quit`."""
    word, _, rest = line.strip().partition(" ")
    if word == "call":
        call = Call(account)
        call.makeCall(rest, pj.CallOpParam(True))
        calls[call.getId()] = call
    elif word == "hangup":
        for call in list(calls.values()):
            call.hangup(pj.CallOpParam(True))
    elif word == "answer":
        for call in list(calls.values()):
            answer(call, int(rest))
    elif word == "digits":
        pressed.append((time.monotonic() + DEAF, rest))
    elif word == "info":
        for call in list(calls.values()):
            keys = pj.CallSendDtmfParam()
            keys.method, keys.digits = pj.PJSUA_DTMF_METHOD_SIP_INFO, rest
            call.sendDtmf(keys)
    elif word == "hold":
        for call in list(calls.values()):
            call.setHold(pj.CallOpParam())
    elif word == "resume":
        for call in list(calls.values()):
            again = pj.CallOpParam(True)
            again.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(again)
    elif word == "unregister":
        account.setRegistration(False)
    elif word == "register":
        account.setRegistration(True)
    return word != "quit"


def hears(call: Call) -> bool:
    """Whether anything has come from its other end."""
    try:
        statistics = call.getStreamStat(0)
    except pj.Error:  # no media yet
        return False
    return bool(statistics.rtcp.rxStat.pkt)


def endpoint() -> pj.Endpoint:
    made = pj.Endpoint()
    made.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.noVad = True
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE
    config.logConfig.level = config.logConfig.consoleLevel = int(settings.get("log", 1))
    made.libInit(config)
    made.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = settings["port"], LOOPBACK
    made.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    made.libStart()
    return made


def account() -> Account:
    config = pj.AccountConfig()
    user, registrar = settings["user"], settings["registrar"]
    config.idUri = f"sip:{user}@{registrar}"
    config.regConfig.registrarUri = f"sip:{registrar}"
    config.regConfig.timeoutSec = 300
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, settings["password"]))
    config.mediaConfig.transportConfig.port = settings["media"]
    config.mediaConfig.transportConfig.portRange = settings["media_ports"] - 2
    config.mediaConfig.transportConfig.boundAddress = LOOPBACK
    made = Account()
    made.create(config)
    return made


def main() -> None:
    library = endpoint()
    own = account()
    going = True
    while going:
        library.libHandleEvents(POLL_MS)
        now = time.monotonic()
        for entry in [entry for entry in due if entry[0] <= now]:
            due.remove(entry)
            call = calls.get(entry[1])
            if call is not None:
                answer(call, entry[2])
        while pressed and (pressed[0][0] <= now or any(map(hears, calls.values()))):
            digits = pressed.pop(0)[1]
            for call in list(calls.values()):
                call.dialDtmf(digits)
        while going and select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            going = bool(line) and obey(line, own)
    library.hangupAllCalls()
    own.setRegistration(False)
    end = time.monotonic() + 1
    while time.monotonic() < end and own.getInfo().regIsActive:
        library.libHandleEvents(POLL_MS)
    _speaker.clear()
    library.libDestroy()


main()
