#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever ends the console, the terminal is as it was before."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story, wait_for  # noqa: E402

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT,
           signal.SIGBUS)
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)


def modes(screen, name):
    """What stty says, kept out of the way of the screen."""
    screen.run(f"stty -a >$HOME/{name}; echo writ''ten")
    screen.wait("written\n")


def expect_restored(screen, stage, how):
    screen.wait("status")
    screen.wait_prompt()
    expect(screen.flags() == "0 1 0", f"after {how} the terminal's flags are {screen.flags()}")
    modes(screen, "after")
    before, after = ((stage.dir / name).read_text() for name in ("before", "after"))
    expect(before == after, f"after {how} stty -a differs:\n{before}\n{after}")


def leaves_at_once(screen, stage):
    """From the key to the process's end, as quick as this machine lets it: the best of three."""
    spans = []
    for _ in range(3):
        screen.console(stage)
        screen.wait("q:Quit")
        console = pathlib.Path(f"/proc/{screen.console_pid()}")
        began = time.monotonic()
        screen.keys("q")
        while console.exists() and time.monotonic() - began < 5:
            time.sleep(0.005)
        spans.append(time.monotonic() - began)
        screen.wait("status 0\n")
        screen.wait_prompt()
    expect(min(spans) < 0.2, f"q took {[f'{span * 1000:.0f} ms' for span in spans]}")


def a_mouse_is_let_go(screen, stage):
    """With --mouse the terminal reports clicks: in the console, and never after it."""
    screen.console(stage)
    screen.wait("q:Quit")
    expect(screen.flags() == "1 1 0", f"without --mouse the flags are {screen.flags()}")
    screen.keys("q")
    expect_restored(screen, stage, "q")
    for signum in (None, *SIGNALS):
        screen.console(stage, "--mouse")
        screen.wait("q:Quit", ">!ppp0")
        expect(screen.flags() == "1 1 1", f"with --mouse the flags are {screen.flags()}")
        row = [number for number, line in enumerate(screen.lines(), 1) if "  tun3 " in line][0]
        screen.keys("-H", "1b", "5b", "4d", "20", "25", f"{32 + row:x}")  # the left button, down
        screen.wait("> tun3")
        screen.keys("-H", "1b", "5b", "4d", "60", "25", f"{32 + row:x}")  # the wheel, up
        screen.wait(">!ppp0")
        if signum:
            os.kill(screen.console_pid(), signum)
        else:
            screen.keys("C-z")
            wait_for(lambda: screen.flags() == "0 1 0", "a shell without a mouse")
            screen.keys("fg", "Enter")
            screen.wait("q:Quit")
            expect(screen.flags() == "1 1 1", f"after fg the flags are {screen.flags()}")
            screen.keys("q")
        expect_restored(screen, stage, signum.name if signum else "q with a mouse")


def story(stage):
    stage.gateway("degraded", "-n")
    screen = stage.tmux(120, 24)
    screen.run("ulimit -c 0; cd $HOME")
    modes(screen, "before")
    for keys, status in (("q", 0), ("Q", 0), ("F10", 0), ("C-c", 130), ("C-\\", 131)):
        screen.console(stage)
        screen.wait("q:Quit")
        expect(screen.is_full_screen(), "the console does not use the alternate screen")
        screen.keys(keys)
        screen.wait(f"status {status}\n", "gateway still running (pid 812): 3 of 4 paths up, ppp0 DOWN")
        expect_restored(screen, stage, keys)
    leaves_at_once(screen, stage)
    for signum in SIGNALS:
        screen.console(stage)
        screen.wait("q:Quit")
        os.kill(screen.console_pid(), signum)
        screen.wait(f"status {128 + signum}\n")
        expect(screen.shows("the console crashed; the gateway") == (signum in CRASHES),
               f"{signum.name} is told wrongly")
        expect_restored(screen, stage, signum.name)

    a_mouse_is_let_go(screen, stage)
    screen.console(stage)
    screen.wait("q:Quit")
    screen.keys("C-z")
    wait_for(lambda: not screen.is_full_screen(), "the shell's screen")
    screen.keys("fg", "Enter")
    screen.wait("q:Quit", "ppp0  ADSL DOWN")
    screen.keys("q")
    expect_restored(screen, stage, "fg and q")


if __name__ == "__main__":
    run_story(story)
