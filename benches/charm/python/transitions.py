"""Runs start for a number of seconds with ops.testing, and prints how many transitions a second there were."""

import sys
import time

sys.path.insert(0, sys.argv[1] + "/src")

from charm import Bench  # noqa: E402
from ops.testing import Context, State  # noqa: E402

context = Context(Bench, meta={"name": "bench"})
state = State()
context.run(context.on.start(), state)
begun, count = time.monotonic(), 0
while time.monotonic() - begun < float(sys.argv[2]):
    out = context.run(context.on.start(), state)
    assert out.unit_status.message == "up"
    count += 1
print(count / (time.monotonic() - begun))
