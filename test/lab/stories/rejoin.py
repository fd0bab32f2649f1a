#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A line that was dead works again: connections that were open all along use it again.

    rejoin.py [RUNS]     how often each line dies and returns; by default two of them do, once

At the end one line returns while something on the way refuses further subflows, for a while.
"""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import WEB, expect, run_story, wait_for

IDLE = 5  # connections that wait for nothing
CARRIED = 100_000
WITHIN_S = 5  # of the first good probe
# A SYN with MP_JOIN, whose option is 12 bytes long; that of a first SYN has 4 (RFC 8684).
REFUSE_JOINS = """table ip refuse { chain forward { type filter hook forward priority 0;
    tcp flags & (syn | ack) == syn tcp option @30,8,8 12 reject with tcp reset
}; }"""


class Download(threading.Thread):
    """One that does not end."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.sock = lab.lan.connect(WEB, 80)
        self.sock.settimeout(10)
        self.sock.sendall(b"GET /endless HTTP/1.0\r\n\r\n")
        self.error = None
        self.start()

    def run(self):
        try:
            while self.sock.recv(1 << 16):
                pass
            self.error = "it ended"
        except OSError as error:
            self.error = error


def ask(sock):
    """The connection does something, and stays open."""
    sock.sendall(f"HEAD /empty HTTP/1.1\r\nHost: {WEB}\r\n\r\n".encode())
    expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "the web server does not answer")


def row(gateway, path):
    return next(p for p in gateway.status()["paths"] if p["name"] == path.name)


def die(gateway, path):
    path.blackhole()
    wait_for(lambda: row(gateway, path)["state"] == "down", f"{path.name} to be down")


def revive(gateway, path):
    """Returns when the first probe was answered."""
    path.blackhole(False)
    wait_for(lambda: row(gateway, path)["state"] != "down", f"an answer over {path.name}")
    return time.monotonic()


def joined(gateway, path):
    """Every connection has a subflow there, and somebody has looked."""
    now = row(gateway, path)
    return now["subflows"] > IDLE and not now["joins_missing"]


def come_back(gateway, path):
    before = row(gateway, path)["joins_ok"]
    die(gateway, path)
    start = revive(gateway, path)
    idle = path.stats()["down"]["bytes"]
    wait_for(lambda: path.stats()["down"]["bytes"] > idle + CARRIED, f"{path.name} to carry")
    took_s = time.monotonic() - start
    wait_for(lambda: joined(gateway, path), f"all subflows on {path.name}", WITHIN_S)
    wait_for(lambda: row(gateway, path)["joins_ok"] >= before + IDLE + 1, "them to be counted")
    print(f"{path.name}: {CARRIED // 1000} kB {took_s:.2f} s after the first answer", flush=True)
    expect(took_s <= WITHIN_S, f"{path.name} carried nothing for {took_s:.1f} s")


def come_back_refused(gateway, path):
    """The kernel tries a subflow once; mpgate sees that it failed, and tries again."""
    path.isp.nft(REFUSE_JOINS)
    die(gateway, path)
    revive(gateway, path)
    wait_for(lambda: row(gateway, path)["joins_failed"] >= IDLE + 1, "failures to be counted")
    expect(row(gateway, path)["state"] == "up", f"{path.name} is not up")
    path.isp.nft("delete table ip refuse")
    idle = path.stats()["down"]["bytes"]
    start = time.monotonic()
    wait_for(lambda: joined(gateway, path), f"all subflows on {path.name}", 10)
    wait_for(lambda: path.stats()["down"]["bytes"] > idle + CARRIED, f"{path.name} to carry", 2)
    print(f"{path.name}: refused, and joined {time.monotonic() - start:.1f} s after that ended")
    said = [e["text"] for e in gateway.status()["events"] if e["verb"] == "JOIN"]
    expect(any("did not" in text for text in said), f"no event of the failure: {said}")


def story(lab):
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    Web(lab).endless()
    Exit(lab)
    gateway = Gateway(lab)
    download = Download(lab)
    waiting = [lab.lan.connect(WEB, 80) for _ in range(IDLE)]
    for sock in waiting:
        ask(sock)
    paths = [path for path in lab.paths.values() if not path.line.optional]
    for path in paths:
        wait_for(lambda path=path: joined(gateway, path), f"all subflows on {path.name}")
    # that on which they began, which is id 0 for good, and another
    for path in paths * runs or paths[:2]:
        come_back(gateway, path)
        for sock in waiting:  # or the web server closes them
            ask(sock)
    come_back_refused(gateway, paths[-1])
    expect(not download.error, f"the download broke: {download.error}")
    expect(all(sock.fileno() >= 0 for sock in waiting), "a waiting connection is gone")


if __name__ == "__main__":
    run_story(story, profile="home", timeout_s=400)
