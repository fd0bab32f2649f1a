#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One stream over 300 and 80 Mbit/s, beside the parts of 2014 in the same run.

    mixed.py [RUNS]     of each, by default two; the best of each counts
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Peer, Web, curl
from lab import expect, run_story

SIZE = 200_000_000
WANTED_MBPS = 345


def fetch(lab, web, url, who):
    got = curl(lab, url)
    expect(got.sha256 == web.sums["200M"], "the file arrived damaged")
    print(f"{who}: {got.mbps:.0f} Mbit/s", flush=True)
    return got.mbps


def story(lab):
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    web = Web(lab)
    url = web.file("200M", SIZE)
    server = Exit(lab)
    gateway = Gateway(lab)
    ours = [fetch(lab, web, url, "mpgate") for _ in range(runs)]
    gateway.process.stop()
    server.process.stop()
    Peer(lab)
    peer = [fetch(lab, web, url, "the parts of 2014") for _ in range(runs)]
    # where the machine is too slow for the lines, it slows both alike
    expect(max(ours) >= min(WANTED_MBPS, max(peer)), f"only {max(ours):.0f} Mbit/s")


if __name__ == "__main__":
    run_story(story, profile="mixed")
