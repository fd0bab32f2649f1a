#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the console on the real gateway: the log that follows and waits, and the doctor."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import play, run_story
from terminal import Console


def log(lab, gateway, console):
    """It follows; a step up stops that, and newer lines are counted until G."""
    console.resize(80, 10)
    console.keys("l")
    console.wait_for_line(r"> log +level: notice\+", "the log")
    console.wait_for_line(r"\d+ of \d+ lines, following", "that it follows")
    gateway.command("backup", "tun1", "on")
    console.wait_for_line(r"tun1 +BACKUP +on by root", "the newest line")
    console.keys("k", "k")
    console.wait_for_line("PAUSED", "that it waits")
    before = [line for line in console.screen()[1:-3] if line.strip()]
    gateway.command("backup", "tun1", "off")
    console.wait_for_line(r"PAUSED +[1-9]\d* newer below", "newer lines to be counted")
    after = [line for line in console.screen()[1:-3] if line.strip()]
    console.expect(before == after, "lines moved:\n" + "\n".join(before))
    console.keys("G")
    console.wait_for_line(r"tun1 +BACKUP +off by root", "the newest line")
    console.wait_for_line("following", "that it follows")
    console.keys("Escape")
    console.resize(80, 24)
    console.wait_for_line("^  TOTAL", "the overview")


def doctor(lab, gateway, console):
    """On the gateway's own file it finds no fault; then the exit is shut, and it says so."""
    console.keys("d")
    console.wait_for_line(r"took \d+\.\d s, no fault found", "the doctor's report", 25)
    console.wait_for_line("ok +ppp0 +address", "the paths of the gateway's own file")
    console.keys("G")
    console.wait_for_line(r"\d+ ok, 0 warnings, 0 failed", "its last line")
    lab.exit.nft("table inet shut { chain from { type filter hook input priority 0; tcp dport 8388 drop; }; }")
    console.keys("d")
    console.wait_for_line(r"took \d+\.\d s: [1-9]\d* FAIL", "the doctor to find it", 25)
    lab.exit.nft("delete table inet shut")
    console.keys("Escape")
    console.wait_for_line("^  TOTAL", "the overview")


def story(lab):
    Exit(lab)
    gateway = Gateway(lab)
    console = Console(gateway)
    console.wait_for_verdict("OK")
    play((log, doctor), lab, gateway, console)
    console.quit()


if __name__ == "__main__":
    run_story(story, profile="home")
