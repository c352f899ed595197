"""What keeping a message costs the proxy path, beside a tracer that sleeps.

    python -m tests.bench.message_ring

Prints nanoseconds a message in each direction, memory a message, and how long a call is searched for in a full ring.
"""

import time
import timeit
import tracemalloc

from proxy.core.contract import Tracer
from proxy.daemon.message_ring import MessageRing, find
from proxy.daemon.tracing import MessageTracer
from proxy.sip.hop import Flow, Listener

FLOW = Flow(Listener(0, "udp", "192.0.2.1", 5060, "0.0.0.0", 5060), "198.51.100.10", 5060)
ROUNDS = 200_000


def message(number: int) -> bytes:
    return (b"INVITE sip:600@10.0.0.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bK1\r\nX: "
            + b"y" * 500 + b"\r\nCall-ID: %d@b\r\nCSeq: 1 INVITE\r\n\r\n" % number)


def main() -> None:
    quiet: Tracer = MessageTracer("edge1", lambda transport, host, port: "", time.time, lambda name: "")
    ring = MessageRing(quiet, time.time, 1800.0, 32 << 20)
    data = message(0)
    print(f"received: {timeit.timeit(lambda: ring.received(data, FLOW), number=ROUNDS) / ROUNDS * 1e9:.0f} ns")
    print(f"sent:     {timeit.timeit(lambda: ring.sent(data, 'udp', 'h', 1), number=ROUNDS) / ROUNDS * 1e9:.0f} ns")
    full = MessageRing(quiet, time.time, 1800.0, 32 << 20)
    tracemalloc.start()
    for number in range(ROUNDS):
        full.received(message(number), FLOW)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept = full.copy()
    print(f"memory:   {held / 2**20:.1f} MB for {len(kept)} messages of {len(data)} bytes; "
          f"said: {full.size / 2**20:.1f} MB")
    began = time.perf_counter()
    assert find(kept, {b"199999@b"})
    print(f"search:   {(time.perf_counter() - began) * 1000:.0f} ms through all of them")


if __name__ == "__main__":
    main()
