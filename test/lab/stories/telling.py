#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the gateway tells others of itself: the service manager, when it serves and how it is; a scraper and
node_exporter, its numbers in the form that promtool takes."""
import os
import pathlib
import re
import signal
import socket
import sys
import time

TEST = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TEST / "lab"), str(TEST / "screen")]
import prometheus
from actors import PORT, Exit, Gateway, Web, curl
from lab import expect, run_story, wait_for

CHANGE_S = 5
FAMILIES = {"mpgate_build_info", "mpgate_path_up", "mpgate_path_state", "mpgate_path_receive_bytes_total",
            "mpgate_path_transmit_bytes_total", "mpgate_path_rtt_seconds", "mpgate_path_loss_ratio",
            "mpgate_path_subflows", "mpgate_path_state_changes_total", "mpgate_connections",
            "mpgate_fallbacks_total", "mpgate_exit_up"}


class Manager:
    """A service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.setblocking(False)
        self.lines = []

    def read(self):
        while True:
            try:
                self.lines += self.sock.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.lines

    def forget(self):
        self.read()
        self.lines.clear()

    def wait(self, pattern, timeout_s=15):
        """Until a line of it came."""
        return wait_for(lambda: next((line for line in self.read() if re.search(pattern, line)), None),
                        f"{pattern!r} to be told, after {self.lines}", timeout_s)

    def status(self):
        return next((line for line in reversed(self.read()) if line.startswith("STATUS=")), "")


class Told(Gateway):
    manager = None

    def launch(self):
        os.environ.update(NOTIFY_SOCKET=self.manager.path, WATCHDOG_USEC="3000000")
        try:
            super().launch()
        finally:
            del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]


def story(lab):
    web = Web(lab)
    url = web.file("1k", 1000)
    Exit(lab)
    manager = Told.manager = Manager(lab.dir / "notify")
    textfile = lab.dir / "mpgate.prom"

    # it is not ready before a path is proved, and then a connection gets through at once
    lab.exit.nft(f"table inet shut {{ chain in {{ type filter hook input priority 0; tcp dport {PORT} drop; }}; }}")
    gateway = Told(lab, extra=f'metrics {{ textfile = "{textfile}" port = 0 }}', start=False)
    gateway.launch()
    manager.wait("^STATUS=STARTING")
    expect("READY=1" not in manager.read(), f"it is ready before it serves: {manager.lines}")
    lab.exit.nft("delete table inet shut")
    manager.wait("^READY=1")
    expect(curl(lab, url, timeout_s=5).bytes == 1000, "it is ready, but nothing gets through")
    gateway.ready()
    wait_for(lambda: manager.status().startswith("STATUS=2 of 2 paths up"), "the sentence of a good day")
    manager.wait("^WATCHDOG=1")

    # a change is told
    manager.forget()
    lab.paths["eth2"].unplug()
    began = time.monotonic()
    manager.wait(r"^STATUS=1 of 2 paths up, eth2 DOWN", CHANGE_S)
    print(f"{manager.status()} after {time.monotonic() - began:.1f} s")
    manager.forget()
    gateway.process.send(signal.SIGHUP)
    manager.wait("^RELOADING=1")
    manager.wait("^MONOTONIC_USEC=[1-9]")
    manager.wait("^READY=1")

    # the numbers, in the file and as they are asked for
    families = prometheus.read(gateway.command("metrics").stdout)
    expect(FAMILIES <= families.keys(), f"missing: {FAMILIES - families.keys()}")
    reasons = {labels["reason"]: value for labels, value in families["mpgate_fallbacks_total"]}
    expect({"direct", "kernel", "exit", "path", "unknown"} <= set(reasons) and not any(reasons.values()),
           f"fallbacks {reasons}")
    written = prometheus.read(textfile.read_text())
    # of the first second: nothing is measured yet
    expect({"mpgate_build_info", "mpgate_path_state", "mpgate_fallbacks_total"} <= written.keys() <=
           families.keys() | {"mpgate_subflows"}, f"in the file: {written.keys()}")
    expect(textfile.stat().st_mode & 0o777 == 0o644, "others cannot read the file")
    expect(not list(lab.dir.glob("mpgate.prom.*")), "something is left beside it")
    expect("listen" not in gateway.process.log() and not lab.gw.listening(9469), "port 0 listens")

    gateway.process.stop()
    expect("STOPPING=1" in manager.read(), "the end was not told")
    expect(not textfile.exists(), "the file outlives the gateway")


if __name__ == "__main__":
    run_story(story, profile="raw")
