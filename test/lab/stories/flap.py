#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A line that dies and returns every 3 seconds for two minutes costs no connection, and is held down."""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import WEB, expect, run_story, wait_for

FOR_S, EVERY_S = 120, 3


class Reader(threading.Thread):
    """Reads a long file slowly enough to last, and remembers how it ended."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.sock = lab.lan.connect(WEB, 80, timeout_s=30)
        self.sock.sendall(b"GET /long HTTP/1.0\r\n\r\n")
        self.bytes, self.error = 0, None
        self.start()

    def run(self):
        try:
            while chunk := self.sock.recv(1 << 16):
                self.bytes += len(chunk)
        except OSError as error:
            self.error = error


def story(lab):
    Web(lab).file("long", 600_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    readers = [Reader(lab) for _ in range(5)]
    line = lab.paths["tun1"]
    for turn in range(FOR_S // EVERY_S):
        line.blackhole(turn % 2 == 0)
        time.sleep(EVERY_S)  # the fault's own rhythm
        expect(not any(reader.error for reader in readers), f"turn {turn}: a connection broke")
    line.blackhole(False)
    path = next(p for p in gateway.status()["paths"] if p["name"] == "tun1")
    print(f"tun1 is {path['state']}: {path['note']}")
    expect(path["state"] == "flapping", f"tun1 is {path['state']}, not FLAPPING")
    before = [reader.bytes for reader in readers]
    wait_for(lambda: all(reader.bytes > was + 100_000 for reader, was in zip(readers, before)),
             "all connections to go on", 20)
    for reader in readers:
        reader.sock.close()


if __name__ == "__main__":
    run_story(story, profile="home", timeout_s=300)
