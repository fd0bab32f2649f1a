#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console waits for a gateway, loses it, finds the next one, and notices when one hangs."""
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import run_story  # noqa: E402


def story(stage):
    screen = stage.tmux()
    screen.console(stage)
    screen.wait("NO GATEWAY RUNNING", f"{stage.socket}", "systemctl start mpgate", "q:Quit")

    gateway = stage.gateway("ok", "-n")
    screen.wait("OK  4 of 4 paths up", "5.91")
    gateway.stop(signal.SIGKILL)
    screen.wait("STALE", "ppp0  ADSL UP             ?")
    screen.wait("NO GATEWAY RUNNING", "none answers on")

    gateway = stage.gateway("degraded", "-n")
    screen.wait("DEGRADED  3 of 4 paths up", "PPP: no PADO 21s")
    gateway.process.send_signal(signal.SIGSTOP)
    screen.wait("STALE")
    screen.keys("3")
    screen.wait("ENABLE wwan0")  # it may come back while one thinks
    gateway.process.send_signal(signal.SIGCONT)
    screen.wait_gone("STALE")
    screen.keys("Escape")
    screen.wait("3 of 4 paths up", "1.64")
    gateway.stop()
    screen.wait("NO GATEWAY RUNNING", "control.sock does not")
    screen.keys("q")
    screen.wait("mpgate: console closed; no gateway is running", "status 0")


if __name__ == "__main__":
    run_story(story)
