#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Twenty consoles of many sizes on one gateway: each draws its own, some may only look; those that are
stopped cost it nothing; they see it die and come back, and leave it running when they go."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, is_sanitized, line_bytes
from lab import expect, run_story, wait_for
from terminal import Console

SIZES = ((80, 24), (120, 40), (60, 16), (40, 8), (200, 60), (132, 43), (79, 23), (100, 30), (62, 18),
         (45, 10), (80, 50), (160, 24), (41, 9), (120, 20), (90, 28), (30, 5))
TEN_MINUTES = 600  # snapshots
GROWTH_KB = 1024
STALE_S = BACK_S = 3
LEAVE_S = 0.2


class Viewer(Console):
    """One that may look, but is neither root nor in the group that changes things."""

    def __init__(self, gateway):
        mpgate = shutil.copy(gateway.mpgate, gateway.lab.dir / "mpgate")  # where all may read it
        group = os.stat(gateway.control).st_gid
        super().__init__(gateway, mpgate=mpgate, prefix=["setpriv", "--reuid", 65534, "--regid", group,
                                                         "--clear-groups"])


def in_time(console, pattern, what, since, within_s):
    """Waits for a line and for no longer than `within_s` after `since`."""
    console.wait_for_line(pattern, what)
    took_s = time.monotonic() - since
    console.expect(took_s <= within_s, f"{what} took {took_s:.1f} s")
    return took_s


def draws_its_own(console):
    """The status line fills its width but for the last column, and no line is longer."""
    def right():
        lines = console.screen()
        return (re.match(r" ?mpgate.* OK\b", lines[0]) and max(map(len, lines)) < console.columns and
                (console.columns < 40 or re.search(r"\d\d:\d\d:\d\d$", lines[0]) and
                 len(lines[0]) == console.columns - 1))

    console.wait(right, f"a screen of {console.columns} columns")


def only_look(gateway, viewer, reader):
    """Nobody in particular, and one who was started so."""
    before = gateway.status()["paths"]
    for console, why in (viewer, "you are not in group mpgate-admin"), (reader, "started with --read-only"):
        console.wait_for_line("READ-ONLY", "that one may only look")
        for key in "E", "D", "R", "B", "3", "A":
            console.keys(key)
            console.wait_for_line(f"read-only: {why}", "the reason")
            console.expect(not console.shows(r"\[y\]"), f"{key} asks")
    after = gateway.status()["paths"]
    expect([(p["name"], p["enabled"], p["reserved"]) for p in before] ==
           [(p["name"], p["enabled"], p["reserved"]) for p in after], "something was changed")


def publish(gateway, count):
    """So many snapshots as fast as they are taken: each command makes one."""
    request = json.dumps({"request": "command", "verb": "ack", "object": "gw"}) + "\n"
    with socket.socket(socket.AF_UNIX) as sock, contextlib.closing(sock.makefile("r")) as answers:
        sock.settimeout(20)
        sock.connect(str(gateway.control))
        feeder = threading.Thread(target=sock.sendall, args=((request * count).encode(),), daemon=True)
        feeder.start()
        for _ in range(count):
            answer = json.loads(answers.readline())
            expect(answer.get("schema") == "mpgate.result", f"the gateway says {answer}")
        feeder.join()


def carried(lab, seconds):
    """Mbit/s over all lines, for a while."""
    before, began = sum(line_bytes(lab, "down").values()), time.monotonic()
    time.sleep(seconds)  # the span that is measured
    return (sum(line_bytes(lab, "down").values()) - before) * 8e-6 / (time.monotonic() - began)


def stopped(lab, gateway, consoles):
    """Half of them are stopped while a download runs, as long as it takes to make ten minutes' snapshots."""
    rate = wait_for(lambda: (r := carried(lab, 1)) > 18 and r, "full lines", 15)
    jobs, held = consoles[::4], consoles[2::4]
    for console in jobs:
        os.kill(console.pid(), signal.SIGSTOP)
    for console in held:
        console.keys("C-s")
    memory_kb = gateway.process.rss_kb()
    publish(gateway, TEN_MINUTES)
    still = carried(lab, 4)
    grown_kb = gateway.process.rss_kb() - memory_kb
    print(f"{len(jobs)} consoles stopped, {len(held)} held by Ctrl-S: {rate:.1f} Mbit/s before, {still:.1f} then; "
          f"{TEN_MINUTES} snapshots cost {grown_kb} KB", flush=True)
    # sanitized, twenty consoles take the processors that the download needs
    expect(is_sanitized(gateway) or still > 0.9 * rate, "the download suffers")
    expect(is_sanitized(gateway) or grown_kb <= GROWTH_KB, f"the gateway grew by {grown_kb} KB")
    for console in jobs:
        console.keys("fg", "C-j")  # Enter is not translated, as the console has left it
    for console in held:
        console.keys("C-q")
    for console in consoles:
        draws_its_own(console)


def restart(lab, gateway, consoles):
    """It is killed and comes back. What was seen before stays in the graph."""
    first = consoles[0]
    first.wait_for_line(r"peak +\d", "a peak")
    gateway.process.stop(signal.SIGKILL)
    began = time.monotonic()
    took_s = max(in_time(console, r"^ ?mpgate.* STALE", "STALE", began, STALE_S) for console in consoles
                 if console.columns >= 60)
    print(f"all STALE after {took_s:.1f} s")
    first.expect(first.row("ppp0").rx == "?", "numbers of a gateway that is gone are shown")
    peak = first.wait_for_line(r"peak +(\d+\.\d+)", "the peak")[1]
    gateway.launch()
    wait_for(lambda: gateway.status(), "the gateway to answer")
    began = time.monotonic()
    took_s = max(in_time(console, r"^ ?mpgate(?!.*(NO GATEWAY|STALE)).*\d/\d up|\d of \d paths? up",
                         "the new one", began, BACK_S) for console in consoles if console.columns >= 60)
    print(f"all back after {took_s:.1f} s")
    first.wait_for_verdict("OK")
    now = first.wait_for_line(r"peak +(\d+\.\d+)", "the peak")[1]
    first.expect(now == peak, f"the peak of the last minute was {peak}, and is {now}")


def leave(gateway, consoles):
    """`Q`, and the gateway goes on."""
    pid, took_s = gateway.status()["gateway"]["pid"], []
    for console in consoles:
        process = pathlib.Path(f"/proc/{console.pid()}")
        console.keys("Q")
        began = time.monotonic()
        wait_for(lambda: not process.exists(), "the console to end")
        took_s.append(time.monotonic() - began)
        console.wait_for_line("^mpgate: console closed, gateway", "its last words")
        console.expect_restored()
    print(f"left within {statistics.median(took_s) * 1000:.0f} ms, at most {max(took_s) * 1000:.0f}")
    expect(is_sanitized(gateway) or statistics.median(took_s) <= LEAVE_S, "leaving takes too long")
    expect(gateway.status()["gateway"]["pid"] == pid, "the gateway went with them")


def story(lab):
    url = Web(lab).endless()
    Exit(lab)
    gateway = Gateway(lab)
    consoles = [Console(gateway, columns=columns, rows=rows) for columns, rows in SIZES]
    consoles += [Console(gateway), Console(gateway), Viewer(gateway), Console(gateway, "--read-only")]
    for console in consoles:
        draws_its_own(console)
    print(f"{len(consoles)} consoles")
    download = lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", url])
    only_look(gateway, *consoles[-2:])
    stopped(lab, gateway, consoles[:-2])
    download.stop()
    restart(lab, gateway, consoles)
    leave(gateway, consoles[:6])


if __name__ == "__main__":
    run_story(story, profile="home")
