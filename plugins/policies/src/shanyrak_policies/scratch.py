"""Room to count in, for loops that are compiled or interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
from shanyrak.api import COMPILED, jit


@jit
def zeros(count: int) -> Any:
    """So many zeros: an array when compiled, else a list, whose items are plain ints and far quicker than an array's."""
    if COMPILED:
        return np.zeros(count, np.int64)
    return [0] * count
