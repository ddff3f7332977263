"""What the scripts have in common."""

import sys
import time

CLASS = "org.apache.kafka.connect.file.FileStreamSourceConnector"


def check(what, holds):
    """Says whether something holds, and ends the script where it does not."""
    print(("ok   " if holds else "FAIL ") + what, flush=True)
    if not holds:
        sys.exit(1)


def until(what, holds):
    """Waits for something to hold; a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            check(what, False)
        time.sleep(0.05)
    check(what, True)


def is_in(status, state):
    """Whether a connector and its tasks are in a state."""
    tasks = [task["state"] for task in status["tasks"]]
    some = not tasks if state == "STOPPED" else bool(tasks)
    return status["connector"]["state"] == state and some and all(it == state for it in tasks)
