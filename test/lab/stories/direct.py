#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The only exit dies. With when-unreachable = "direct", connections go to their targets themselves."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import Failure, expect, run_story, wait_for

SIZE = 4_000_000


def fetch(lab, url):
    try:
        return curl(lab, url, "--max-time", "20")
    except Failure:
        return None


def note(gateway):
    return gateway.status()["exit"]["why"] or ""


def story(lab):
    web = Web(lab)
    url = web.file("page", SIZE)
    long_url = web.file("long", 3 * SIZE)
    server = Exit(lab)
    gateway = Gateway(lab, lan_extra='when-unreachable = "direct"')
    expect(fetch(lab, url), "nothing is carried at all")

    server.process.stop()
    wait_for(lambda: "direct" in note(gateway), "the policy to be shown", 5)
    before = gateway.path_bytes("rx")
    got = fetch(lab, url)
    expect(got and got.sha256 == web.sums["page"], "not fetched without the exit")
    wait_for(lambda: sum(gateway.path_bytes("rx").values()) >= sum(before.values()) + SIZE,
             "the bytes to be counted", 5)

    # the machine is gone too; routers on the way there still prove that the paths work
    lab.exit.nft("table inet dead { chain in { type filter hook input priority 0; policy drop; }; }")
    small_url = web.file("small", 20_000)

    def wanted():
        return [p for p in gateway.status()["paths"] if p["enabled"]]

    def paths_are_up():
        expect(fetch(lab, small_url), "not fetched without the exit")
        return all((p["state"], p["reason"]) == ("up", "exit-silent") and p["note"].startswith("net ok, singapore no")
                   for p in wanted())

    wait_for(paths_are_up, "the paths to be up without the exit", 30)
    expect(gateway.status()["gateway"]["verdict"] == "server-unreachable", "another verdict")

    # one of the lines dies, and no other
    dead = lab.paths["tun3"]
    dead.blackhole()
    wait_for(lambda: [p["name"] for p in wanted() if p["state"] == "down"] == ["tun3"], "the dead line to be down", 40)
    dead.blackhole(False)
    lab.exit.nft("delete table inet dead")

    slow = lab.lan.start("slow", ["curl", "-sS", "--fail", "-o", lab.dir / "slow.out",
                                  "--limit-rate", "600k", long_url])
    row = wait_for(lambda: json.loads(gateway.command("conns", "--json", "state:open").stdout)
                   ["connections"], "the connection to be listed", 5)[0]
    expect((row["mode"], row["reason"], row["exit"]) == ("tcp", "direct", None), f"told as {row}")
    expect(row["subflows"][0]["path"] and "not encrypted" in row["note"], f"told as {row}")
    server.start()
    wait_for(lambda: not note(gateway), "the exit to be used again", 20)
    expect(fetch(lab, url), "nothing is carried after the exit came back")
    expect(slow.wait(60) == 0, "the direct connection was cut: " + slow.log())


if __name__ == "__main__":
    run_story(story, profile="home")
