#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider removes the MPTCP option: that path is BLOCKED and the others bond. All do: NOT BONDED."""
import pathlib
import sys

TEST = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TEST / "lab"), str(TEST / "screen")]
import prometheus
from actors import Exit, Gateway, Web, curl
from lab import WEB, expect, run_story, wait_for

STRIP = """table ip strip {
    chain forward {
        type filter hook forward priority 0;
        tcp dport 8388 reset tcp option mptcp
        tcp sport 8388 reset tcp option mptcp
    }
}"""


def path_of(gateway, name):
    return next(p for p in gateway.status()["paths"] if p["name"] == name)


def story(lab):
    web = Web(lab)
    url = web.file("1M", 1_000_000)
    Exit(lab)
    lab.paths["tun1"].isp.nft(STRIP)
    gateway = Gateway(lab, start=False)
    gateway.launch()
    gateway.ready(up=3)
    wait_for(lambda: path_of(gateway, "tun1")["state"] == "blocked", "tun1 to be BLOCKED", 60)
    note = path_of(gateway, "tun1")["note"]
    expect("MPTCP" in note, f"its note says {note!r}")
    expect(curl(lab, url).sha256 == web.sums["1M"], "the file arrived damaged")
    expect(gateway.status()["gateway"]["verdict"] == "degraded", "the whole is not DEGRADED")

    for path in lab.paths.values():
        if path.name != "tun1":
            path.isp.nft(STRIP)

    def fetch_and_ask():
        expect(curl(lab, url).sha256 == web.sums["1M"], "a file arrived damaged")
        return gateway.status()["gateway"]["verdict"] == "not-bonded"

    wait_for(fetch_and_ask, "the verdict NOT BONDED", 90)
    fallbacks = {labels["reason"]: value for labels, value in
                 prometheus.read(gateway.command("metrics").stdout)["mpgate_fallbacks_total"]}
    print(f"fallbacks: {fallbacks}")
    expect(fallbacks["exit"] + fallbacks["path"] + fallbacks["unknown"] >= 1 and not fallbacks["kernel"],
           "what became plain TCP was not counted")
    told = [line for line in gateway.command("log").stdout.splitlines() if " FALLBACK " in line]
    print(*told, sep="\n")
    expect(len(told) == 1 and f"{WEB}:80 runs as plain TCP: " in told[0], "not one event for one destination")


if __name__ == "__main__":
    run_story(story, profile="home")
