#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who switches off the last working path may have cut himself off: it comes back unless he says that
he is still there."""
import datetime
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import expect, run_story, wait_for


def seconds(time):
    return datetime.datetime.fromisoformat(time).timestamp()


def state(gateway):
    return gateway.status()["paths"][0]["state"]


def story(lab):
    Exit(lab)
    gateway = Gateway(lab, paths=[lab.paths["ppp0"]])

    done = gateway.command("disable", "ppp0", check=False)
    expect(done.returncode and state(gateway) == "up", "it was cut without a word")
    gateway.command("disable", "ppp0", "--yes")
    expect(state(gateway) == "off", "it is not off")
    status = gateway.status()
    left_s = seconds(status["gateway"]["revert_at"]) - seconds(status["time"])
    expect(290 < left_s <= 300, f"it comes back in {left_s} s")
    gateway.command("revert")
    wait_for(lambda: state(gateway) == "up", "it to be up again")

    gateway.command("disable", "ppp0", "--yes")
    gateway.command("confirm")
    expect(not gateway.status()["gateway"]["revert_at"], "it would still come back")
    gateway.command("revert")
    expect(state(gateway) == "off", "it came back although it was kept off")
    gateway.command("enable", "ppp0")
    wait_for(lambda: state(gateway) == "up", "it to be up when it is wanted")


if __name__ == "__main__":
    run_story(story, profile="home")
