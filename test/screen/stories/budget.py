#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A serial line carries 960 bytes a second: what the console sends must leave room for keys.

Five busy paths whose rates change every second, at 80x24 on a vt220.
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import STATES, expect, run_story, wait_for  # noqa: E402

FIRST_PAINT = 2500
REFRESH = 600
REFRESHES = 8


def write_states(path):
    """Thirty seconds of a household that downloads and browses."""
    chance = random.Random(1)
    history, state = map(json.loads, (STATES / "ok.jsonl").read_text().splitlines())
    lines = [history]
    for _ in range(30):
        for p in state["paths"]:
            p.update(state="up", note="up 12d 03h", rtt_us=chance.randint(20000, 90000),
                     loss_ratio=chance.choice((0.0, 0.0, 0.001, 0.004)),
                     rx_bps=chance.randint(500000, 4000000), tx_bps=chance.randint(20000, 300000),
                     subflows=chance.randint(35, 45))
        total = sum(p["rx_bps"] for p in state["paths"])
        for p in state["paths"]:
            p["share_ratio"] = p["rx_bps"] / total
        state["totals"].update(rx_bps=total, tx_bps=sum(p["tx_bps"] for p in state["paths"]),
                               subflows=sum(p["subflows"] for p in state["paths"]))
        lines.append(json.loads(json.dumps(state)))
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")


def story(stage):
    states = stage.dir / "busy.jsonl"
    write_states(states)
    stage.gateway(states, "-n", "-l", "-i", "1000")
    terminal = stage.pty(env={"TERM": "vt220", "LANG": "C"})
    terminal.wait("q:Quit")
    terminal.drain(0.3)
    first = len(terminal.sent)
    sizes = []
    wait_for(lambda: sizes.append(terminal.drain(0.3)) or sum(map(bool, sizes)) >= REFRESHES,
             f"{REFRESHES} refreshes", 3 * REFRESHES)
    sizes = [size for size in sizes if size]
    print(f"first paint {first} bytes, refreshes {sizes}")
    expect(first <= FIRST_PAINT, f"the first paint takes {first} bytes, more than {FIRST_PAINT}")
    average = sum(sizes) / len(sizes)
    expect(average <= REFRESH, f"a refresh takes {average:.0f} bytes, more than {REFRESH}")
    expect(not terminal.vt.unknown, f"sequences no VT100 knows: {terminal.vt.unknown}")
    terminal.type(b"q")
    expect(terminal.wait_end() == 0, "status is not 0")


if __name__ == "__main__":
    run_story(story)
