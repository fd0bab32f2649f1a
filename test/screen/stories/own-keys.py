#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of a person's own, and a file of them that is wrong."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, run_story  # noqa: E402


def story(stage):
    folder = stage.dir / "xdg" / "mpgate"
    folder.mkdir(parents=True)
    own = folder / "console.conf"
    own.write_text('keys {\n\tredial = "Ctrl-r"\n\tpause = "P p"\n}\n')
    stage.gateway("degraded", "-n")
    screen = stage.tmux(80, 24)
    screen.run(f"export XDG_CONFIG_HOME={folder.parent}")
    screen.console(stage)
    screen.wait("Ctrl-r:Redial", "P:Pause")
    screen.keys("R")
    screen.wait("R does nothing here")
    screen.keys("C-r")
    screen.wait("REDIAL ppp0")
    screen.wait_gone("closes in 30 s")  # keys that were typed ahead are dropped
    screen.keys("Escape")
    screen.wait_gone("REDIAL ppp0")
    screen.keys("q")
    screen.wait_prompt()
    own.write_text("accessible = yes\n")
    screen.run("clear")
    screen.console(stage)
    screen.wait(">!ppp0")
    rows = screen.lines()
    expect(not any("| RX Mb/s" in row for row in rows) and ":04:" not in rows[0], f"graphs or a clock: {rows}")
    screen.keys("q")
    screen.wait_prompt()
    for text, why in (('keys {\n\tredail = "r"\n}\n', "console.conf:2: "),
                      ('keys {\n\tredial = "p"\n}\n', "key p would be both"),
                      ('keys {\n\tredial = "Hyper-r"\n}\n', "'Hyper-r' is no key")):
        own.write_text(text)
        screen.run("clear")
        screen.console(stage)
        screen.wait(why, "R:Redial")
        screen.keys("q")
        screen.wait_prompt()


if __name__ == "__main__":
    run_story(story)
