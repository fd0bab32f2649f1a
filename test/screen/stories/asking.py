#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A person looks, asks for help, and switches the 3G stick on and off."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story, wait_for  # noqa: E402


def wait_question(screen, title):
    """Keys count from 300 ms after the question came up: the count-down has moved by then."""
    screen.wait(title, "closes in ")
    screen.wait_gone("closes in 30 s")


def story(stage):
    gateway = stage.gateway("ok", "-n")
    screen = stage.tmux()
    screen.console(stage)
    screen.wait("q:Quit", "OK  4 of 4 paths up")
    rows = screen.lines()
    for name, rate in (("ppp0", "5.91"), ("tun0", "0.93"), ("tun1", "1.64"), ("tun3", "0.42"),
                       ("wwan0", "STANDBY"), ("TOTAL", "8.90")):
        expect(any(row[2:].startswith(name) and rate in row for row in rows),
               f"no row with {name} and {rate}")
    expect(not any("increase" in row for row in rows), "the screen begs for rows")

    screen.keys("?")
    screen.wait("HELP: overview", "disable the path")
    screen.keys("x")
    screen.wait_gone("HELP: overview")

    for no in ("Enter", "Escape", "C-c", "n"):
        screen.keys("3", "y")  # typed ahead: no answer
        wait_question(screen, "ENABLE wwan0")
        screen.keys("3")  # the trigger is no answer either
        screen.wait("closes in 30 s")
        expect(screen.shows("ENABLE wwan0"), "the trigger closed the question")
        screen.keys(no)
        screen.wait_gone("ENABLE wwan0")
        expect(gateway.commands() == [], f"{no} meant yes")

    screen.keys("3")
    wait_question(screen, "ENABLE wwan0")
    screen.keys("y")
    wait_for(gateway.commands, "y to be taken")
    expect(gateway.commands() == ["enable wwan0"], f"it was asked {gateway.commands()}")
    screen.wait("enable wwan0: done", "DIALING")
    screen.wait("5 of 5 paths up", "3:3G-off")

    screen.keys("3")
    wait_question(screen, "DISABLE wwan0")
    screen.keys("y")
    wait_for(lambda: len(gateway.commands()) > 1, "y to be taken")
    expect(gateway.commands()[1] == "disable wwan0", f"it was asked {gateway.commands()}")
    screen.wait("OFF")

    screen.keys("q")
    screen.wait("gateway still running", "status 0")


if __name__ == "__main__":
    run_story(story)
