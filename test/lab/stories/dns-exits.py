#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS follows the choice of the exit: to the one that stands in, without the exits when all are gone, and
back to one that is there again."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway
from lab import EXIT, WEB, expect, run_story, wait_for
from names import ANSWER, Asker, NameServer

NAMES = r"n(?:\d+)\.wild\.lab\.test"

# The gateway is to find out first.
FOUND_OUT_S = 4.0
# It tells of the exit's return in the same moment.
SETTLED_S = 0.3


def goes_on(asker, since, what):
    wait_for(lambda: asker.answered(since + 1)[0] >= 20, f"answers {what}", 20)
    asked = [number for number, sent in asker.sent.copy().items() if sent > since - 0.2]
    wait_for(lambda: all(number in asker.took for number in asked), f"the rest of the answers {what}")
    longest_s = max(asker.took[number] for number in asked)
    print(f"{what}: {len(asked)} answers, the slowest after {longest_s:.2f} s")
    expect(longest_s < FOUND_OUT_S, f"{what}: an answer took {longest_s:.2f} s")
    expect(not asker.failed, f"{what}: wrong answers {asker.failed}")


def askers(server):
    """Who asked, by number of the question; the last one counts."""
    return {int(name.split(".")[0][1:]): source for name, source in server.askers(NAMES)}


def asked_by_the_exit(server, numbers, what):
    other = {number: source for number, source in askers(server).items() if number in numbers and source != EXIT}
    expect(not other, f"{what}: not asked by the exit, but by {other}")


def returns_to_the_exit(lab, gateway, asker, server, exit):
    """At once: a stream past the exit does not stay because it works."""
    exit.start()
    wait_for(lambda: gateway.status()["exit"]["reachable"], "the exit to be back", 30)
    back = time.monotonic()
    goes_on(asker, back, "through the exit that is back")
    asker.stop()
    asked_by_the_exit(server, [n for n, sent in asker.sent.items() if sent > back + SETTLED_S], "with the exit back")
    left = lab.gw.run(["ss", "-Htn", "dst", f"{WEB}:53"]).stdout
    expect(not left, f"streams past the exit are left: {left}")


def story(lab):
    server = NameServer(lab, lab.web, WEB, f"--address=/wild.lab.test/{ANSWER}", "--local=/lab.test/")
    first, second = Exit(lab), Exit(lab, port=PORT + 1, name="second")
    gateway = Gateway(lab, lan_extra='when-unreachable = "direct"', extra=f"""\
local = yes
exit second {{ address = "{EXIT}"
              port = {PORT + 1}
              key-file = "{lab.dir / 'gateway.key'}" }}
dns {{ upstream = {{"{WEB}"}} }}""")
    asker = Asker(lab)
    wait_for(lambda: len(asker.took) >= 20, "answers")
    first.process.stop()
    goes_on(asker, time.monotonic(), "through the second exit")
    asked_by_the_exit(server, askers(server), "with an exit")
    second.process.stop()
    goes_on(asker, time.monotonic(), "without an exit")
    expect(askers(server)[max(askers(server))] != EXIT, "asked by an exit that is not there")
    carried = json.loads(gateway.command("conns", "--json").stdout)["accepted"]
    expect(carried == 0, f"{carried} streams to name servers were carried as if they were other programs'")
    returns_to_the_exit(lab, gateway, asker, server, first)


if __name__ == "__main__":
    run_story(story, profile="home")
