#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The line on which connections begin goes silent: new ones begin elsewhere, at once.

    dead-start.py [ROUNDS]      rounds of 50 connections, by default one
"""
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import WEB, expect, run_story, wait_for

CONNECTIONS = 50
EVERY_S = 0.05  # so that many fall into the first second after the cut
LATE_S = 0.3


def first_byte_s(lab):
    """Of a new connection that asks for a small file."""
    began = time.monotonic()
    with lab.lan.connect(WEB, 80, timeout_s=10) as sock:
        sock.sendall(b"GET /10k HTTP/1.0\r\n\r\n")
        sock.recv(1)
        taken = time.monotonic() - began
        got = 1
        while chunk := sock.recv(1 << 16):
            got += len(chunk)
    expect(got > 10_000, f"only {got} bytes came")
    return taken


def series(lab):
    taken = []
    for _ in range(CONNECTIONS):
        began = time.monotonic()
        taken.append(first_byte_s(lab))
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))  # the pace of the clients
    return sorted(taken)


def story(lab):
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    Web(lab).file("10k", 10_000)
    Exit(lab)
    gateway = Gateway(lab)
    line = lab.paths["ppp0"]  # the one with the least round-trip time
    for _ in range(rounds):
        healthy = series(lab)
        line.blackhole()
        dead = series(lab)
        wait_for(lambda: any(p["name"] == "ppp0" and p["state"] != "up"
                             for p in gateway.status()["paths"]), "the gateway to name ppp0", 5)
        print(f"time to first byte, healthy: median {statistics.median(healthy) * 1000:.0f} ms, "
              f"worst {healthy[-1] * 1000:.0f} ms; while ppp0 is silent: "
              f"median {statistics.median(dead) * 1000:.0f} ms, worst {dead[-1] * 1000:.0f} ms",
              flush=True)
        expect(dead[-1] <= statistics.median(healthy) + LATE_S,
               f"a connection waited {dead[-1]:.2f} s for its first byte")
        line.blackhole(False)
        gateway.ready()


if __name__ == "__main__":
    run_story(story, profile="home")
