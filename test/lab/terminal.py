# SPDX-License-Identifier: GPL-2.0-or-later
"""Terminals on the stage: a program in a pane of tmux, driven and read as a person would.

A `Terminal` runs any program, a `Console` runs mpgate's in the gateway's namespace and knows its
screens. A stage has one tmux server, with a session of its own size for each terminal.
"""
import collections
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import time

from lab import Failure, Skip, expect, wait_for


TYPE_AHEAD_S = 0.3  # so long a dialog drops keys, which cannot be meant for it


class Tmux:
    """The server of a stage. It dies with the stage."""

    def __init__(self, stage):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed")
        self.socket = stage.dir / "tmux"
        # a person's terminal, also where a program runs the tests
        stage.start("tmux", ["env", "-u", "CI", "tmux", "-S", self.socket, "-f", "/dev/null", "-D"],
                    env={"TERM": "screen"})
        wait_for(self.listens, "tmux")
        self.sessions = 0

    def listens(self):
        """A client that comes between bind() and listen() would start a server of its own."""
        with socket.socket(socket.AF_UNIX) as sock:
            return not sock.connect_ex(str(self.socket))

    @classmethod
    def of(cls, stage):
        if not hasattr(stage, "tmux"):
            stage.tmux = cls(stage)
        return stage.tmux

    def __call__(self, *words):
        done = subprocess.run(["tmux", "-S", self.socket, *map(str, words)], text=True,
                              capture_output=True)
        expect(not done.returncode, f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout

    def session(self, columns, rows):
        """A shell in a terminal of that size; returns the session's name."""
        self.sessions += 1
        name = f"s{self.sessions}"
        # with a global window-size of "manual", tmux 3.3a dies of a second session
        self("new-session", "-d", "-s", name, "-x", columns, "-y", rows, "sh")
        return name


class Terminal:
    """A terminal with a program in it. Its shell stays, so that one sees in what state the program
    leaves the terminal, and with which status: the shell's prompt is "done:STATUS"."""

    def __init__(self, stage, argv, columns=80, rows=24, env=None):
        self.server = Tmux.of(stage)
        self.name = self.server.session(columns, rows)
        self.columns = columns
        self.rows = rows
        self.argv = [*(["env", *(f"{key}={value}" for key, value in env.items())] if env else []),
                     *map(str, argv)]
        self.keys("-l", "PS1='done:$? '; clear")
        self.keys("Enter")
        self.wait_for_line("^done:0 *$", "the shell", 60)
        self.prepare(stage)
        self.modes = self.modes_now()
        self.start()

    def prepare(self, stage):
        """For what has to be there before the program runs."""

    def start(self):
        """Runs the program, for the first time or again."""
        self.keys("-l", f"clear; {shlex.join(self.argv)}")
        self.keys("Enter")

    def tmux(self, command, *words):
        return self.server(command, "-t", f"{self.name}:", *words)

    def ask(self, what):
        """What tmux says of the pane, such as "#{pane_pid}"."""
        return self.tmux("display-message", "-p", what).strip()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", columns, "-y", rows)
        self.columns, self.rows = columns, rows

    def screen(self):
        return self.tmux("capture-pane", "-p").split("\n")[:self.rows]

    def shows(self, pattern):
        """The first match in a line of the screen, or None."""
        return next(filter(None, (re.search(pattern, line) for line in self.screen())), None)

    def wait(self, condition, what, timeout_s=10):
        """Waits until condition() is true; a failure comes with what the screen shows."""
        try:
            return wait_for(condition, what, timeout_s)
        except Failure as failure:
            raise Failure(f"{failure}; the screen shows\n" + "\n".join(self.screen())) from None

    def wait_for_line(self, pattern, what, timeout_s=10):
        """Waits for a line that matches and returns the match."""
        return self.wait(lambda: self.shows(pattern), what, timeout_s)

    def wait_until_gone(self, pattern, what, timeout_s=10):
        self.wait(lambda: not self.shows(pattern), f"{what} to leave the screen", timeout_s)

    def expect(self, true, what):
        """As stage.expect(), with what the screen shows."""
        if not true:
            raise Failure(f"{what}; the screen shows\n" + "\n".join(self.screen()))

    def pid(self):
        """Of the program that runs in the terminal."""
        children = pathlib.Path("/proc/{0}/task/{0}/children".format(self.ask("#{pane_pid}")))
        return int(wait_for(lambda: children.read_text().split(), "the program to run")[0])

    def flags(self):
        """Full screen, cursor visible, mouse: "0 1 0" for a shell."""
        return self.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}")

    def modes_now(self):
        """The terminal driver's modes."""
        return subprocess.run(["stty", "-F", self.ask("#{pane_tty}"), "-a"], check=True, text=True,
                              capture_output=True).stdout

    def expect_restored(self):
        self.expect(self.flags() == "0 1 0", f"the terminal is left as {self.flags()}")
        self.expect(self.modes_now() == self.modes, "the terminal's modes are not as before")

    def record(self, path):
        """From now on all bytes that are sent to the terminal go to the file too."""
        self.tmux("pipe-pane", "-O", f"exec cat >>{shlex.quote(str(path))}")
        wait_for(path.exists, "the recording")

    def hang_up(self):
        """The terminal is closed under the program."""
        self.tmux("kill-session")


