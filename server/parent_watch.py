"""Ends a worker process when its supervisor is gone, even if that was killed and could not stop its workers."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Final

INTERVAL_SECONDS: Final = 1.0  # between two looks at the parent
_PR_SET_PDEATHSIG: Final = 1  # of prctl(2)

log = logging.getLogger(__name__)


def end_with_parent() -> None:
    """Let this process shut down gracefully when its parent ends; without effect in a process without a supervisor.

    Linux sends the signal by itself. The parent is watched as well, for other systems, and since it may have ended
    before Linux was asked.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch, args=(parent.pid,), name="parent watch", daemon=True).start()


def _watch(parent_id: int) -> None:
    while os.getppid() == parent_id:
        time.sleep(INTERVAL_SECONDS)
    log.warning("The supervisor is gone: this worker shuts down.")
    os.kill(os.getpid(), signal.SIGTERM)
