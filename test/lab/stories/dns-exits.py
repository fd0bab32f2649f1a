#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS follows the choice of the exit: to the one that stands in, and without the exits when all are gone."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway
from lab import EXIT, WEB, expect, run_story, wait_for
from names import ANSWER, Asker, NameServer

# The gateway is to find out first.
FOUND_OUT_S = 4.0


def goes_on(asker, since, what):
    wait_for(lambda: asker.answered(since + 1)[0] >= 20, f"answers {what}", 20)
    asked = [number for number, sent in list(asker.sent.items()) if sent > since - 0.2]
    wait_for(lambda: all(number in asker.took for number in asked), f"the rest of the answers {what}")
    longest_s = max(asker.took[number] for number in asked)
    print(f"{what}: {len(asked)} answers, the slowest after {longest_s:.2f} s")
    expect(longest_s < FOUND_OUT_S, f"{what}: an answer took {longest_s:.2f} s")
    expect(not asker.failed, f"{what}: wrong answers {asker.failed}")


def story(lab):
    NameServer(lab, lab.web, WEB, f"--address=/wild.lab.test/{ANSWER}", "--local=/lab.test/")
    first, second = Exit(lab), Exit(lab, port=PORT + 1, name="second")
    Gateway(lab, lan_extra='when-unreachable = "direct"', extra=f"""\
exit second {{ address = "{EXIT}"
              port = {PORT + 1}
              key-file = "{lab.dir / 'gateway.key'}" }}
dns {{ upstream = {{"{WEB}"}} }}""")
    asker = Asker(lab)
    wait_for(lambda: len(asker.took) >= 20, "answers")
    first.process.stop()
    goes_on(asker, time.monotonic(), "through the second exit")
    second.process.stop()
    goes_on(asker, time.monotonic(), "without an exit")
    asker.over.set()


if __name__ == "__main__":
    run_story(story, profile="home")
