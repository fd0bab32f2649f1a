#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo shows five paths that carry, and leaves nothing behind, however it ends."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Terminal
from lab import TOP, expect, run_story, wait_for
from stage import DIR_PREFIX, NETNS, NS_PREFIX

DEMO = TOP / "test/lab/demo.py"


def leftovers(stage):
    """What lies about of labs that are not this story's own, by the demo's process id."""
    here = {str(path) for path in pathlib.Path(tempfile.gettempdir()).glob(f"{DIR_PREFIX}*")}
    here |= {str(path) for path in NETNS.glob(f"{NS_PREFIX}*")}
    return {path for path in here if stage.prefix not in path and str(stage.dir) not in path}


def with_console(stage, end):
    """Runs the demo on a terminal, looks at it, ends it and waits until all is gone."""
    before = leftovers(stage)
    terminal = Terminal(stage, [DEMO])
    for name in "ppp0", "tun0", "tun1", "tun3", "wwan0":
        terminal.wait_for_line(rf"{name}\s+\w+\s+UP\s+(?!0\.00)\d+\.\d+", f"{name} to carry", 60)
    made = leftovers(stage) - before
    expect(made, "no trace of the demo's lab while it runs")
    end(terminal, made)
    wait_for(lambda: not made & leftovers(stage), "the demo to remove its lab", 20)


def by_key(terminal, made):
    terminal.keys("q")
    terminal.wait_for_line("^done:0", "the shell", 20)


def by_interrupt(terminal, made):
    terminal.keys("C-c")
    terminal.wait_for_line(r"^done:\d+", "the shell", 20)


def by_hanging_up(terminal, made):
    terminal.hang_up()


def by_sigterm(terminal, made):
    owner = next(pathlib.Path(path) / "owner" for path in made if DIR_PREFIX in path)
    subprocess.run(["kill", owner.read_text().split()[0]], check=True)
    terminal.wait_for_line(r"^done:143", "the shell", 20)


def story(stage):
    for end in by_key, by_interrupt, by_hanging_up, by_sigterm:
        with_console(stage, end)
    done = subprocess.run([DEMO], text=True, capture_output=True, stdin=subprocess.DEVNULL)
    print(done.stdout.strip())
    expect(done.returncode == 0 and "SHA-256 right" in done.stdout,
           f"without a terminal: status {done.returncode}\n{done.stdout}{done.stderr[-2000:]}")


if __name__ == "__main__":
    run_story(story, profile=None, timeout_s=300)
