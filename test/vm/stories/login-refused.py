#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider refuses the login: said in words everywhere, and not tried again for five minutes."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household, attempts, check_words
from actors import Exit, Gateway
from lab import expect, run_story


def story(lab):
    lab.paths["ppp0"].secrets("no such words")
    Exit(lab)
    gateway = Gateway(lab, start=False)
    gateway.launch()
    gateway.ready(up=2, timeout_s=40)
    check_words(gateway, "login-refused", "login refused",
                r"ppp0 +DOWN .*authentication failed.*next attempt in 5 min")
    expect(attempts(gateway) == 1, f"{attempts(gateway)} attempts to log in")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
