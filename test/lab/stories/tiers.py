#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each path is used as its tier says: overflow when the primary is full, backup when all else is dead."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, line_bytes, percentages, shares
from lab import expect, run_story, wait_for

TIERS = {"tun0": "never", "tun1": "overflow", "tun3": "backup"}
SIZE = 60_000_000
IDLE = 0.02  # probes are bytes too


def use_of(gateway, name):
    return next(p["use"] for p in gateway.status()["paths"] if p["name"] == name)


def carried(lab, what, seconds):
    """What part of the next bytes each line carries; as long as the slowest takes for its part."""
    before = line_bytes(lab, "down")
    need = sum(before.values()) + seconds * 1_000_000
    wait_for(lambda: sum(line_bytes(lab, "down").values()) > need, what, 20)
    share = shares(before, line_bytes(lab, "down"))
    print(f"{what}: {percentages(share)}", flush=True)
    return share


def story(lab):
    web = Web(lab)
    url = web.file("long", SIZE)
    Exit(lab)
    gateway = Gateway(lab, tiers=TIERS)
    expect(use_of(gateway, "tun0") == "none" and use_of(gateway, "tun1") == "backup",
           "the uses are not those of the tiers")
    download = lab.lan.start("download", ["curl", "-sS", "--fail", "-o", lab.dir / "long.out", url])

    share = carried(lab, "the primary alone", 1)
    expect(share["ppp0"] > 1 - 2 * IDLE, "others carry while the primary is not full")

    wait_for(lambda: use_of(gateway, "tun1") == "full", "the overflow", 20)
    carried(lab, "the overflow begins", 1)
    share = carried(lab, "with the overflow", 4)
    expect(share["tun1"] > 0.3, "the overflow carries too little")
    expect(share["tun0"] < IDLE and share["tun3"] < IDLE, "a path carries that should not")

    # What the exit has already queued for a line still goes out over it, for seconds on a slow one.
    gateway.command("backup", "tun1", "on")
    wait_for(lambda: carried(lab, "a person puts it back", 1)["tun1"] < IDLE, "the end of its queue", 10)
    expect(carried(lab, "without it", 2)["tun1"] < IDLE, "it carries as a backup")
    gateway.command("backup", "tun1", "off")
    wait_for(lambda: carried(lab, "a person lets it go", 1)["tun1"] > 0.3, "it to carry again", 10)

    for name in "ppp0", "tun1":
        lab.paths[name].blackhole()
    wait_for(lambda: carried(lab, "the others are dead", 0.3)["tun3"] > 0.9, "the backup", 20)
    expect(download.alive(), "the download was cut: " + download.log())
    for name in "ppp0", "tun1":
        lab.paths[name].blackhole(False)
    expect(download.wait(120) == 0, "the download was cut: " + download.log())
    expect((lab.dir / "long.out").stat().st_size == SIZE, "it is not whole")


if __name__ == "__main__":
    run_story(story, profile="home")
