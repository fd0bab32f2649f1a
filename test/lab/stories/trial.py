#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A path demoted for its round trip is tried under a long download: kept out when it harms, taken back
when it helps."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import WEB, expect, run_story, wait_for

DECIDED_S = 60  # ten seconds of steady load, and two phases of some six; twice when it was not steady


def row(gateway):
    return next(p for p in gateway.status()["paths"] if p["name"] == "tun0")


def said(gateway):
    """The last event of what the path is used for."""
    return next(e["text"] for e in gateway.status()["events"]
                if e["verb"] == "USE" and e["object"] == "tun0")


def try_it(lab, what):
    """Starts afresh; returns what the path is used for once a trial has decided, and why."""
    gateway = Gateway(lab)
    wait_for(lambda: row(gateway)["use"] == "backup", "tun0 to be demoted for its RTT")
    download = lab.lan.start("download", ["curl", "-sS", "--proxy", "", "-o", "/dev/null",
                                          f"http://{WEB}/endless"])
    wait_for(lambda: row(gateway)["use"] == "full", "a trial", DECIDED_S)
    expect("trial" in row(gateway)["use_reason"], f"it is {row(gateway)['use_reason']}")
    wait_for(lambda: "Mb/s without it" in said(gateway) + (row(gateway)["use_reason"] or ""),
             "the trial's outcome", DECIDED_S)
    use, reason = row(gateway)["use"], row(gateway)["use_reason"] or said(gateway)
    print(f"{what}: {use}, {reason}", flush=True)
    expect(download.alive(), "the download broke: " + download.log())
    download.stop()
    gateway.process.stop()
    return use


def story(lab):
    Web(lab)
    with open(lab.dir / "www" / "endless", "wb") as file:
        file.truncate(1 << 40)
    Exit(lab)
    expect(try_it(lab, "slow and lossy") == "backup", "a harmful path was taken back")
    lab.paths["tun0"].set("down", rate_bps=15e6, loss_ratio=0, delay_us=150_000)
    lab.paths["tun0"].set("up", rate_bps=2e6, loss_ratio=0, delay_us=150_000)
    expect(try_it(lab, "far, but fast") == "full", "a useful path was kept out")


if __name__ == "__main__":
    run_story(story, profile="harsh", timeout_s=300)
