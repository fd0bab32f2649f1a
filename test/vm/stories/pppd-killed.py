#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody kills pppd: said in words for as long as it takes to dial anew; a gateway that is killed
instead finds its pppd again when it starts."""
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household, attempts, check_words, path_of, pppd_pid, wait_for_state, wait_for_words
from actors import Exit, Gateway
from lab import expect, run_story, wait_for


def story(lab):
    Exit(lab)
    gateway = Gateway(lab)
    before = path_of(gateway, "ppp0")["address"]
    killed, dialled_before = pppd_pid("ppp0"), attempts(gateway)
    lab.paths["ppp0"].ignore_calls()  # long enough to be read
    os.kill(killed, signal.SIGKILL)
    check_words(gateway, "killed", "pppd killed", r"ppp0 +DOWN .*killed by signal 9")
    wait_for(lambda: attempts(gateway) > dialled_before, "ppp0 to be dialled anew", 60)
    lab.paths["ppp0"].ignore_calls(False)
    wait_for_state(gateway, "up")
    after = path_of(gateway, "ppp0")["address"]
    expect(after != before, f"ppp0 has its address {before} still")

    dialled = pppd_pid("ppp0")
    expect(dialled != killed, "pppd's process is the old one")
    gateway.process.stop(signal.SIGKILL)
    gateway.start()
    wait_for_words(gateway, r"ppp0 +DIAL .*taken over")
    expect(pppd_pid("ppp0") == dialled and path_of(gateway, "ppp0")["address"] == after,
           "ppp0 was dialled anew")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
