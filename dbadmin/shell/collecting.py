"""Cyclic garbage on the way to the first prompt: none is looked for, since what is imported there stays.

Python looks after so many new objects, through all that there are: a seventh of a start's time.
"""

import gc

_waits = False


def put_off() -> None:
    """Look for no garbage until `resume`."""
    global _waits
    if gc.isenabled():
        gc.disable()
        _waits = True


def resume() -> None:
    """Look again, but not through what is there now; where nobody has put it off, nothing changes."""
    global _waits
    if _waits:
        _waits = False
        gc.freeze()
        gc.enable()


def look_everywhere() -> None:
    """Look through all objects from now on: some from before the first prompt are about to become garbage."""
    gc.unfreeze()
