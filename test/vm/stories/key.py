#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A person presses R on ppp0 while a download runs: asked, told what moves, and redialled once."""
import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household, attempts, path_of
from actors import Exit, Gateway, Web, curl
from lab import expect, run_story, wait_for
from terminal import Console

SIZE = 6_000_000


def story(lab):
    web = Web(lab)
    url = web.file("6M", SIZE)
    Exit(lab)
    gateway = Gateway(lab)
    console = Console(gateway)
    console.wait_for_state("ppp0", "UP", timeout_s=60)
    fetched = []
    client = threading.Thread(target=lambda: fetched.append(curl(lab, url)), daemon=True)
    client.start()
    wait_for(lambda: path_of(gateway, "ppp0")["subflows"], "a subflow over ppp0", 60)
    before = path_of(gateway, "ppp0")["address"]

    console.keys("R")
    console.wait_for_line("- REDIAL ppp0 -", "the dialog", 60)
    dialog = "\n".join(console.screen())
    expect("Hang up and redial ppp0" in dialog, f"the dialog says\n{dialog}")
    expect(re.search(r"\b1 subflow", dialog), f"the dialog does not say what moves:\n{dialog}")
    console.answer("REDIAL ppp0", "y")
    wait_for(lambda: path_of(gateway, "ppp0")["address"] not in (before, None), "a new address", 60)
    console.wait_for_state("ppp0", "UP", timeout_s=60)
    expect(attempts(gateway) == 2, f"dialled {attempts(gateway)} times in all")
    client.join(120)
    expect(fetched and fetched[0].sha256 == web.sums["6M"], "the file did not arrive whole")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
