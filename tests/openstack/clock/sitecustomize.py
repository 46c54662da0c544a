"""Read by Python itself as it starts, where PYTHONPATH names this folder: a clock that is CLOCK_AHEAD seconds ahead."""

import os
import time

_right, _ahead = time.time, float(os.environ["CLOCK_AHEAD"])


def _wrong() -> float:
    return _right() + _ahead


time.time = _wrong
