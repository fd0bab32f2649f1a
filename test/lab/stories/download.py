#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""20 MB come down to the LAN over all five lines of the household, whole and fast.

Three times: the machine is shared, so the median of the rates counts.
"""
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl, line_bytes, percentages, shares
from lab import expect, run_story, wait_for

SIZE = 20_000_000


def fetch(lab, web, url, gateway):
    """Fetches once, checks sum and shares, and returns the rate."""
    lines_before, ours_before = line_bytes(lab, "down"), gateway.path_bytes("rx")
    got = curl(lab, url)
    lines = shares(lines_before, line_bytes(lab, "down"))
    wait_for(lambda: sum(gateway.path_bytes("rx").values()) >= sum(ours_before.values()) + SIZE,
             "the gateway's counters to show what it carried", 5)
    ours = shares(ours_before, gateway.path_bytes("rx"))
    print(f"{got.mbps:.2f} Mbit/s: {percentages(ours)}", flush=True)

    expect(got.sha256 == web.sums["20M"], "the file arrived damaged")
    for name, share in ours.items():
        expect(share >= 0.05, f"{name} carried only {share:.1%}")
        expect(abs(share - lines[name]) < 0.03,
               f"the gateway counted {share:.1%} on {name}, the line {lines[name]:.1%}")
    return got.mbps


def story(lab):
    web = Web(lab)
    url = web.file("20M", SIZE)
    Exit(lab)
    gateway = Gateway(lab)
    gateway.enable("wwan0")
    mbps = statistics.median(fetch(lab, web, url, gateway) for _ in range(3))
    expect(mbps >= 23, f"only {mbps:.2f} Mbit/s")


if __name__ == "__main__":
    run_story(story, profile="home")
