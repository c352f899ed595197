"""The doors of a real daemon: its socket, its broker, its API and the command, asked alike."""

import json
import queue
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, get_origin

import httpx
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from proxy.console.api.paths import path_of
from proxy.verbs.shapes.fields import Flag, Words
from proxy.verbs.shapes.verb import Verb
from tests.kit import imported
from tests.kit.boomerang import ROOT, Boomerang
from tests.kit.console import wait_for_console
from tests.kit.ports import LOOPBACK
from tests.kit.waiting import PATIENCE, eventually

ANSWER_TOPIC: Final = "answers/doors"

Args = dict[str, Any]


class Said(NamedTuple):
    """What a door answered: data, or why not and which argument it was."""

    data: Any = None
    error: str = ""
    key: str | None = None


Ask = Callable[[Verb[Any, Any], Args], Said]


class Api:
    """The API of a daemon's console, as a program meets it that may do everything."""

    def __init__(self, boomerang: Boomerang, port: int) -> None:
        """Wait until it answers. `port`: the console's."""
        wait_for_console(port)
        token = boomerang.ask("tokens.add", name="doors", role="admin")["token"]
        self.http = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1", timeout=PATIENCE,
                                 headers={"Authorization": f"Bearer {token}"})
        eventually(lambda: self.http.get("/status").status_code == 200, "the API answers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, verb: Verb[Any, Any], args: Args) -> Said:
        """Ask what a verb asks by its path; of a list, what is on its first page."""
        path, left = path_of(verb), dict(args)
        url = path.path
        if "{" in url:
            url = url[:url.index("{")] + str(left.pop(verb.key)) + url[url.index("}") + 1:]
        if path.method == "GET":
            answer = self.http.get(url, params={name: str(value).lower() if isinstance(value, bool) else value
                                                for name, value in left.items()})
        else:
            answer = self.http.request(path.method, url, json=left)
        said = answer.json()
        if answer.status_code == 200:
            return Said(said["items"] if get_origin(verb.gives) is list and path.method == "GET" else said)
        return Said(error=said["detail"], key=next((one["field"] for one in said.get("errors", ())), None))


class Doors:
    """One daemon with a broker and a console beside it."""

    def __init__(self, boomerang: Boomerang, broker_port: int, api: Api) -> None:
        self._boomerang, self._api = boomerang, api
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        subscribed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._mqtt = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)

        def heard(client: object, userdata: object, message: MQTTMessage) -> None:
            self._answers.put(bytes(message.payload))

        self._mqtt.on_message = heard
        self._mqtt.on_subscribe = lambda *_: subscribed.put(True)
        self._mqtt.connect(LOOPBACK, broker_port)
        self._mqtt.loop_start()
        self._mqtt.subscribe(ANSWER_TOPIC, qos=1)
        subscribed.get(timeout=PATIENCE)
        self.asks: dict[str, Ask] = {"socket": self.socket, "mqtt": self.mqtt, "api": self.api, "command": self.command}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mqtt.loop_stop()
        self._mqtt.disconnect()

    def socket(self, verb: Verb[Any, Any], args: Args) -> Said:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(self._boomerang.data / "control.sock"))
            sock.sendall(json.dumps({"verb": verb.name, "args": args}).encode() + b"\n")
            return _said(json.loads(sock.makefile("rb").readline()))

    def mqtt(self, verb: Verb[Any, Any], args: Args) -> Said:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # it has none
        properties.ResponseTopic = ANSWER_TOPIC
        self._mqtt.publish(f"boomerang/{self._boomerang.name}/cmd/{verb.name}", json.dumps(args), qos=1,
                           properties=properties)
        return _said(json.loads(self._answers.get(timeout=PATIENCE)))

    def api(self, verb: Verb[Any, Any], args: Args) -> Said:
        return self._api.ask(verb, args)

    def paths(self) -> dict[str, Any]:
        """Every path of the API, as its document has it."""
        return dict(self._api.http.get("/openapi.json").json()["paths"])

    def command(self, verb: Verb[Any, Any], args: Args) -> Said:
        done = imported.run(
            [sys.executable, "-m", "proxy", *words(verb, args), "--json", "-c", str(self._boomerang.config)],
            Path("/"), {"PYTHONPATH": str(ROOT), "TZ": "UTC"})
        if done.stdout:
            return Said(json.loads(done.stdout))
        text = done.stderr.strip()
        key, _, why = text.removeprefix("boomerang: ").removeprefix("policy: ").partition(": ")
        return Said(error=text.removeprefix("boomerang: "), key=key if why else None)


def words(verb: Verb[Any, Any], args: Args) -> list[str]:
    """What somebody types for a verb with these arguments; they come after `--` where they might look like options."""
    said = {"queues.show": ["queues"], "queues.list": ["queues"], "agents.list": ["agents"]}.get(
        verb.name, verb.name.split("."))
    options, places = list[str](), list[str]()
    for name, value in args.items():
        field = verb.takes.fields.get(name)
        if field is None:
            options.append(f"--set={name}={json.dumps(value)}")
        elif isinstance(field, Words):
            places += value
        elif field.place:
            places.append(str(value))
        elif isinstance(field, Flag):
            options += [f"--{name}"] * value
        else:
            options.append(f"--{name.replace('_', '-')}={value}")
    ordered = [name for name, field in verb.takes.fields.items() if field.place and name in args]
    if len(places) == len(ordered):
        places = [str(args[name]) for name in ordered]
    return [*said, *options, *places]


def _said(answer: dict[str, Any]) -> Said:
    if answer["ok"]:
        return Said(answer["data"])
    problems = answer["problems"]
    return Said(error=answer["error"], key=problems[0]["key"] if problems else None)
