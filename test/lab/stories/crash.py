#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 in the middle of a download: nothing stays in the LAN's way, and a restart cleans up."""
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl, line_bytes
from lab import expect, run_story, wait_for


def kernel_state(ns):
    """What mpgate changes in the kernel, as text by kind."""
    state = {command: ns.run(command.split()).stdout for command in (
        "ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all",
        "ip mptcp endpoint", "ip mptcp limits", "nft list ruleset")}
    sysctls = ns.run(["sysctl", "-a", "-r", r"^net\.(mptcp|core|ipv[46])\."], check=False).stdout
    state["sysctl"] = "\n".join(line for line in sysctls.splitlines() if "expires" not in line)
    return state


def differences(before, after):
    out = []
    for kind in before:
        old, new = set(before[kind].splitlines()), set(after[kind].splitlines())
        out += [f"{kind}: gone: {line}" for line in old - new]
        out += [f"{kind}: new: {line}" for line in new - old]
    return "\n".join(out)


def story(lab):
    web = Web(lab)
    url = web.file("20M", 20_000_000)
    small = web.file("10k", 10_000)
    wait_for(lambda: lab.gw.run("ip -6 addr show dev br0 scope link -tentative".split()).stdout,
             "the link-local address of br0")
    before = kernel_state(lab.gw)
    Exit(lab)
    gateway = Gateway(lab)
    first = kernel_state(lab.gw)
    expect("mpgate" in first["nft list ruleset"], "there is no table mpgate to begin with")

    idle = sum(line_bytes(lab, "down").values())
    download = lab.lan.start("curl", ["curl", "-sS", "-o", "/dev/null", url])
    wait_for(lambda: sum(line_bytes(lab, "down").values()) > idle + 2_000_000, "2 MB to come down")
    gateway.process.stop(signal.SIGKILL)
    wait_for(lambda: "mpgate" not in lab.gw.run(["nft", "list", "tables"]).stdout,
             "the table mpgate to vanish", 1)
    expect(download.wait(10) != 0, "the download claims to be complete")

    gateway.start()
    again = kernel_state(lab.gw)
    for kind in "ip rule", "ip -6 rule", "ip mptcp endpoint":
        expect(len(again[kind].splitlines()) == len(first[kind].splitlines()),
               f"after the restart, {kind} shows\n{again[kind]}\nand before it\n{first[kind]}")
    expect(curl(lab, small).sha256 == web.sums["10k"], "after the restart a file arrived damaged")

    expect(gateway.process.stop() == 0, "mpgate gateway did not end with status 0")
    left = differences(before, kernel_state(lab.gw))
    expect(not left, f"left behind after a crash, a restart and a clean stop:\n{left}")


if __name__ == "__main__":
    run_story(story, profile="home")
