#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""wwan0 comes in when no primary is up, or when they are full, and goes again; also by the key, and for a time."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story
from terminal import Console

TIMES = 'demand-after = "1 s" demand-hold = "2 s"'
NOT_NEEDED = "disabled by demand: not needed for 2 s"


def log_has(gateway, words):
    return words in gateway.process.log()


def when_down(lab, gateway, primaries):
    for path in primaries:
        path.blackhole()
    gateway.wait_for_state("wwan0", "up")
    expect(log_has(gateway, "enabled by demand: no primary is up"), "nobody was told why it came")
    for path in primaries:
        path.blackhole(False)
    gateway.wait_for_state("wwan0", "standby")
    expect(log_has(gateway, NOT_NEEDED), "nobody was told why it went")


def by_hand(lab, gateway):
    console = Console(gateway)
    console.wait_for_state("wwan0", "STANDBY")
    console.keys("3")
    console.answer("ENABLE wwan0", "y")
    gateway.wait_for_state("wwan0", "up")
    console.keys("3")
    console.answer("DISABLE wwan0", "y")
    gateway.wait_for_state("wwan0", "standby")
    console.keys("q")


def for_a_time(lab, gateway):
    gateway.command("enable", "wwan0", "--for", "3s")
    path = gateway.path("wwan0")
    expect(path["state"] == "up" and path["enabled_until"], f"enabled for 3 s: {path}")
    gateway.command("reload")
    gateway.wait_for_state("wwan0", "standby", timeout_s=6)
    expect(log_has(gateway, "disabled by the end of its 3 s"), "nobody was told that its time was over")


def when_slow(lab, gateway, url):
    config = gateway.config.read_text()
    gateway.config.write_text(config.replace("when-down", "when-slow"))
    gateway.command("reload")
    download = lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", url])
    gateway.wait_for_state("wwan0", "up", timeout_s=30)
    expect(log_has(gateway, "enabled by demand: the primaries are "), "nobody was told why it came")
    download.stop()
    gone = gateway.process.log().count(NOT_NEEDED)
    # the primaries have to have had room for half a minute
    gateway.wait_for_state("wwan0", "standby", timeout_s=45)
    expect(gateway.process.log().count(NOT_NEEDED) == gone + 1, "nobody was told why it went")


def story(lab):
    url = Web(lab).file("long", 200_000_000)
    Exit(lab)
    lab.paths["wwan0"].settings = f'demand = "when-down" {TIMES}'
    lines = [lab.paths[name] for name in ("ppp0", "tun0", "wwan0")]
    gateway = Gateway(lab, paths=lines)
    by_hand(lab, gateway)
    for_a_time(lab, gateway)
    when_down(lab, gateway, lines[:2])
    when_slow(lab, gateway, url)


if __name__ == "__main__":
    run_story(story, profile="home")
