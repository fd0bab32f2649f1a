#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions before a change, on the real gateway: all keys but one mean no; what cuts the last path
wants its name and comes back; and who sits behind the path that is to go is told."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import GATEWAY, play, run_story
from terminal import TYPE_AHEAD_S, Console

FAR = "10.99.0.7"  # where a person at a distance sits
EVERY_NO = "Enter", "Escape", "C-c", "n", "q"


def changes(gateway):
    """What was changed by people so far."""
    return [(e["object"], e["verb"]) for e in gateway.status()["events"] if " by " in e["text"]]


def all_mean_no(lab, gateway, console):
    """Whatever is pressed but `y`: nothing changes, the trigger's own key included."""
    console.select("tun0")
    before = changes(gateway)
    titles = {"E": "ENABLE tun0", "D": "DISABLE tun0", "R": "RECONNECT tun0", "B": "BACKUP tun0",
              "3": "ENABLE wwan0"}
    for (trigger, title), no in zip(titles.items(), EVERY_NO):
        console.keys(trigger)
        console.wait_for_dialog(title)
        console.keys(trigger, "x", "j", "Y", "Space")
        console.wait_for_line(f"- {title} -", "the question to stay")
        console.answer(title, no)
    console.expect(changes(gateway) == before, f"changed: {changes(gateway)}")
    console.expect([console.row(path.name).state for path in gateway.paths] == ["UP"] * 2 + ["STANDBY"],
                   "states have changed")


def own_session(lab, gateway, console):
    """The console is at the far end of an ssh session to the LAN's address, which comes in over tun0."""
    warned = rf"! Your SSH session from {FAR} comes in over tun0 and will"
    for path, word, warns in ("tun0", "RECONNECT", True), ("ppp0", "RECONNECT", False):
        console.select(path)
        console.keys("R")
        console.wait_for_dialog(f"{word} {path}")
        console.expect(bool(console.shows(warned)) == warns, f"the session is not warned of rightly on {path}")
        console.answer(f"{word} {path}", "Escape")


def y_acts(lab, gateway, console):
    console.select("tun0")
    console.keys("B")
    console.wait_for_line("It carries only while no other path is up.", "what it means")
    console.answer("BACKUP tun0", "y")
    console.wait_for_state("tun0", "UP", note="backup")
    console.keys("B")
    console.answer("FULL use tun0", "y")
    console.wait_for_state("tun0", "UP", note="^up ")
    console.keys("R")
    console.wait_for_line("Take out of use and reconnect tun0", "the question")
    console.answer("RECONNECT tun0", "y")
    console.wait_for_line(r"tun0 +PROBING +reconnect asked by root on pts/\d+", "who asked")
    console.wait_for_state("tun0", "UP")
    console.keys("D")
    console.answer("DISABLE tun0", "y")
    console.wait_for_state("tun0", "OFF")
    console.wait_for_line(r"tun0 +OFF +disabled by root on pts/\d+", "who did it")


def disable_by_name(console, path):
    console.keys("D")
    console.wait_for_dialog(f"DISABLE {path}")
    time.sleep(TYPE_AHEAD_S)
    console.keys("-l", path)
    console.wait_for_line(f"Type its name to confirm: {path}", "what is typed")
    console.keys("Enter")


def the_last_path(lab, gateway, console):
    """ppp0 alone is left."""
    console.select("ppp0")
    for trigger, title, what in ("R", "RECONNECT ppp0", "Taking"), ("D", "DISABLE ppp0", "Disabling"):
        console.keys(trigger)
        console.wait_for_dialog(title)
        console.wait_for_line(rf"ppp0 is the only path that works\. {what} it", "the warning")
        time.sleep(TYPE_AHEAD_S)
        console.keys("y", "Enter")
        console.wait_until_gone(f"- {title} -", "the question that was answered wrongly")
        console.expect(console.row("ppp0").state == "UP", "y was enough")
    disable_by_name(console, "ppp0")
    console.wait_for_state("ppp0", "OFF")
    console.wait_for_line(r"ppp0 is off, and comes back in 4:5\d\. +K:Keep it off", "the way out")
    print(*console.screen(), sep="\n")
    console.keys("K")
    console.wait_for_line("It stays off until somebody enables it", "what keeping means")
    console.answer("KEEP ppp0", "y")
    console.wait_until_gone("^ ppp0 is off, and comes back", "the timer")
    console.wait_for_line("^ ALARM OFFLINE .*every path is switched off .*3:Enable wwan0", "what is left to do")
    console.expect(not gateway.status()["gateway"]["revert_at"], "it would still come back")
    console.keys("E")
    console.answer("ENABLE ppp0", "y")
    console.wait_for_state("ppp0", "UP")


def story(lab):
    Exit(lab)
    gateway = Gateway(lab, paths=[lab.paths[name] for name in ("ppp0", "tun0", "wwan0")])
    lab.gw.ip(f"route add {FAR} dev tun0")
    console = Console(gateway, env={"SSH_CONNECTION": f"{FAR} 51514 {GATEWAY} 22"})
    console.wait_for_state("tun0", "UP")
    play((all_mean_no, own_session, y_acts, the_last_path), lab, gateway, console)
    console.quit()
    console.expect_restored()


if __name__ == "__main__":
    run_story(story, profile="home")
