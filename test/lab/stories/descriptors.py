#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Out of descriptors: new connections wait or are refused, the old ones notice nothing."""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, converse, curl
from lab import WEB, expect, run_story, wait_for

CROWD = 300
FEW = 128  # descriptors for a process that would need twice CROWD


def story(lab):
    web = Web(lab)
    url = web.file("10k", 10_000)
    exit, gateway = Exit(lab), Gateway(lab)
    for relay in gateway.process, exit.process:
        with converse(lab, 7000) as (client, server):
            lab.gw.run(["prlimit", f"--pid={relay.pid}", f"--nofile={FEW}:"])
            crowd(lab, relay)
            client.sendall(b"still here")
            expect(server.recv(64) == b"still here", f"{relay.name}: the old connection suffered")
            expect(relay.alive(), f"{relay.name} died of too many connections")

        def served():
            return lab.lan.run(["curl", "-sS", "-m", 2, "-o", "/dev/null", url],
                               check=False).returncode == 0

        wait_for(served, f"{relay.name} to serve again", 20)
        lab.gw.run(["prlimit", f"--pid={relay.pid}", "--nofile=4096:"])
        expect(curl(lab, url).sha256 == web.sums["10k"], "the file arrived damaged")


def crowd(lab, relay):
    """Many connections at once that ask for something, and hang on until the relay has had enough."""
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            with contextlib.suppress(OSError):
                sock = stack.enter_context(lab.lan.connect(WEB, 80, timeout_s=1))
                sock.sendall(b"GET /10k HTTP/1.0\r\n\r\n")
        wait_for(lambda: "descriptor limit" in relay.log(), f"{relay.name} to say what it lacks")


if __name__ == "__main__":
    run_story(story, profile="raw")
