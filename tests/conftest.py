"""What every test has in common."""

import os

from hypothesis import settings

settings.register_profile("boomerang", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("boomerang")  # a machine that is slow or shared is no fault of the code
