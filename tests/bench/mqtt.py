"""What an event costs on its way from the outbox to a real mosquitto: CPU of the whole publishing process.

A process of its own puts the events into an outbox on disk, publishes them, and says what that took; with `--before`
a checkout of another version does the same in turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kit.boomerang import ROOT
from tests.kit.mosquitto import broker

PUBLISH = """
import json, sys, threading, time
from pathlib import Path
from uuid import UUID
from proxy.core.counters import Counters
from proxy.status.service import StatusService
from proxy.status.source import MqttSettings
from routing.events import Event
from routing.store.reader import Reader
from routing.store.sqlite import sqlite_store
from routing.writes import Unit
from tests.kit.told import Told
from tests.proxy.status.fake_source import FakeSource

folder, port, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = sqlite_store(folder / "boomerang.db", lambda done: done(), time.time, "edge1", Told())
for number in range(count):
    store.put(Unit((Event("call.ended", time.time(), str(UUID(int=number)), {
        "call": str(UUID(int=number)), "direction": "inbound", "trunk": "main", "pbx": "office",
        "customer": f"+3620{number:07}", "number": "+3611111111", "agent": "201", "group": "sales",
        "started_at": "2026-01-05T08:00:00.000Z", "answered_at": "2026-01-05T08:00:05.000Z", "talk_s": 31.5,
        "cause": 200, "ended_by": "caller", "reason": "shared"}, "edge1"),)))
    if number % 1000 == 0:
        while store.backlog()[0] > 5000:
            time.sleep(0.01)
while store.backlog()[0]:
    time.sleep(0.01)
time.sleep(0.5)
reader = Reader(folder / "boomerang.db", "edge1")
gone = threading.Event()

class Source(FakeSource):
    def events_after(self, seq, limit):
        return reader.events_after(seq, limit)
    def texts_after(self, seq, limit):
        return reader.texts_after(seq, limit)
    def delete_events_upto(self, seq):
        store.delete_events_upto(seq)
        if seq >= count:
            gone.set()

service = StatusService(Source(), Counters(), MqttSettings("edge1", port=port), None, "0")
service.start()
while not service.mqtt_connected:
    time.sleep(0.001)
cpu, began = time.process_time(), time.monotonic()
gone.wait()
print(json.dumps([time.process_time() - cpu, time.monotonic() - began]))
service.stop()
store.close()
"""


def publish(code: Path, port: int, count: int) -> tuple[float, float]:
    """Publish events by the code in a folder; CPU and wall clock in seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as folder:
        done = subprocess.run([sys.executable, "-c", PUBLISH, folder, str(port), str(count)], check=True, cwd=code,
                              env={"PYTHONPATH": str(code)}, text=True, capture_output=True)
    cpu, took = json.loads(done.stdout.splitlines()[-1])
    return cpu, took


def main() -> None:
    """Print what an event costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3, help="turns")
    parser.add_argument("--before", type=Path, help="a checkout of another version")
    options = parser.parse_args()
    codes = {"this version": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    measured: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as folder, broker(Path(folder)) as server:
        for _ in range(options.repeat):
            for name, code in codes.items():
                cpu, took = publish(code, server.port, options.messages)
                each = cpu / options.messages * 1e6
                measured[name].append(each)
                print(f"{name:14}{each:8.1f} us CPU an event, {options.messages / took:8.0f} a second", flush=True)
    for name, found in measured.items():
        print(f"{name:14}{statistics.median(found):8.1f} us CPU an event (median)")


if __name__ == "__main__":
    main()
