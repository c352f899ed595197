"""The console's process: `python -m proxy.console LISTENING LINE`, two descriptors that the daemon passes down.

It serves on the first and ends when the second closes: with the daemon, however that one ended. Signals for the group
(Ctrl-C, a service manager's SIGTERM) are the daemon's business.
"""

import socket
import sys
from collections.abc import Sequence

import uvloop

from proxy import output
from proxy.console.server import serve


def main(arguments: Sequence[str]) -> int:
    """Run until the daemon is gone."""
    output.shield("console: {} lines lost".format)
    listening, line = (socket.socket(fileno=int(number)) for number in arguments[:2])
    uvloop.run(serve(listening, line))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
