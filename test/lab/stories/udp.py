#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP of the LAN goes over the first path of the list that works, and over no other."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, line_bytes
from datagrams import Call, Echo
from lab import expect, run_story, wait_for

RESUMED_S = 1.0
VIA = ("tun0", "tun1")


def others(lab):
    """Bytes that paths carried that may not carry UDP; what is below is probes."""
    up = line_bytes(lab, "up")
    return sum(n for name, n in up.items() if name not in VIA)


def story(lab):
    echo = Echo(lab)
    Exit(lab)
    gateway = Gateway(lab, extra='udp { via = {"%s", "%s"} }' % VIA)
    first, second = (lab.paths[name] for name in VIA)
    wait_for(lambda: "over tun0" in gateway.process.log(), "tun0 to be chosen")
    call = Call(lab)
    call.talks(100)
    expect(lab.gw.run(["ip", "rule"]).stdout.count("fwmark 0x7") >= 4, "the rules of the marks lack")
    passing = wait_for(lambda: (totals := gateway.status()["totals"])["unproxied_udp_rx_bps"] and totals,
                       "what is not proxied to be counted")
    expect(passing["unproxied_udp_tx_bps"] and not passing["unproxied_rest_rx_bps"], f"it was {passing}")
    before = others(lab)

    first.blackhole()
    cut = time.monotonic()
    wait_for(lambda: any(t > cut + 0.3 for t, _ in call.answers), "answers over the second path", 5)
    call.talks(100)
    gap_s = call.largest_gap(cut, time.monotonic())
    print(f"no answer for {gap_s:.2f} s after the cut")
    expect(gap_s <= RESUMED_S, f"no answer for {gap_s:.2f} s")

    # back on its feet the first path gets new flows only, and only later
    first.blackhole(False)
    gateway.ready()
    peer = echo.peer
    call.talks(100)
    expect(echo.peer == peer, "the flow moved although its path works")

    leaked = others(lab) - before
    print(f"{leaked} bytes over other paths meanwhile")
    expect(leaked < 30_000, f"{leaked} bytes over paths that are not in the list")

    for name in VIA:
        lab.paths[name].blackhole()
    wait_for(lambda: call.refused, "UDP to be refused when no path of the list works", 10)
    before = others(lab)
    heard, refused = len(call.answers), call.refused
    wait_for(lambda: call.refused > refused + 1, "more refusals, of which the kernel sends one a second")
    expect(len(call.answers) == heard, "an answer came around the list")
    print(f"{others(lab) - before} bytes over other paths while it is refused")
    call.over.set()


if __name__ == "__main__":
    run_story(story, profile="home")
