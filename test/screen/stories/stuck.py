#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Terminals that are gone, stopped by Ctrl-S, or read by nobody: the console ends all the same."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story  # noqa: E402

WITHIN_S = 4  # two, and as much again for a busy machine


def end(terminal, how):
    began = time.monotonic()
    how()
    status = terminal.process.wait(WITHIN_S + 10)
    expect(time.monotonic() - began < WITHIN_S, f"it took {time.monotonic() - began:.1f} s")
    return status


def story(stage):
    stage.gateway("ok", "-n")

    terminal = stage.pty()
    terminal.wait("q:Quit")
    status = end(terminal, terminal.hang_up)
    expect(status in (129, -signal.SIGHUP), f"after a hang-up the status is {status}")

    terminal = stage.pty()
    terminal.wait("q:Quit")
    terminal.type(b"\x13")  # Ctrl-S
    terminal.drain(1.5)
    expect(terminal.drain(1.5) == 0, "output goes on after Ctrl-S")
    expect(terminal.process.poll() is None, "Ctrl-S ended it")
    terminal.type(b"\x11")  # Ctrl-Q
    expect(terminal.read(3), "output does not go on after Ctrl-Q")
    terminal.type(b"\x13")
    terminal.drain(1.5)
    status = end(terminal, lambda: os.kill(terminal.process.pid, signal.SIGTERM))
    expect(status == 143, f"after Ctrl-S and SIGTERM the status is {status}")
    expect(terminal.modes_now() == terminal.modes, "the modes are not as before")


if __name__ == "__main__":
    run_story(story)
