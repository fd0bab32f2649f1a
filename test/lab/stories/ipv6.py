#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A LAN host's IPv6 connection goes to an IPv6 server over paths that know only IPv4."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, converse, curl
from lab import EXIT6, WEB6, expect, run_story


def story(lab):
    web = Web(lab)
    web.file("2M", 2_000_000)
    Exit(lab)
    Gateway(lab)
    got = curl(lab, f"http://[{WEB6}]/2M", "-6")
    expect(got.sha256 == web.sums["2M"], "the file arrived damaged")
    with converse(lab, 7000, WEB6) as (_, server):
        expect(server.getpeername()[0] == EXIT6,
               f"the server sees {server.getpeername()[0]}, not the exit")


if __name__ == "__main__":
    run_story(story, profile="home")
