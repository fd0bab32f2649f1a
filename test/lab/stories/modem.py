#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick behind key 3, with a dialler and a data cap: asked with what it costs, dialled with the seconds,
up, or down in the modem's words; warned of, stopped and boosted at its cap; kept off when nobody knows."""
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import play, run_story
from terminal import Console

# Waits for the network as modems do, as long as `registered` is not there.
UP = """#!/bin/sh
test -e {dir}/no-pin && {{ echo "SIM PIN required"; exit 1; }}
n=0
while ! test -e {dir}/registered && [ $n -lt 200 ]; do sleep 0.1; n=$((n + 1)); done
ip addr add {address} peer {peer} dev $MPGATE_INTERFACE
"""
DOWN = """#!/bin/sh
ip addr flush dev $MPGATE_INTERFACE
"""


def ask(console, key, title, *lines):
    """Presses the key and waits for the dialog with these lines."""
    console.keys(key)
    console.wait_for_dialog(title)
    for line in lines:
        console.wait_for_line(line, f"{line!r} in the dialog")


def dialled(lab, gateway, console):
    ask(console, "3", "ENABLE wwan0", r"Data cap: .* of 100 MB used \(\d+%\), resets in \d+",
        r"\[y\] Enable +\[t\] Enable for 30 min only +\[n\] Cancel")
    console.answer("ENABLE wwan0", "y")
    first = console.wait_for_state("wwan0", "DIALING", note=r"^[1-9]\d*s")
    console.wait(lambda: (row := console.row("wwan0")).state == "DIALING" and
                 row.note != first.note, "the seconds to count")
    print(*console.screen(), sep="\n")
    (lab.dir / "registered").touch()
    console.wait_for_state("wwan0", "UP", note=r"^up \d")
    ask(console, "3", "DISABLE wwan0")
    console.answer("DISABLE wwan0", "y")
    console.wait_for_state("wwan0", "STANDBY", note=r"^cap \d+% of 100 MB")


def refused(lab, gateway, console):
    (lab.dir / "no-pin").touch()
    ask(console, "3", "ENABLE wwan0")
    console.answer("ENABLE wwan0", "y")
    console.wait_for_state("wwan0", "DOWN", note="SIM PIN")
    alarm = console.wait_for_line(r"^ ALARM wwan0 DOWN.*SIM PIN required", "the modem's words in the alarm")
    print(alarm[0])
    (lab.dir / "no-pin").unlink()
    ask(console, "3", "DISABLE wwan0")
    console.answer("DISABLE wwan0", "y")
    console.wait_for_state("wwan0", "STANDBY")
    console.wait(lambda: not console.alarm(), "the alarm to go with the wish for it")


def spent(lab, gateway, console):
    gateway.command("cap", "wwan0", "--set-used", "85M")
    console.wait_for_state("wwan0", "STANDBY", note="^cap 85% of 100 MB")
    console.wait_for_line(r" ! wwan0 CAP +8\d% used, 1\d(\.\d)? MB left, resets in", "the warning")
    ask(console, "3", "ENABLE wwan0", r"Data cap: 85\.0 MB of 100 MB used \(85%\)")
    console.answer("ENABLE wwan0", "y")
    console.wait_for_state("wwan0", "UP")
    gateway.command("cap", "wwan0", "--set-used", "100M")
    console.wait_for_state("wwan0", "CAPPED", note=r"^100 of 100 MB")
    console.expect("!" in console.row("wwan0").marks, "no mark")
    console.wait_for_line("^ ALARM wwan0 CAPPED", "the alarm")
    console.expect(console.verdict() == "OK", "an allowance that is used up is called a fault")
    ask(console, "3", "ENABLE wwan0", r"\[b\] \+100 MB +\[i\] Ignore cap until it resets +\[n\] Cancel")
    console.keys("y")
    console.answer("ENABLE wwan0", "b")
    console.wait_for_state("wwan0", "UP")
    console.wait(lambda: not console.alarm(), "the alarm to go with the boost")


def unknown(lab, gateway, console):
    """Half a file, found at the start: it is kept off until somebody says what was used."""
    gateway.process.stop()
    file = lab.dir / "caps"
    file.write_bytes(file.read_bytes()[:len(file.read_bytes()) // 2])
    gateway.launch()
    console.wait_for_state("wwan0", "CAPPED", note="^cap unknown")
    console.wait_for_line("^ ALARM wwan0 CAPPED.*cap unknown", "the alarm")
    ask(console, "3", "ENABLE wwan0", "nobody knows what is used of it", r"\[i\] Ignore cap until it resets")
    console.answer("ENABLE wwan0", "Enter")
    console.expect(console.row("wwan0").state == "CAPPED", "Enter switched it on")
    gateway.command("cap", "wwan0", "--set-used", "12M")
    # the boost may have stood in the half that is left
    console.wait_for_state("wwan0", "STANDBY", note="^cap (6% of 200|12% of 100) MB")
    console.wait(lambda: not console.alarm(), "the alarm to go")


def story(lab):
    wwan0 = lab.paths["wwan0"]
    for name, text in (("up", UP), ("down", DOWN)):
        lab.write(name, text.format(dir=lab.dir, address=wwan0.address, peer=wwan0.peer)).chmod(0o755)
    wwan0.settings = f"""cap = "100 MB"
dial = "command" up = "{lab.dir}/up" down = "{lab.dir}/down" dial-timeout = 30"""
    lab.gw.ip("addr flush dev wwan0")
    Exit(lab)
    gateway = Gateway(lab, paths=[lab.paths["ppp0"], wwan0])
    console = Console(gateway)
    console.wait_for_state("wwan0", "STANDBY", note="^cap 0% of 100 MB")
    play((dialled, refused, spent, unknown), lab, gateway, console)
    console.quit()
    console.expect_restored()


if __name__ == "__main__":
    run_story(story, profile="home")
