#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A line hangs up and comes back in the middle of a download, which does not notice."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story, wait_for


def of_path(lab, path):
    """Rules, routes and endpoints that the gateway keeps for the path's address."""
    kept = [lab.gw.run(command.split()).stdout for command in ("ip rule", "ip mptcp endpoint")]
    return [line for text in kept for line in text.splitlines() if path.address in line]


def story(lab):
    web = Web(lab)
    url = web.file("30M", 30_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    tun1 = lab.paths["tun1"]
    expect(len(of_path(lab, tun1)) == 2, f"for tun1 there is {of_path(lab, tun1)}")

    out = lab.dir / "30M.out"
    idle = tun1.stats()["down"]["bytes"]
    download = lab.lan.start("curl", ["curl", "-sS", "--fail", "-o", out, url])
    wait_for(lambda: tun1.stats()["down"]["bytes"] > idle + 500_000, "tun1 to carry")
    tun1.unplug()
    wait_for(lambda: not of_path(lab, tun1), "rule and endpoint of tun1 to go", 3)
    wait_for(lambda: state(gateway, "tun1") != "up", "tun1 not to be shown as up", 3)
    tun1.plug()
    gateway.ready()
    idle = tun1.stats()["down"]["bytes"]
    wait_for(lambda: tun1.stats()["down"]["bytes"] > idle + 500_000, "tun1 to carry again", 5)
    expect(download.wait(60) == 0, "the download failed")
    expect(out.read_bytes() == (lab.dir / "www/30M").read_bytes(), "the file arrived damaged")
    expect(len(of_path(lab, tun1)) == 2, f"for tun1 there is {of_path(lab, tun1)}")


def state(gateway, name):
    return next(p["state"] for p in gateway.status()["paths"] if p["name"] == name)


if __name__ == "__main__":
    run_story(story, profile="home")
