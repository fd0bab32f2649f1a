#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console on the real gateway, in tmux: five paths with rates, 3 asks and switches, sizes change."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story, wait_for
from terminal import Console


def number(text):
    return float(text) if text[0].isdigit() else 0.0


def check_rates(terminal, names):
    def carries(name):
        row = terminal.row(name)
        return row and row.state == "UP" and number(row.rx) > 0.1 and number(row.tx) > 0.0

    for name in names:
        terminal.wait(lambda name=name: carries(name), f"a row of {name} that is UP with rates", 20)


def walk(lab, gateway, terminal):
    lines = list(lab.paths)
    always = [name for name in lines if name != "wwan0"]
    check_rates(terminal, always)
    expect(terminal.row("wwan0").state == "STANDBY", "wwan0 does not wait to be wanted")

    terminal.keys("3")
    terminal.answer("ENABLE wwan0", "Enter")
    expect(terminal.row("wwan0").state == "STANDBY", "Enter switched wwan0 on")
    for word, state in ("ENABLE", "UP"), ("DISABLE", "STANDBY"), ("ENABLE", "UP"):
        terminal.keys("3")
        terminal.answer(f"{word} wwan0", "y")
        terminal.wait_for_state("wwan0", state)
    check_rates(terminal, lines)
    wait_for(lambda: all(path["subflows"] > 0 for path in gateway.status()["paths"]),
             "a subflow on every path")

    terminal.resize(120, 40)
    terminal.wait_for_line(r"JIT +LOSS +SINCE", "JIT +LOSS +SINCE")
    check_rates(terminal, lines)
    terminal.resize(60, 16)
    terminal.wait(lambda: not terminal.shows("KIND") and
                  all(terminal.shows(rf"^[> ][ !]{name} +UP ") for name in lines), "the small screen")
    terminal.resize(80, 24)
    terminal.wait_for_line(r"KIND STATE +RX Mb/s", "KIND STATE +RX Mb/s")

    terminal.keys("R")
    terminal.answer("RECONNECT ppp0", "y")
    terminal.wait_for_line(r"ppp0 +PROBING +reconnect asked", "ppp0 +PROBING +reconnect asked")
    check_rates(terminal, lines)

    terminal.keys("q")
    terminal.wait_for_line(r"gateway still running", "gateway still running")
    terminal.wait_for_line(r"done:0", "status 0")


def story(lab):
    web = Web(lab)
    url = web.file("100M", 100_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    download = lab.lan.start("curl", ["curl", "-sS", "-o", "/dev/null", url])
    walk(lab, gateway, Console(gateway))
    expect(download.alive(), "the download did not live through it")


if __name__ == "__main__":
    run_story(story, profile="home")
