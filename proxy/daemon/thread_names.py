"""Our threads by name to the machine's own tools: `top -H`, `ps -L`, /proc/PID/task."""

import contextlib
import threading


def show_thread_names() -> None:
    """Tell the kernel what the threads are called that run now (proc(5): comm); CPython does so from 3.14 on.

    The main thread keeps the name of the process. Where the kernel does not take it, nothing is told.
    """
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            with contextlib.suppress(OSError), open(f"/proc/self/task/{thread.native_id}/comm", "w") as comm:
                comm.write(thread.name)
