#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures mpgate and the parts of 2014 on today's kernel, in the same lab, in turn.

    test/bench/bench.py [--rounds N] [--side ours|peer]

The peer is Debian's ss-redir and ss-server under `mptcpize run`, with endpoints, rules and tables
set by hand; both use aes-256-gcm. Each round measures one, then the other, each in a lab raised
afresh, so that neither finds the other's TCP metrics; shown are the medians of all rounds. Ratios
are made so that more than 1 means that ours is better. `make bench` runs it in the build directory.
"""
import argparse
import contextlib
import pathlib
import platform
import re
import resource
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
from actors import Exit, Gateway, Peer, Web, curl, read_all
from lab import WEB, Lab, expect, noise

IDLE_CONNECTIONS = 1000
FETCHES = 15
REQUESTS = 10_000
QUESTION, ANSWER = noise(300), noise(20_000)

# figure, unit, is more better
FIGURES = (
    ("one stream over raw", "Mbit/s", True),
    ("new connections of 10 KB over raw", "/s", True),
    ("gateway's memory per idle connection", "KB", False),
    ("time to first byte of 10 KB over home", "ms", False),
    ("20 MB over home", "Mbit/s", True),
)


def start_ours(lab):
    Exit(lab)
    gateway = Gateway(lab)
    if "wwan0" in lab.paths:
        gateway.enable("wwan0")
    return gateway.process


def start_peer(lab):
    return Peer(lab).redir


SIDES = {"ours": start_ours, "peer": start_peer}


def connections_per_second(lab, url):
    out = lab.lan.run(["ab", "-q", "-c", 100, "-n", REQUESTS, url], timeout_s=120).stdout
    expect(re.search(r"Failed requests:\s+0\n", out), f"ab: {out}")
    return float(re.search(r"Requests per second:\s+([\d.]+)", out)[1])


def idle_kb(lab, gateway):
    """What the gateway's memory grows by for a connection that has said something and waits."""
    before = gateway.rss_kb()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(lab.web.listen(7000))
        for _ in range(IDLE_CONNECTIONS):
            client = stack.enter_context(lab.lan.connect(WEB, 7000))
            client.sendall(QUESTION)
            server = stack.enter_context(listener.accept()[0])
            expect(read_all(server, len(QUESTION)) == QUESTION, "the question arrived damaged")
            server.sendall(ANSWER)
            expect(read_all(client, len(ANSWER)) == ANSWER, "the answer arrived damaged")
        return (gateway.rss_kb() - before) / IDLE_CONNECTIONS


def measure(side):
    """One value for each of FIGURES."""
    with Lab("raw") as lab:
        web = Web(lab)
        large, small = web.file("500M", 500_000_000), web.file("10k", 10_000)
        gateway = SIDES[side](lab)
        curl(lab, small)
        memory = idle_kb(lab, gateway)
        rate = connections_per_second(lab, small)
        stream = curl(lab, large).mbps
    with Lab("home") as lab:
        web = Web(lab)
        large, small = web.file("20M", 20_000_000), web.file("10k", 10_000)
        SIDES[side](lab)
        curl(lab, small)
        first = statistics.median(curl(lab, small).first_byte_s for _ in range(FETCHES))
        got = curl(lab, large)
        expect(got.sha256 == web.sums["20M"], "the file arrived damaged")
    return stream, rate, memory, first * 1000, got.mbps


def table(values):
    """values: side -> list of rounds"""
    medians = {side: [statistics.median(column) for column in zip(*rounds)]
               for side, rounds in values.items()}
    print(f"{'':40}{'':8}" + "".join(f"{side:>10}" for side in medians) + f"{'ratio':>8}")
    for i, (figure, unit, more) in enumerate(FIGURES):
        row = [column[i] for column in medians.values()]
        ratio = ""
        if len(row) == 2 and all(row):
            ratio = f"{row[0] / row[1] if more else row[1] / row[0]:8.2f}"
        print(f"{figure:40}{unit:8}" + "".join(f"{value:10.1f}" for value in row) + ratio)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, action="append")
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    values = {side: [] for side in args.side or SIDES}
    for number in range(args.rounds):
        for side in values:
            values[side].append(measure(side))
            print(f"round {number + 1} {side}: "
                  + ", ".join(f"{value:.1f} {unit}"
                              for value, (_, unit, _) in zip(values[side][-1], FIGURES)),
                  file=sys.stderr, flush=True)
    print(f"Linux {platform.release()}, medians of {args.rounds} rounds")
    table(values)


if __name__ == "__main__":
    main()
