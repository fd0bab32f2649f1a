#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""20 MB go up from the LAN over all five lines of the household, whole and fast."""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Sink, curl, line_bytes, percentages, shares
from lab import expect, noise, run_story, wait_for

SIZE = 20_000_000


def story(lab):
    sink = Sink(lab)
    content = noise(SIZE)
    file = lab.write("20M", content)
    Exit(lab)
    gateway = Gateway(lab)
    gateway.enable("wwan0")

    lines_before, ours_before = line_bytes(lab, "up"), gateway.path_bytes("tx")
    got = curl(lab, sink.url, "-T", file, "-H", "Expect:")
    lines = shares(lines_before, line_bytes(lab, "up"))
    wait_for(lambda: sum(gateway.path_bytes("tx").values()) >= sum(ours_before.values()) + SIZE,
             "the gateway's counters to show what it carried", 5)
    ours = shares(ours_before, gateway.path_bytes("tx"))
    print(f"{got.mbps:.2f} Mbit/s: {percentages(ours)}")

    expect(got.body.decode() == hashlib.sha256(content).hexdigest(), "the file arrived damaged")
    for name, share in ours.items():
        expect(share >= 0.05, f"{name} carried only {share:.1%}")
        expect(abs(share - lines[name]) < 0.03,
               f"the gateway counted {share:.1%} on {name}, the line {lines[name]:.1%}")
    # The uplinks sum to 5.1 Mbit/s on the wire, of which MPTCP can fill some 4.8.
    expect(got.mbps >= 4.3, f"only {got.mbps:.2f} Mbit/s")


if __name__ == "__main__":
    run_story(story, profile="home")
