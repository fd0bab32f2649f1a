#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The window changes its size, also while the console is stopped: nothing of an old size stays."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story, wait_for  # noqa: E402

SIZES = ((120, 40), (60, 16), (40, 8), (30, 5), (100, 30), (80, 24))
MARKS = {(120, 40): "SINCE", (60, 16): "(avg", (40, 8): "31ms", (30, 5): "OK  4/4",
         (100, 30): "-76s", (80, 24): "TOTAL"}


def start(stage, columns, rows):
    screen = stage.tmux(columns, rows)
    screen.console(stage, "--no-clock", "--charset=ascii")
    screen.wait("OK  4")
    return screen


def story(stage):
    # time stands still, so that two screens can be equal
    stage.gateway("ok")
    fresh = {size: start(stage, *size) for size in SIZES}
    screen = start(stage, 80, 24)
    for size in SIZES:
        fresh[size].wait(MARKS[size])
        screen.resize(*size)
        wait_for(lambda: screen.text() == fresh[size].text(), f"the screen of a fresh start at {size}")
        expect(all(len(line) < size[0] for line in screen.lines()), f"column {size[0]} is used")

    screen.keys("C-z")
    wait_for(lambda: not screen.is_full_screen(), "the shell's screen")
    screen.resize(60, 16)
    screen.keys("fg", "Enter")
    wait_for(lambda: screen.text() == fresh[60, 16].text(), "the screen of a fresh start after fg")


if __name__ == "__main__":
    run_story(story)
