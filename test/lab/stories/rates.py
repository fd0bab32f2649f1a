#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Five full lines on the console: what it says of their rates is what the kernel counts, shares and totals
add up, nothing flaps; and what the screen costs in bytes, memory and time."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, is_sanitized
from lab import expect, run_story, wait_for
from terminal import Console

WATCH_S = 10
WITHIN = 0.03
STEADY = 0.15
ROUNDED = 0.005  # Mb/s, of what is shown with two decimals
LAG_S = 1.5      # from the middle of the two seconds that are shown, to the moment that the screen is read
REFRESH_BYTES = 600
FIRST_BYTES = 2500
CPU_SHARE = 0.01
MEMORY_KB = 8 * 1024


class Counters:
    """What the kernel has counted on the gateway's interfaces, read all the time."""

    def __init__(self, lab):
        self.keys = [(name, way) for name in lab.paths for way in ("rx", "tx")]
        files = " ".join(f"/sys/class/net/{name}/statistics/{way}_bytes" for name, way in self.keys)
        self.reader = lab.gw.start("counters", [
            "sh", "-c", f"while date +%s.%N && cat {files}; do sleep 0.2; done | xargs -n {len(self.keys) + 1}"])

    def at(self, when):
        """The counts at a time, put between those of two readings."""
        before = None
        for line in self.reader.log().splitlines()[:-1]:
            now, *counts = line.split()
            now, counts = float(now), list(map(int, counts))
            if before and now >= when:
                part = (when - before[0]) / (now - before[0])
                return {key: a + (b - a) * part for key, a, b in zip(self.keys, before[1], counts)}
            before = now, counts
        return None

    def rates(self, begin, end):
        """In Mb/s."""
        first, last = self.at(begin), wait_for(lambda: self.at(end), "the last reading")
        return {key: (last[key] - first[key]) * 8e-6 / (end - begin) for key in self.keys}

    def are_steady(self):
        """Whether the last seconds were alike."""
        now = time.time() - 0.5
        if not self.at(now) or not self.at(now - 4):
            return False
        early, late = self.rates(now - 4, now - 2), self.rates(now - 2, now)
        return all(abs(late[key] - early[key]) <= STEADY * early[key] for key in self.keys)


def adds_up(lab, console):
    """One look: shares make 100, the total is the sum. Returns the rows."""
    screen = console.screen()  # one moment
    rows = {name: console.row(name, screen) for name in lab.paths}
    total = console.total(screen)
    shares = sum(int(row.share.rstrip("%")) for row in rows.values())
    console.expect(shares == 100 and total.share == "100%", f"shares make {shares} %, {total.share}")
    for way in "rx", "tx":
        parts = sum(float(getattr(row, way)) for row in rows.values())
        console.expect(abs(parts - float(getattr(total, way))) < (len(rows) + 1) * ROUNDED,
                       f"{way} of all paths is {parts:.3f}, the total {total}")
    return rows


def watch(lab, console, counters):
    """Ten seconds of it, against the kernel's counters."""
    shown = dict.fromkeys(counters.keys, 0.0)
    looks, begin = 0, time.time()
    while time.time() < begin + WATCH_S:
        for name, row in adds_up(lab, console).items():
            shown[name, "rx"] += float(row.rx)
            shown[name, "tx"] += float(row.tx)
        looks += 1
        time.sleep(0.2)
    truth = counters.rates(begin - LAG_S, time.time() - LAG_S)
    for (name, way), rate in truth.items():
        says = shown[name, way] / looks
        print(f"{name:5} {way}: {says:6.3f} of {rate:6.3f} Mb/s, {says / rate - 1:+.1%}")
        console.expect(abs(says - rate) <= WITHIN * rate + ROUNDED, f"{name} {way}: shown {says:.3f}, is {rate:.3f}")


def cpu_s(pid):
    """Time on a processor (/proc/PID/schedstat, in ns)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


class Recorded(Console):
    """One whose bytes are counted."""

    def prepare(self, stage):
        self.bytes = stage.dir / "bytes"
        self.record(self.bytes)

    def sent(self):
        return self.bytes.stat().st_size


def story(lab):
    url = Web(lab).endless()
    Exit(lab)
    gateway = Gateway(lab)
    gateway.enable("wwan0")
    lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", url])
    counters = Counters(lab)
    console = Console(gateway)
    for path in lab.paths.values():
        console.wait(lambda path=path: (row := console.row(path.name)) and row.rx[0].isdigit() and
                     float(row.rx) > 0.85 * path.line.down_mbps, f"{path.name} to be full", 20)
    wait_for(counters.are_steady, "steady traffic", 20)
    changes = [path["state_changes"] for path in gateway.status()["paths"]]

    serial = Recorded(gateway, env={"TERM": "vt220", "LC_ALL": "C"})
    serial.wait_for_line(r"^> ppp0 +ADSL +UP", "the second console")
    first = len(serial.bytes.read_bytes().split(b"\n", 1)[1])
    pid, sent = console.pid(), serial.sent()
    before, began = cpu_s(pid), time.monotonic()
    watch(lab, console, counters)
    took_s = time.monotonic() - began
    per_s, share = (serial.sent() - sent) / took_s, (cpu_s(pid) - before) / took_s
    print(f"first paint {first} bytes, then {per_s:.0f} in a second; {share:.2%} of a core, "
          f"{resident_kb(pid)} KB", flush=True)
    expect(first <= FIRST_BYTES, f"the first paint takes {first} bytes")
    expect(per_s <= REFRESH_BYTES, f"a refresh takes {per_s:.0f} bytes")
    if not is_sanitized(gateway):
        expect(share <= CPU_SHARE, f"the console takes {share:.2%} of a core")
        expect(resident_kb(pid) <= MEMORY_KB, f"the console takes {resident_kb(pid)} KB")
    now = [path["state_changes"] for path in gateway.status()["paths"]]
    console.expect(now == changes, f"full lines changed their state: {changes}, {now}")
    for terminal in console, serial:
        terminal.quit()
        terminal.expect_restored()


if __name__ == "__main__":
    run_story(story, profile="home")
