#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A line goes silent in the middle of a download, its link stays up; the bytes go on coming.

    silent.py [PATH] [RUNS]     by default the path that the connection begins on, three runs
"""
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, lines_rest
from lab import WEB, expect, run_story, wait_for

SIZE = 60_000_000
WATCH_S = 6  # after the cut
WORST_S = 1.0
MEDIAN_S = 0.5
NAMED_S = 2


class Download(threading.Thread):
    """Fetches a file and notes when bytes arrived."""

    def __init__(self, lab, name):
        super().__init__(daemon=True)
        self.sock = lab.lan.connect(WEB, 80)
        self.sock.sendall(f"GET /{name} HTTP/1.0\r\n\r\n".encode())
        self.arrivals = [(time.monotonic(), 0)]
        self.error = None
        self.start()

    def run(self):
        try:
            while chunk := self.sock.recv(1 << 16):
                self.arrivals.append((time.monotonic(), len(chunk)))
        except OSError as error:
            self.error = error

    def bytes(self):
        return sum(n for _, n in self.arrivals)

    def largest_gap(self, start, end):
        """Between two arrivals, or the bounds, in seconds."""
        times = [start] + [t for t, _ in self.arrivals if start < t < end] + [end]
        return max(b - a for a, b in zip(times, times[1:]))


def state(gateway, name):
    return next(p["state"] for p in gateway.status()["paths"] if p["name"] == name)


def cut_once(lab, gateway, path):
    """Returns the largest gap, and how long the gateway took to say so."""
    idle = path.stats()["down"]["bytes"]
    download = Download(lab, "60M")
    wait_for(lambda: path.stats()["down"]["bytes"] > idle + 1_500_000, f"{path.name} to carry")
    path.blackhole()
    cut = time.monotonic()
    wait_for(lambda: state(gateway, path.name) == "down", f"{path.name} to be shown as down",
             NAMED_S)
    named_s = time.monotonic() - cut
    time.sleep(max(0, cut + WATCH_S - time.monotonic()))  # the span that is judged
    gap_s = download.largest_gap(cut, cut + WATCH_S)
    expect(not download.error, f"the download broke: {download.error}")
    back(lab, gateway, path, download)
    download.sock.close()
    return gap_s, named_s


def back(lab, gateway, path, download):
    """The line works again: connections that were open all along use it."""
    path.blackhole(False)
    start = time.monotonic()
    wait_for(lambda: state(gateway, path.name) == "up", f"{path.name} to be up again", 10)
    up_s = time.monotonic() - start
    idle = path.stats()["down"]["bytes"]
    wait_for(lambda: path.stats()["down"]["bytes"] > idle + 100_000, f"{path.name} to carry", 5)
    print(f"  {path.name} up after {up_s:.2f} s, carries after {time.monotonic() - start:.2f} s, "
          f"largest gap {download.largest_gap(start, time.monotonic()):.2f} s")


def story(lab):
    name = sys.argv[1] if len(sys.argv) > 1 else "ppp0"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    Web(lab).file("60M", SIZE)
    Exit(lab)
    gateway = Gateway(lab)
    gaps = []
    for _ in range(runs):
        lines_rest(lab)
        gap_s, named_s = cut_once(lab, gateway, lab.paths[name])
        print(f"{name}: largest gap {gap_s:.2f} s, named after {named_s:.2f} s", flush=True)
        gaps.append(gap_s)
        gateway.ready()
    print(f"median gap {statistics.median(gaps):.2f} s, worst {max(gaps):.2f} s")
    expect(max(gaps) <= WORST_S, f"a gap of {max(gaps):.2f} s")
    expect(statistics.median(gaps) <= MEDIAN_S, f"a median gap of {statistics.median(gaps):.2f} s")


if __name__ == "__main__":
    run_story(story, profile="home")
