#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console on the real gateway, in tmux: five paths with rates, 3 asks and switches, sizes change."""
import pathlib
import re
import shlex
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story, wait_for


class Terminal:
    """mpgate console in a tmux of its own, in the gateway's namespace."""

    def __init__(self, lab, gateway, width, height):
        self.lab = lab
        self.server = f"mpgate-{uuid.uuid4().hex[:8]}"
        command = shlex.join(str(word) for word in (gateway.mpgate, "--socket", gateway.control,
                                                    "console", "--charset", "ascii"))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  f"{command}; echo left with $?; exec cat")

    def tmux(self, *words):
        return self.lab.gw.run(["tmux", "-L", self.server, *words],
                               env={"TERM": "xterm", "LC_ALL": "C.UTF-8"}).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def row(self, path):
        """The path's row of the table, in words; [] while it is not there."""
        for line in self.screen().splitlines():
            words = line[1:].split()
            if words and words[0].lstrip("!") == path:
                return words
        return []

    def wait(self, pattern, what=None):
        wait_for(lambda: re.search(pattern, self.screen()), what or f"the screen to show {pattern}", 20)

    def answer(self, title, key):
        """Waits for the dialog and presses the key until it is taken: at first, keys are dropped."""
        self.wait(f"- {title} -")
        wait_for(lambda: self.press(key) or f"- {title} -" not in self.screen(),
                 f"{key} to be taken")

    def close(self):
        self.tmux("kill-server")


def number(text):
    return float(text) if text[0].isdigit() else 0.0


def check_rates(terminal, names):
    for name in names:
        wait_for(lambda name=name: len(row := terminal.row(name)) > 4 and row[2] == "UP"
                 and number(row[3]) > 0.1 and number(row[4]) > 0.0,
                 f"a row of {name} that is UP with rates", 20)


def walk(lab, gateway, terminal):
    lines = list(lab.paths)
    always = [name for name in lines if name != "wwan0"]
    check_rates(terminal, always)
    expect(terminal.row("wwan0")[2] == "STANDBY", "wwan0 does not wait to be wanted")

    terminal.press("3")
    terminal.answer("ENABLE wwan0", "Enter")
    expect(terminal.row("wwan0")[2] == "STANDBY", "Enter switched wwan0 on")
    for word, state in ("ENABLE", "UP"), ("DISABLE", "STANDBY"), ("ENABLE", "UP"):
        terminal.press("3")
        terminal.answer(f"{word} wwan0", "y")
        wait_for(lambda state=state: terminal.row("wwan0")[2] == state, f"wwan0 to be {state}", 20)
    check_rates(terminal, lines)
    wait_for(lambda: all(path["subflows"] > 0 for path in gateway.status()["paths"]),
             "a subflow on every path")

    terminal.resize(120, 40)
    terminal.wait("JIT +LOSS +SINCE")
    check_rates(terminal, lines)
    terminal.resize(60, 16)
    wait_for(lambda: "KIND" not in terminal.screen() and all(map(terminal.row, lines)),
             "the small screen")
    terminal.resize(80, 24)
    terminal.wait("KIND STATE +RX Mb/s")

    terminal.press("R")
    terminal.answer("REDIAL ppp0", "y")
    terminal.wait("ppp0 +PROBING +reconnect asked")
    check_rates(terminal, lines)

    terminal.press("q")
    terminal.wait("gateway still running")
    terminal.wait("left with 0")


def story(lab):
    web = Web(lab)
    url = web.file("100M", 100_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    download = lab.lan.start("curl", ["curl", "-sS", "-o", "/dev/null", url])
    terminal = Terminal(lab, gateway, 80, 24)
    try:
        walk(lab, gateway, terminal)
        expect(download.alive(), "the download did not live through it")
    except BaseException:
        print(terminal.screen(), file=sys.stderr)
        raise
    finally:
        terminal.close()


if __name__ == "__main__":
    run_story(story, profile="home")
