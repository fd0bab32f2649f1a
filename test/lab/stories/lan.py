#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine comes into the LAN: dnsmasq with the example file gives it an address, and all else follows."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Download, Exit, Gateway, Web, take_lease
from lab import WEB, WEB_NAME, expect, run_story, wait_for
from names import NameServer

SIZE = 24_000_000


def story(lab):
    web = Web(lab)
    web.file("24M", SIZE)
    NameServer(lab, lab.web, WEB, f"--host-record={WEB_NAME},{WEB}")
    Exit(lab)
    lab.gw.sysctl("net.ipv4.conf.all.src_valid_mark", 1)  # as wg-quick leaves it
    gateway = Gateway(lab, extra=f'dns {{ upstream = {{"{WEB}"}} }}')
    take_lease(lab)

    download = Download(lab, f"http://{WEB_NAME}/24M", "4M")
    wait_for(lambda: download.bytes() > SIZE / 8, "the download to run")
    carried = gateway.path_bytes("rx")
    busiest = max(carried, key=carried.get)
    lab.paths[busiest].blackhole()
    expect(download.finish() == web.sums["24M"], "the file arrived damaged")
    gateway.wait_for_state(busiest, "down")


if __name__ == "__main__":
    run_story(story, profile="raw")
