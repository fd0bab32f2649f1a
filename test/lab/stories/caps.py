#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A data cap holds: through kill -9, at its end, and when its file is damaged; and a person may lift it."""
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story, wait_for

CAP = 5_000_000
KEYS = 'cap = "5 MB" cap-warn = 50'


def interface_bytes(lab, name="wwan0"):
    statistics = f"/sys/class/net/{name}/statistics"
    return sum(int(lab.gw.run(["cat", f"{statistics}/{way}_bytes"]).stdout) for way in ("rx", "tx"))


def log_has(gateway, *words):
    return any(all(word in line for word in words) for line in gateway.process.log().splitlines())


def check_used(lab, gateway, before):
    """What the gateway counts is within 1 % of what the interface does."""
    def right():
        truth, used = interface_bytes(lab) - before, gateway.path("wwan0")["cap_used_bytes"]
        return used is not None and abs(used - truth) <= truth / 100 and (used, truth)

    print("used {}, the interface says {}".format(*wait_for(right, "the count to be within 1 %", 5)),
          flush=True)


def use(lab, gateway, url, need):
    """Downloads until the path has used so much more."""
    goal = gateway.path("wwan0")["cap_used_bytes"] + need
    download = lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", url])
    wait_for(lambda: (gateway.path("wwan0")["cap_used_bytes"] or 0) >= goal, f"{need} bytes on wwan0")
    return download


def story(lab):
    url = Web(lab).file("long", 200_000_000)
    Exit(lab)
    lab.paths["wwan0"].settings = KEYS
    gateway = Gateway(lab)
    before = interface_bytes(lab)
    gateway.enable("wwan0")
    use(lab, gateway, url, 1_000_000)
    check_used(lab, gateway, before)

    # Killed under load; what the interface moves before the next start counts too.
    gateway.process.stop(signal.SIGKILL)
    lab.gw.run(["ping", "-q", "-c", "20", "-i", "0.01", "-s", "1400", "-I", "wwan0", lab.paths["wwan0"].peer],
               check=False)
    gateway.start()
    check_used(lab, gateway, before)

    gateway.command("enable", "--yes", "wwan0")  # it may be past its warning level by now
    download = use(lab, gateway, url, 500_000)
    wait_for(lambda: log_has(gateway, "wwan0 CAP ", "% used, ", " left, resets in "), "the warning")
    path = gateway.wait_for_state("wwan0", "capped")
    expect(path["note"].endswith(" of 5.0 MB"), f"the note is {path['note']!r}")
    expect(download.alive(), "the download was cut with the path")
    spent = interface_bytes(lab)
    expect(spent - before < CAP * 1.5, f"{spent - before} bytes were spent of a cap of {CAP}")
    refused = gateway.command("enable", "wwan0", check=False)
    expect(refused.returncode == 7 and "--boost" in refused.stderr,
           f"'enable' of a path without allowance: {refused.returncode} {refused.stderr}")
    gateway.command("enable", "wwan0", "--boost", "100M")
    expect(gateway.path("wwan0")["cap_bytes"] == CAP + 100_000_000, "the boost is not in the limit")
    gateway.command("disable", "wwan0")
    check_used(lab, gateway, before)
    gateway.process.stop()

    # Half a file is worse than none: it is not believed, nor is the one before it.
    file = lab.dir / "caps"
    file.write_bytes(file.read_bytes()[:len(file.read_bytes()) // 2])
    gateway.start()
    path = gateway.wait_for_state("wwan0", "capped")
    expect(path["note"] == "cap unknown" and path["cap_used_bytes"] is None, f"half a file: {path}")
    expect(log_has(gateway, "is cut short"), "nobody was told of the half file")
    refused = gateway.command("enable", "wwan0", "--boost", "100M", check=False)
    expect(refused.returncode == 7, "a path whose cap is not known was switched on")
    gateway.command("cap", "wwan0", "--set-used", "1.2M")
    gateway.wait_for_state("wwan0", "standby")
    gateway.enable("wwan0")
    shown = gateway.command("cap", "wwan0").stdout
    expect(re.search(r"^wwan0 +1\.\d\d MB +105 MB +\d+% ", shown, re.M), f"mpgate cap: {shown}")


if __name__ == "__main__":
    run_story(story, profile="home")
