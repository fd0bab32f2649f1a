#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A slow, lossy line beside a clean one: a download is no slower than over the clean one alone.

    harsh.py [RUNS]     of each kind, by default three; medians are compared
"""
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import expect, run_story

SIZE = 20_000_000
NOISE = 0.98  # what two medians of the same thing differ by on a shared machine


def fetch(lab, web, url, paths):
    gateway = Gateway(lab, paths=paths)
    got = curl(lab, url)
    expect(got.sha256 == web.sums["20M"], "the file arrived damaged")
    gateway.process.stop()
    return got.mbps


def story(lab):
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    web = Web(lab)
    url = web.file("20M", SIZE)
    Exit(lab)
    clean = [lab.paths["ppp0"]]
    alone, both = [], []
    for _ in range(runs):
        alone.append(fetch(lab, web, url, clean))
        both.append(fetch(lab, web, url, None))
        print(f"the clean line alone {alone[-1]:.2f} Mbit/s, both {both[-1]:.2f} Mbit/s", flush=True)
    expect(statistics.median(both) >= statistics.median(alone) * NOISE,
           f"median {statistics.median(both):.2f} Mbit/s with both lines, "
           f"{statistics.median(alone):.2f} with the clean one alone")


if __name__ == "__main__":
    run_story(story, profile="harsh", timeout_s=300)
