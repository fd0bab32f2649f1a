#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's stage; see ../../demo. On a terminal: traffic and the console. Else: one download."""
import pathlib
import subprocess
import sys

from actors import Exit, Gateway, Sink, Web, curl, percentages, shares
from lab import WEB, Failure, Interrupted, Lab, Skip, wait_for

SIZE = 20_000_000


def show_console(lab, web, gateway):
    """Keeps the lines busy and hands the terminal to the console, until that ends."""
    for name, size in ("50k", 50_000), ("400k", 400_000), ("3M", 3_000_000):
        web.file(name, size)
    lab.lan.start("traffic", [pathlib.Path(__file__).with_name("traffic.py"), f"http://{WEB}",
                              Sink(lab).url])
    console = subprocess.Popen(lab.gw.command([lab.program("mpgate"), "console",
                                               "--socket", gateway.control]))
    try:
        return console.wait()
    except BaseException:
        # It puts the terminal back when it is asked to end.
        console.terminate()
        try:
            console.wait(3)
        except subprocess.TimeoutExpired:
            console.kill()
            console.wait()
        raise


def download(lab, web, gateway):
    """One download over all paths, checked; returns the exit status."""
    url = web.file("20M", SIZE)
    before = gateway.path_bytes("rx")
    got = curl(lab, url)
    wait_for(lambda: sum(gateway.path_bytes("rx").values()) >= sum(before.values()) + SIZE,
             "the gateway's counters to show what it carried", 5)
    share = shares(before, gateway.path_bytes("rx"))
    right = got.sha256 == web.sums["20M"]
    print(f"{got.bytes} bytes in {got.seconds:.1f} s, {got.mbps:.1f} Mbit/s, "
          f"SHA-256 {'right' if right else 'WRONG'}")
    print(percentages(share))
    return 0 if right and all(share.values()) else 1


def main():
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    print("Raising the lab: a household with five lines, an exit and a web server", flush=True)
    with Lab("home") as lab:
        web = Web(lab)
        Exit(lab)
        gateway = Gateway(lab)
        gateway.enable("wwan0")
        status = (show_console if on_terminal else download)(lab, web, gateway)
    if on_terminal:
        print("The lab is gone: gateway, exit, namespaces and files.")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, Skip) as error:
        sys.exit(f"demo: {error}")
    except Interrupted as why:
        sys.exit(128 + why.signum)
