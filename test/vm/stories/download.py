#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A file comes down over three lines at once, whole, on a kernel without MPTCP_FULL_INFO.

The counters per path, which both the console and the gateway's own decisions live on, come from two
lists there instead of one; they are compared with what the devices counted.

How fast it went on the clock is the emulator's affair, which shares its processors with others. What
counts is how well the bytes were spread: the line that needs longest for its share at its own rate is
the one that the file would wait for.
"""
import pathlib
import platform
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from world import Household
from actors import Exit, Gateway, Web, curl, percentages, shares
from lab import expect, run_story, wait_for

SIZE = 3_000_000


def device_bytes(lab):
    with lab.gw.inside():
        counters = pathlib.Path("/proc/thread-self/net/dev").read_text()
    rows = (line.partition(":") for line in counters.splitlines()[2:])
    received = {name.strip(): int(rest.split()[0]) for name, _, rest in rows}
    return {name: received[name] for name in lab.paths}


def story(lab):
    web = Web(lab)
    url = web.file("3M", SIZE)
    Exit(lab)
    gateway = Gateway(lab)
    before, ours_before = device_bytes(lab), gateway.path_bytes("rx")
    fetched = []
    client = threading.Thread(target=lambda: fetched.append(curl(lab, url)))
    client.start()
    wait_for(lambda: all(path["subflows"] for path in gateway.status()["paths"]),
             "the gateway to see a subflow on every path", 60)
    client.join()
    expect(fetched, "the download failed")
    got, = fetched
    wait_for(lambda: sum(gateway.path_bytes("rx").values()) >= sum(ours_before.values()) + SIZE,
             "the gateway's counters to show what it carried", 30)
    devices = shares(before, device_bytes(lab))
    ours = shares(ours_before, gateway.path_bytes("rx"))
    spread_mbps = min(path.line.down_mbps / max(devices[name], 0.001) for name, path in lab.paths.items())
    print(f"{platform.release()}: {percentages(devices)}, which takes what {spread_mbps:.2f} Mbit/s take; "
          f"{got.mbps:.2f} Mbit/s on the clock", flush=True)

    expect(got.sha256 == web.sums["3M"], "the file arrived damaged")
    fastest = max(path.line.down_mbps for path in lab.paths.values())
    expect(spread_mbps > 1.2 * fastest, f"spread so, three lines give {spread_mbps:.2f} Mbit/s, one {fastest}")
    for name, share in ours.items():
        expect(share >= 0.1, f"{name} carried only {share:.1%}")
        expect(abs(share - devices[name]) < 0.03,
               f"the gateway counted {share:.1%} on {name}, the device {devices[name]:.1%}")
    wait_for(lambda: not any(path["subflows"] for path in gateway.status()["paths"]),
             "the subflows of the connection to be gone", 30)


if __name__ == "__main__":
    run_story(story, profile="cables", kind=Household)
