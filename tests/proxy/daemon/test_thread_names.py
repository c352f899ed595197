"""What the kernel calls our threads."""

import threading
from pathlib import Path

from proxy.daemon.thread_names import show_thread_names


def comm(thread: threading.Thread) -> str:
    return Path(f"/proc/self/task/{thread.native_id}/comm").read_text().strip()


def test_threads_are_called_by_their_names_and_the_process_keeps_its_own() -> None:
    process, done = comm(threading.main_thread()), threading.Event()
    threads = [threading.Thread(target=done.wait, name=name) for name in ("store", "longer than the kernel keeps", "")]
    try:
        for thread in threads:
            thread.start()
        show_thread_names()
        assert [comm(thread) for thread in threads[:2]] == ["store", "longer than the"]
        assert comm(threading.main_thread()) == process
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_thread_that_has_just_ended_is_no_fault() -> None:
    class Over(threading.Thread):
        @property
        def native_id(self) -> int:
            return 0  # no thread of ours has it

    done = threading.Event()
    thread = Over(target=done.wait)
    thread.start()
    try:
        show_thread_names()
    finally:
        done.set()
        thread.join()
