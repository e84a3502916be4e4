"""The program ``overparam``, as the wheel installs it."""

from __future__ import annotations

import os
import signal
import sys
import sysconfig

from . import _core


def main() -> int:
    """Runs the program with the arguments of the command line; the result is its exit status."""
    # Python only notes an interrupt for later, which for a program that is all Rust never comes.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    launcher, *arguments = sys.argv
    if os.path.basename(launcher) == "__main__.py":
        # `python -m overparam`: jobs on other machines are started by the script.
        launcher = os.path.join(sysconfig.get_path("scripts"), "overparam")
    return _core.main([launcher, *arguments])
