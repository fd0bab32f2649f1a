#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams come back to the best path when it has been well for a while; pinned QUIC does not."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from datagrams import Call, Echo
from lab import EXIT, expect, run_story, wait_for

RESUMED_S = 1.0
HOME_S = 30  # of plan/relay_udp.c
VIA = ("tun0", "tun1")


def carried_by(gateway):
    return {name: gateway.path(name)["associations"] for name in VIA}


def story(lab):
    echo, quic_echo = Echo(lab), Echo(lab, port=443)
    Exit(lab)
    gateway = Gateway(lab, extra='udp { mode = "relay"\n quic = "pin"\n via = {"%s", "%s"}\n }' % VIA)
    first, second = (lab.paths[name] for name in VIA)
    wait_for(lambda: "over tun0" in gateway.process.log(), "tun0 to be chosen")
    wait_for(lambda: gateway.status()["exit"]["service"], "the exit's service")
    call, quic = Call(lab), Call(lab, port=443)
    call.talks()
    quic.talks()
    peer, quic_peer = echo.peer, quic_echo.peer
    wait_for(lambda: carried_by(gateway) == {"tun0": 2, "tun1": 0}, "both to be told of")

    first.blackhole()
    wait_for(lambda: carried_by(gateway) == {"tun0": 0, "tun1": 2}, "both to move", 5)
    call.talks()
    quic.talks()
    first.blackhole(False)
    gateway.ready()
    back = time.monotonic()
    wait_for(lambda: carried_by(gateway) == {"tun0": 1, "tun1": 1}, "one to go home", HOME_S + 20)
    print(f"home {time.monotonic() - back:.1f} s after its path was up again")
    expect(time.monotonic() - back > HOME_S - 5, "it went home too soon")
    call.talks()
    quic.talks()

    second.blackhole()
    cut = time.monotonic()
    wait_for(lambda: any(t > cut + 0.3 for t, _ in quic.answers), "QUIC to move", 5)
    call.talks()
    quic.talks()
    gap_s = quic.largest_gap(cut, time.monotonic())
    print(f"QUIC: nothing for {gap_s:.2f} s after the cut")
    expect(gap_s <= RESUMED_S, f"QUIC: nothing for {gap_s:.2f} s")
    expect(echo.peers == {peer} and quic_echo.peers == {quic_peer} and peer[0] == EXIT,
           f"the ports at the exit were {echo.peers} and {quic_echo.peers}")
    call.over.set()
    quic.over.set()


if __name__ == "__main__":
    run_story(story, profile="home")
