#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From screen to screen, as a person who looks for what is wrong; and what that costs the machine."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story, wait_for  # noqa: E402

CPU_SHARE = 0.01
MEMORY_KIB = 8 * 1024
WATCH_S = 5


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_sanitized(pid):
    return "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text()


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def story(stage):
    stage.gateway("degraded", "-n")
    screen = stage.tmux()
    screen.console(stage, "--charset=ascii")
    screen.wait("DEGRADED  3 of 4 paths up")

    screen.keys("j", "j", "Enter")
    screen.wait("> path tun1 (3 of 5)", "WHY     RTT>150 LOSS>2", "HISTORY (")
    screen.keys("k")
    screen.wait("> path tun0 (2 of 5)")
    screen.keys("l")
    screen.wait("> log  level: notice+", "217 lines, following", "ppp0  DOWN     PPPoE peer")
    screen.keys("/", "ppp0", "Enter")
    screen.wait("/ppp0", "PAUSED")
    screen.keys("w")
    screen.wait("written to mpgate-")
    saved = next(stage.dir.glob("mpgate-*.txt")).read_text()
    expect("ppp0  DOWN     PPPoE peer not answering" in saved, f"it wrote '{saved}'")
    screen.keys("d")
    screen.wait("> doctor", "'mpgate doctor'")
    wait_for(lambda: screen.shows("kernel", " took "), "the doctor's report", 60)
    screen.keys("Escape")
    screen.wait("EVENTS (217 today)")
    screen.keys("Tab", "Tab")
    screen.wait("> connections")
    screen.keys("BTab", "BTab")
    screen.wait("EVENTS (217 today)")

    pid = screen.console_pid()
    before, began = cpu_s(pid), time.monotonic()
    wait_for(lambda: time.monotonic() - began > WATCH_S, "some refreshes", 2 * WATCH_S)
    share = (cpu_s(pid) - before) / (time.monotonic() - began)
    print(f"the console takes {share * 100:.2f} % of a core, {resident_kib(pid)} KiB of its own")
    expect(share <= CPU_SHARE, f"it takes {share * 100:.2f} % of a core")
    # shadow memory is not the console's
    expect(is_sanitized(pid) or resident_kib(pid) <= MEMORY_KIB, f"it takes {resident_kib(pid)} KiB")

    screen.keys("l", "q", "q")
    screen.wait("gateway still running", "status 0")


if __name__ == "__main__":
    run_story(story)
