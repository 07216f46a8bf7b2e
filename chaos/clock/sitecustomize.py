"""A wrong clock for every process that finds this file: the hour of the day is moved.

Python imports it when it starts. libfaketime would move more of the system, but its waits end
wrongly under Python (``time.sleep`` raises EINVAL, or never returns).
"""

import os
import time

_seconds = float(os.environ.get("CHAOS_CLOCK_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _seconds
time.time_ns = lambda: _time_ns() + int(_seconds * 1e9)
