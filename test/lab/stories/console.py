#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console on a terminal: five paths with rates, wwan0 in and out by its key, any size."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Sink, Terminal, Web
from lab import TOP, WEB, expect, run_story, wait_for

RATE = r"(\d+\.\d+)"


def path_state(gateway, name):
    return next(p["state"] for p in gateway.status()["paths"] if p["name"] == name)


def wait_for_rates(lab, terminal):
    """Every path's row shows that it carries something."""
    for name in lab.paths:
        terminal.wait_for_line(rf"{name}\s+\w+\s+UP\s+(?!0\.00){RATE}", f"{name} to carry", 30)


def story(lab):
    web = Web(lab)
    for name, size in ("50k", 50_000), ("400k", 400_000), ("3M", 3_000_000):
        web.file(name, size)
    Exit(lab)
    gateway = Gateway(lab)
    lab.lan.start("traffic", [TOP / "test/lab/traffic.py", f"http://{WEB}", Sink(lab).url])
    terminal = Terminal(lab, lab.gw.command([lab.program("mpgate"), "console",
                                             "--socket", gateway.control]))
    terminal.wait_for_line(r"PATH\s+KIND\s+STATE", "the overview")
    terminal.wait_for_line(r"wwan0\s+3G\s+STANDBY", "wwan0 in stand-by")

    terminal.keys("3")
    terminal.wait_for_line(r"wwan0.*\?", "a question about wwan0")
    terminal.keys("n")
    expect(path_state(gateway, "wwan0") == "standby", "no was taken for yes")
    terminal.keys("3")
    terminal.wait_for_line(r"wwan0.*\?", "a question about wwan0")
    terminal.keys("y")
    wait_for(lambda: path_state(gateway, "wwan0") == "up", "wwan0 to come up", 20)
    wait_for_rates(lab, terminal)

    for columns, rows in (120, 40), (60, 16), (40, 8), (80, 24):
        terminal.resize(columns, rows)
        # The last row belongs to the keys at every size.
        wait_for(lambda: len(terminal.screen()) == rows and "q:Quit" in terminal.screen()[-1],
                 f"the console to fill {columns}x{rows}")
        terminal.wait_for_line("ppp0.*UP", "ppp0's row")

    terminal.keys("3")
    terminal.wait_for_line(r"wwan0.*\?", "a question about wwan0")
    terminal.keys("y")
    wait_for(lambda: path_state(gateway, "wwan0") == "standby", "wwan0 to go back", 20)

    terminal.keys("q")
    terminal.wait_for_line(r"^done:0", "the shell after q")
    terminal.keys("stty -a | tr ' ' '\\n' | grep -cx -e 'echo;\\?' -e icanon", "Enter")
    terminal.wait_for_line(r"^2$", "the terminal to be as it was")
    expect(gateway.process.alive(), "the gateway ended with its console")


if __name__ == "__main__":
    run_story(story, profile="home")
