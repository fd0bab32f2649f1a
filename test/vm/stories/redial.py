#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An ADSL line goes dead while pppd thinks that it is connected, in the middle of a download.

That is what the household of 2014 had a cron script for. Here nobody does anything: the connection
goes on over the two other lines, the gateway hangs up, dials, and uses the line again, which has
another address now. The file arrives whole.
"""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household, path_of, receives, wait_for_words
from actors import Exit, Gateway, Web, curl
from lab import expect, run_story, wait_for

SIZE = 11_000_000


def story(lab):
    web = Web(lab)
    url = web.file("11M", SIZE)
    Exit(lab)
    gateway = Gateway(lab)
    adsl = lab.paths["ppp0"]
    fetched = []
    client = threading.Thread(target=lambda: fetched.append(curl(lab, url)), daemon=True)
    client.start()
    wait_for(lambda: receives(gateway, "ppp0"), "bytes to come over ppp0", 60)
    before = path_of(gateway, "ppp0")["address"]

    began = time.monotonic()
    adsl.fall_silent()
    for what in ("down", "dialing", "up"):
        wait_for(lambda what=what: path_of(gateway, "ppp0")["state"] == what or
                 not client.is_alive(), f"ppp0 to be {what}", 60)
        print(f"{what} after {time.monotonic() - began:.1f} s", flush=True)
        expect(client.is_alive(), f"the download was over before ppp0 was {what}")
    wait_for_words(gateway, r"ppp0 +DOWN .*subflows? move")
    after = path_of(gateway, "ppp0")["address"]
    expect(after != before, f"ppp0 has its address {before} still")
    wait_for(lambda: receives(gateway, "ppp0") or not client.is_alive(),
             "bytes of the same download to come over ppp0 again", 30)
    expect(client.is_alive(), "the download was over before ppp0 took part again")
    client.join(120)
    expect(fetched, "the download failed")
    expect(fetched[0].sha256 == web.sums["11M"], "the file arrived damaged")


if __name__ == "__main__":
    run_story(story, profile="adsl", kind=Household)