Row = collections.namedtuple("Row", "path kind state rx tx share subf rtt loss note marks")
Total = collections.namedtuple("Total", "rx tx share subf note")


class Console(Terminal):
    """mpgate console, in the gateway's namespace."""

    def __init__(self, gateway, *options, mpgate=None, prefix=(), **how):
        lab = gateway.lab
        self.gateway = gateway
        super().__init__(lab, lab.gw.command([*prefix, mpgate or gateway.mpgate, "--socket",
                                              gateway.control, "console", "--charset", "ascii",
                                              *options]), **how)

    # the overview, from 80 columns on

    def row(self, path, screen=None):
        """The path's row of the table; None while it is not there."""
        for line in screen or self.screen():
            words = line[2:].split(None, 9)
            if len(words) > 8 and words[0] == path and len(line) > 2 and line[1] in " !":
                return Row(*words[:9], words[9].strip() if len(words) > 9 else "", line[:2])
        return None

    def total(self, screen=None):
        for line in screen or self.screen():
            words = line.split(None, 5)
            if len(words) > 4 and words[0] == "TOTAL":
                return Total(*words[1:5], words[5].strip() if len(words) > 5 else "")
        return None

    def verdict(self):
        """The word of the status line."""
        items = re.split("  +", self.screen()[0].strip())
        return items[1] if len(items) > 1 else ""

    def alarm(self):
        """What the alarm line says; "" when there is none."""
        return next((line.strip() for line in self.screen() if line.startswith(" ALARM ")), "")

    def wait_for_state(self, path, *states, note="", timeout_s=20):
        """Waits for the row to show one of the states, with a NOTE that matches; returns the row."""
        def find():
            row = self.row(path)
            return row if row and row.state in states and re.search(note, row.note) else None

        return self.wait(find, f"{path} to be {' or '.join(states)} '{note}'", timeout_s)

    def wait_for_verdict(self, *words, timeout_s=20):
        self.wait(lambda: self.verdict() in words, f"the verdict {' or '.join(words)}", timeout_s)

    def select(self, path):
        """Moves the mark to the path's row, which is on the screen."""
        names = [p["name"] for p in self.gateway.status()["paths"]]
        self.keys("g", *["j"] * names.index(path))
        self.wait(lambda: (row := self.row(path)) and row.marks[0] == ">", f"the mark on {path}")

    # questions

    def wait_for_dialog(self, title):
        self.wait_for_line(f"- {title} -", f"the dialog {title}")

    def answer(self, title, key):
        """Waits for the dialog, and as long as it drops keys; then presses the key, once."""
        self.wait_for_dialog(title)
        time.sleep(TYPE_AHEAD_S)
        self.keys(key)
        self.wait_until_gone(f"- {title} -", f"{title}, after {key},")

    def quit(self):
        self.keys("Q")
        self.wait_for_line("^done:0", "the console to end")
