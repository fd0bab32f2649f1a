#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody answers on the ADSL line: said in words, tried again ever more rarely, and up by itself
once the access concentrator is back."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household, attempts, check_words, wait_for_state, wait_for_words
from actors import Exit, Gateway
from lab import expect, run_story


def story(lab):
    adsl = lab.paths["ppp0"]
    adsl.concentrator.stop()
    adsl.call("pppoe-padi-timeout 1\npppoe-padi-attempts 2")
    Exit(lab)
    gateway = Gateway(lab, start=False)
    gateway.launch()
    gateway.ready(up=2, timeout_s=40)
    check_words(gateway, "no-pado", "no PADO", r"ppp0 +DOWN .*no PADO.*next attempt in [45] s")
    wait_for_words(gateway, r"ppp0 +DOWN .*no PADO.*next attempt in (9|10) s")
    adsl.answer()
    wait_for_state(gateway, "up")
    expect(attempts(gateway) == 3, f"{attempts(gateway)} attempts")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
