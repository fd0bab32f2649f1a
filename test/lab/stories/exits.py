#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The default exit's server dies and comes back: new connections move on, and later back."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway, Web, curl
from lab import EXIT, Failure, expect, run_story, wait_for

SECOND_PORT = PORT + 1
EXITS = f"""
exit frankfurt {{ address = "{EXIT}"
                 port = {SECOND_PORT}
                 key-file = "%s" }}
"""


def fetches(lab, url):
    try:
        return curl(lab, url, "--max-time", "3").bytes > 0
    except Failure:
        return False


def wait_until_fetched(lab, url, what, limit_s):
    """Tries new connections until one succeeds; returns after how long."""
    began = time.monotonic()
    wait_for(lambda: fetches(lab, url), what, 20)
    took_s = time.monotonic() - began
    expect(took_s <= limit_s, f"{what} took {took_s:.2f} s")
    return took_s


def exit_in_use(gateway):
    return gateway.status()["exit"]["name"]


def story(lab):
    web = Web(lab)
    url = web.file("page", 20_000)
    long_url = web.file("long", 30_000_000)
    first = Exit(lab)
    second = Exit(lab, port=SECOND_PORT, name="second")
    gateway = Gateway(lab, extra=EXITS % (lab.dir / "gateway.key"))
    expect(fetches(lab, url), "nothing is carried at all")

    # one that runs over the second exit goes on whatever happens to the first
    first.process.stop()
    took_s = wait_until_fetched(lab, url, "moving on to the second exit", 2)
    expect(exit_in_use(gateway) == "frankfurt", "something else was used")
    print(f"moved on after {took_s:.2f} s: {gateway.status()['exit']['why']}")

    slow = lab.lan.start("slow", ["curl", "-sS", "--fail", "-o", lab.dir / "slow.out",
                                  "--limit-rate", "500k", long_url])
    first.start()
    for _ in range(20):  # not at once
        expect(fetches(lab, url), "a connection failed meanwhile")
        expect(exit_in_use(gateway) == "frankfurt", "went back too early")
        time.sleep(1)
    wait_for(lambda: exit_in_use(gateway) == "singapore", "going back", 20)
    expect(fetches(lab, url), "nothing is carried after going back")
    expect(slow.wait(60) == 0, "a running connection was cut: " + slow.log())

    # it falls silent, as when its machine dies; it failed soon after we went back to it
    lab.exit.nft(f"""table inet dead {{ chain in {{ type filter hook input priority 0;
        tcp dport {PORT} drop; }}; }}""")
    began = time.monotonic()
    dialling = lab.lan.start("dialling", ["curl", "-sS", "--fail", "--max-time", "8", "--proxy", "",
                                          "-o", "/dev/null", url])
    wait_for(lambda: exit_in_use(gateway) == "frankfurt", "moving on from a silent exit", 10)
    took_s = time.monotonic() - began
    expect(dialling.wait(4) == 0, "one that was being dialled did not move on: " + dialling.log())
    print(f"moved on after {took_s:.2f} s: {gateway.status()['exit']['why']}")
    expect(took_s < 4, "too late")
    expect(fetches(lab, url), "nothing is carried by the exit that stands in")

    # with none left: refused, and shown
    first.process.stop()
    second.process.stop()
    wait_for(lambda: "refused" in (gateway.status()["exit"]["why"] or ""), "the policy to be shown", 5)
    wait_for(lambda: gateway.status()["gateway"]["verdict"] == "server-unreachable", "the verdict", 5)
    expect(not fetches(lab, url), "went somewhere although no exit is there")


if __name__ == "__main__":
    run_story(story, profile="home")
