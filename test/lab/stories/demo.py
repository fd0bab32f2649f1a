#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo shows five paths that carry, and leaves nothing behind, however it ends."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import TOP, expect, run_story, wait_for
from stage import DIR_PREFIX, ETC_NETNS, NETNS, NS_PREFIX, start_time
from terminal import Terminal

DEMO = TOP / "test/lab/demo.py"


def traces(pid):
    """What there is of the lab of the process `pid`: namespaces, files, processes."""
    found = list(NETNS.glob(f"{NS_PREFIX}{pid}-*")) + list(ETC_NETNS.glob(f"{NS_PREFIX}{pid}-*"))
    directory = pathlib.Path(tempfile.gettempdir()) / f"{DIR_PREFIX}{pid}"
    with contextlib.suppress(FileNotFoundError):  # it goes while we look
        found += (directory / "pids").read_text().splitlines()
    if directory.exists():
        found.append(directory)
    return found


def with_console(stage, end):
    """Runs the demo on a terminal, looks at it, ends it and waits until all is gone."""
    terminal = Terminal(stage, [DEMO])
    for name in "ppp0", "tun0", "tun1", "tun3", "wwan0":
        terminal.wait_for_line(rf"{name}\s+\w+\s+UP\s+(?!0\.00)\d+\.\d+", f"{name} to carry", 60)
    pid = terminal.pid()
    helpers = [line.split()[:2] for line in map(str, traces(pid)) if "/" not in line]
    expect(len(helpers) > 5, f"the demo's lab has only {traces(pid)}")
    end(terminal, pid)
    wait_for(lambda: not traces(pid), "the demo to remove its lab", 20)
    for helper, started in helpers:
        expect(start_time(helper) != started, f"process {helper} outlived the demo")


def by_key(terminal, pid):
    terminal.keys("q")
    terminal.wait_for_line("^done:0", "the shell", 20)


def by_interrupt(terminal, pid):
    terminal.keys("C-c")
    terminal.wait_for_line(r"^done:\d+", "the shell", 20)


def by_hanging_up(terminal, pid):
    terminal.hang_up()


def by_sigterm(terminal, pid):
    os.kill(pid, signal.SIGTERM)
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
