#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A line fails at night, and somebody who is tired looks at the console: what is wrong, why, which key
helps; acknowledged it is quiet, and when it comes again it says so again."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import play, run_story
from terminal import Console

def worst_row(console):
    """What a person's eye is led to: the rows with a mark."""
    marked = [console.row(name) for name in console.gateway.lab.paths]
    return [row for row in marked if row and "!" in row.marks]


def help_of(console):
    """Path, state, cause, and the key that switches another path on: as the alarm line says."""
    return console.wait_for_line(r"^ ALARM (\w+) (\w+) [\dms ]+: (.+?)  .*\b(\w):Enable (\w+)",
                                 "an alarm with keys that help")


def at_two(lab, console):
    """From the overview alone: which path, why, and the key that switches 3G on."""
    lab.paths["ppp0"].blackhole()
    console.wait_for_state("ppp0", "DOWN", note="no reply")
    console.wait_for_verdict("DEGRADED")
    alarm = help_of(console)
    print("\n".join(console.screen()))
    console.expect([row.path for row in worst_row(console)] == ["ppp0"],
                   f"marked are {worst_row(console)}")
    console.expect(alarm[1] == "ppp0" and alarm[2] == "DOWN", f"the alarm is about {alarm[1]}")
    console.expect(len(alarm[3].split()) > 2, f"the alarm says why: {alarm[3]!r}")
    event = console.shows(r" ! ppp0 +DOWN +(.+)")
    console.expect(event and re.search(r"subflows? moves?", event[1]), "no event with what it means")


def acknowledged(lab, console):
    """`a` goes there, `A` makes it quiet; the mark stays as long as the fault, and a repeat says so."""
    console.select("tun1")
    console.wait_for_line("^ ALARM ppp0 .*a:Go there", "the way to the path")
    console.keys("a")
    console.wait_for_line("^ ALARM ppp0 .*R:Redial", "what can be done about it")
    console.expect(console.row("ppp0").marks == ">!", "the mark did not go to the path")
    console.keys("A")
    console.wait(lambda: not console.alarm(), "the alarm to leave its line")
    console.expect("!" in console.row("ppp0").marks, "the mark left with the alarm")
    console.wait_for_line(r"ppp0 +ACK +alarm acknowledged by \S+ on pts/\d+", "who has seen it")
    lab.paths["ppp0"].blackhole(False)
    console.wait_for_state("ppp0", "UP")
    console.wait_for_verdict("OK")
    console.expect("!" not in console.row("ppp0").marks, "the mark outlives the fault")
    console.wait_for_line("no active alarms", "no alarm to be left")
    lab.paths["ppp0"].blackhole()
    console.wait_for_line("^ ALARM ppp0 DOWN", "the alarm of the repeat")
    lab.paths["ppp0"].blackhole(False)
    console.wait_for_state("ppp0", "UP")


def pulled(lab, console):
    """An interface goes away, a person does what the screen says, and it comes back."""
    lab.paths["tun0"].unplug()
    row = console.wait_for_state("tun0", "DOWN", note="gone|no interface|missing")
    console.expect(row.rx == "-" and row.loss == "100", f"it has rates: {row}")
    alarm = help_of(console)
    console.expect(alarm[1] == "tun0", f"the alarm is about {alarm[1]}")
    console.keys(alarm[4])
    console.wait_for_dialog(f"ENABLE {alarm[5]}")
    console.wait_for_line(r"\[y\] Enable .*\[n\] Cancel", "what may be answered")
    console.wait_for_line("Mobile data", "what it costs")
    console.answer(f"ENABLE {alarm[5]}", "y")
    console.wait_for_state("wwan0", "UP")
    console.wait(lambda: float(console.row("wwan0").rx) > 0.1, "the stick to carry")
    lab.paths["tun0"].plug()
    console.wait_for_state("tun0", "UP")
    console.wait(lambda: not console.alarm(), "the alarms to go with the faults")


def story(lab):
    url = Web(lab).endless()
    Exit(lab)
    gateway = Gateway(lab)
    download = lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", url])
    console = Console(gateway)
    for name in "ppp0", "tun0", "tun1", "tun3":
        console.wait_for_state(name, "UP", note="^up ")
    console.wait_for_verdict("OK")
    console.expect(console.row("wwan0").state == "STANDBY", "wwan0 does not wait to be wanted")
    play((at_two, acknowledged, pulled), lab, console)
    console.expect(download.alive(), "the download did not live through the night")
    console.quit()
    console.expect_restored()


if __name__ == "__main__":
    run_story(story, profile="home")
