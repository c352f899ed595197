"""Makes the pictures of README.md out of the played company: `python -m tests.pictures [--seconds 90]`.

It plays for a while first, so that there is something to see. The pictures are in `proxy/console/pictures`.
"""

import argparse
import re
import sys
import time
from typing import Final

from tests.kit.boomerang import ROOT
from tests.kit.browser import MISSING, chromium
from tests.kit.process import Process

FOLDER: Final = ROOT / "proxy/console/pictures"
SIZE: Final = (1280, 1120)
HEAVIEST: Final = 200_000
"""Octets of a picture."""
LOG_IN: Final = re.compile(r"Log in as (\S+) with (\S+)")


def main() -> int:
    """Play, look, and keep what is seen; 1 where a picture became too heavy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0)
    seconds = parser.parse_args().seconds
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Process([sys.executable, "-m", "proxy", "demo", "--console"], name="the company", cwd=ROOT) as company:
        url = company.wait_for("Its console:").split()[-1].rstrip("/")
        found = LOG_IN.search(company.wait_for("Log in as"))
        assert found is not None
        with chromium() as browser, browser.visit(url, size=SIZE) as visitor:
            visitor.log_in(*found.groups())
            time.sleep(seconds)
            visitor.open("/?lang=en")
            visitor.page.wait_for_timeout(2000)
            visitor.shoot(FOLDER / "board.png", full=False)
            visitor.open("/callbacks?state=done&kind=missed")
            visitor.page.locator("table a[href^='/callbacks/']").first.click()
            visitor.page.locator("ol.journal").wait_for()
            visitor.shoot(FOLDER / "callback.png", full=False)
    heavy = [path for path in FOLDER.glob("*.png") if path.stat().st_size > HEAVIEST]
    print("\n".join(f"{path}: {path.stat().st_size} octets" for path in FOLDER.glob("*.png")))
    return 1 if heavy else 0


if __name__ == "__main__":
    sys.exit(main())
