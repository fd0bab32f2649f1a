#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the screen that README.md and the manual show: the real console, in the demo, after a minute.

    test/lab/record.py

Writes doc/screen.txt, from which the manual is made, and puts it into README.md in place of the old one.
test/lint/manual.py tells when the console has outgrown it.
"""
import pathlib
import re
import sys

from lab import TOP, expect, run_story, wait_for
from terminal import Terminal

NAMES = "ppp0", "tun0", "tun1", "tun3", "wwan0"
SCREEN = TOP / "doc/screen.txt"
README = TOP / "README.md"


def is_telling(lines):
    """All paths carry, some connection has a subflow over each just now, and the graph has filled."""
    text = "\n".join(lines)
    carrying = all(re.search(rf"{name}\s+\w+\s+UP\s+(?!0\.00)\S+\s+\S+\s+\d+%\s+[1-9]", text) for name in NAMES)
    graph = [line.split("|")[1] for line in lines if line.count("|") == 2]
    return carrying and len(graph) > 3 and any(row[:3].strip() for row in graph)


def story(stage):
    terminal = Terminal(stage, ["env", "LC_ALL=C.UTF-8", TOP / "test/lab/demo.py"])
    terminal.wait_for_line(r"TOTAL\s+\d", "the console", 60)
    lines = wait_for(lambda: (shown := terminal.screen()) and is_telling(shown) and shown,
                     "five busy paths and a full graph", 120)
    expect(len(lines) == 24, f"the screen has {len(lines)} rows")
    terminal.keys("q")
    terminal.wait_for_line("^done:0", "the demo to end", 30)
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    old = SCREEN.read_text() if SCREEN.exists() else None
    readme = README.read_text()
    expect(old and readme.count(old) == 1, "README.md does not show doc/screen.txt")
    SCREEN.write_text(text)
    README.write_text(readme.replace(old, text))
    print(text)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    run_story(story, profile=None, timeout_s=240)
