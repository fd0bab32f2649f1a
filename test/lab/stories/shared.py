#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Three tunnels ride one line: bytes are counted once, and when the line dies one alarm says so."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import expect, run_story, wait_for
from terminal import Console

SIZE = 12_000_000
TUNNELS = ("tun0", "tun1", "tun3")


def rows(status):
    return {p["name"]: p for p in status["paths"]}


def underlays(gateway):
    return {name: row["underlay"] for name, row in rows(gateway.status()).items()}


class Watch:
    """Looks at the figures again and again while something runs."""

    def __init__(self, gateway, console):
        self.gateway = gateway
        self.console = console
        self.most_bps = self.most_tunnels_bps = 0
        self.looks = 0

    def look(self):
        status = self.gateway.status()
        paths = rows(status)
        tunnels = sum(max(0, paths[name]["rx_bps"] or 0) for name in TUNNELS)
        self.most_bps = max(self.most_bps, status["totals"]["rx_bps"] or 0)
        self.most_tunnels_bps = max(self.most_tunnels_bps, tunnels)
        shares = [p["share_ratio"] for p in paths.values() if p["share_ratio"] is not None]
        expect(sum(shares) < 1.01, f"shares of {shares}")
        self.look_at_screen()

    def look_at_screen(self):
        """The total is the line's, and shares make 100."""
        screen = self.console.screen()
        shown, total = {name: self.console.row(name, screen) for name in ("ppp0", *TUNNELS)}, self.console.total(screen)
        if not total or not all(shown.values()) or "?" in total or any("?" in row for row in shown.values()):
            return
        # both are the same number: of a frame that tmux has read half of the upper one is newer
        now = re.search(r"\| now +([\d.]+)", "\n".join(screen))
        if not now or now[1] != total.rx:
            return
        self.looks += float(total.rx) > 10
        made = sum(int(row.share.rstrip("%")) for row in shown.values())
        self.console.expect(made == 100 and total.share == "100%", f"shares make {made} %, {total.share}")
        self.console.expect(total.rx == shown["ppp0"].rx, f"the total is {total.rx}, the line's {shown['ppp0'].rx}")


def counted_once(lab, gateway, console, url):
    line_bps = lab.paths["ppp0"].line.down_mbps * 1e6
    watch = Watch(gateway, console)
    done = lab.lan.start("download", ["curl", "-sS", "--fail", "--proxy", "", "-o", "/dev/null", url])

    def over():
        watch.look()
        return not done.alive()

    wait_for(over, "the download", 30)
    print(f"totals up to {watch.most_bps / 1e6:.1f} Mbit/s, of them in tunnels up to "
          f"{watch.most_tunnels_bps / 1e6:.1f}, on a line of {line_bps / 1e6:.0f}")
    expect(0.5 * line_bps < watch.most_bps < 1.1 * line_bps, "the totals are not the line's")
    expect(watch.most_tunnels_bps > 0.2 * line_bps, "the tunnels carried next to nothing")
    expect(watch.looks > 3, "the screen was never looked at under load")


def one_alarm(gateway, console, line):
    """The line dies, the tunnels with it, and comes back."""
    alarms = []

    def all_down():
        status = gateway.status()
        alarms.extend(a["id"] for a in status["alarms"])
        return all(p["state"] == "down" for p in status["paths"])

    def all_up():
        status = gateway.status()
        alarms.extend(a["id"] for a in status["alarms"])
        return all(p["state"] == "up" for p in status["paths"])

    line.blackhole()
    wait_for(all_down, "all paths to be down", 25)
    status = gateway.status()
    notes = {name: rows(status)[name]["note"] for name in TUNNELS}
    expect([a["id"] for a in status["alarms"]] == ["ppp0/down"], f"alarms {status['alarms']}")
    expect(all(note == "ppp0 is DOWN" for note in notes.values()), f"notes {notes}")
    console.wait_for_line(r"\) +1 active alarm$", "one alarm on the screen")
    console.expect(console.alarm().startswith("ALARM ppp0 DOWN"), f"the alarm is {console.alarm()!r}")
    for name in TUNNELS:
        row = console.wait_for_state(name, "DOWN", note="^ppp0 is DOWN")
        console.expect("!" in row.marks, f"{name} has no mark")
    line.blackhole(False)
    wait_for(all_up, "all paths to be up again", 20)
    expect(not gateway.status()["alarms"], "an alarm is left")
    other = set(alarms) - {"ppp0/down"}
    print(f"alarms seen: {sorted(set(alarms))}")
    expect(not other, f"alarms of what rides the line: {other}")


def story(lab):
    web = Web(lab)
    Exit(lab)
    gateway = Gateway(lab)
    known = underlays(gateway)
    expect(known == {"ppp0": None} | dict.fromkeys(TUNNELS, "ppp0"), f"underlays {known}")
    expect("via ppp0" in rows(gateway.status())["tun0"]["note"], "no word of it in the note")
    console = Console(gateway)
    console.wait_for_verdict("OK")
    counted_once(lab, gateway, console, web.file("12M", SIZE))
    one_alarm(gateway, console, lab.paths["ppp0"])
    console.quit()
    # a route that changes is followed: tun1 through tun0
    lab.gw.ip(f"route replace {lab.paths['tun1'].outside} via {lab.paths['tun0'].peer} dev tun0")
    wait_for(lambda: underlays(gateway)["tun1"] == "tun0", "tun1 to ride tun0")


if __name__ == "__main__":
    run_story(story, profile="shared")
