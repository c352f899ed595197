"""The command, writing down what each turn of the desk costs: `python -m tests.bench.measured FILE run -c C`.

A line a turn: milliseconds of CPU and of time passed.
"""

import sys
import time

from routing.callbacks.desk import Desk


def main() -> None:
    """Put the stop-watch in and go on as the command."""
    turn = Desk.turn
    with open(sys.argv.pop(1), "w", buffering=1) as file:

        def timed(self: Desk, now: float) -> None:
            cpu, wall = time.thread_time(), time.perf_counter()
            turn(self, now)
            file.write(f"{1000 * (time.thread_time() - cpu):.3f} {1000 * (time.perf_counter() - wall):.3f}\n")

        Desk.turn = timed  # type: ignore[method-assign]
        from proxy.cli import main as command

        command()


if __name__ == "__main__":
    main()
