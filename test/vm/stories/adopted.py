#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pppd belongs to the distribution here, which started it with `persist`. mpgate knows it by its pid
file, makes it dial anew when the line is dead, and leaves it alone when it ends itself."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import CALL, Household, path_of, pppd_pid, wait_for_state
from actors import Exit, Gateway
from lab import expect, run_story


def story(lab):
    adsl = lab.paths["ppp0"]
    adsl.call("holdoff 2")  # of pppd, 30 s unless said otherwise
    adsl.settings = 'dial = "ppp"\npid-file = "/run/ppp0.pid"'
    pppd = lab.gw.start("pppd", ["pppd", "call", CALL, "nodetach", "unit", 0])
    Exit(lab)
    gateway = Gateway(lab)
    before, process = path_of(gateway, "ppp0")["address"], pppd_pid("ppp0")
    adsl.fall_silent()
    wait_for_state(gateway, "dialing")
    wait_for_state(gateway, "up", 90)
    after = path_of(gateway, "ppp0")["address"]
    expect(after != before, f"ppp0 has its address {before} still")
    expect(pppd_pid("ppp0") == process, "it is another pppd")
    gateway.process.stop()
    expect(pppd.alive(), "the gateway took pppd with it")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
