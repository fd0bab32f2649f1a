# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage of a story on screens: a gateway that only pretends, and terminals to look at it with.

A story is a function that takes a Stage, in an executable file of test/screen/stories:

    if __name__ == "__main__":
        run_story(story)

It types, waits for what it expects to see, and never sleeps a fixed time. `Stage.tmux()` is a whole
terminal, for what a person sees; `Stage.pty()` is a bare one, for the bytes that are sent. All that
a stage makes lies in one directory and ends with it, each tmux server by its own socket.
"""
import contextlib
import fcntl
import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from vt import Vt

TOP = pathlib.Path(__file__).resolve().parents[2]
STATES = TOP / "test/screen/states"


class Failure(Exception):
    """The console did not do what it should."""


class Skip(Exception):
    """This machine cannot run the story, for the reason given."""


def expect(true, what):
    if not true:
        raise Failure(what)


def wait_for(condition, what, timeout_s=15):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout_s} s in vain for {what}")
        time.sleep(0.02)


def program(name):
    """Finds a program that we built: $MPGATE, or the build directory."""
    given = os.environ.get("MPGATE")
    if given and name == "mpgate":
        return pathlib.Path(given).resolve()
    places = [pathlib.Path(given).resolve().parent] if given else []
    for place in places + [pathlib.Path.cwd(), TOP / "build", TOP]:
        if os.access(place / name, os.X_OK) and (place / name).is_file():
            return place / name
    raise Failure(f"{name} is not built")


class Gateway:
    """The fake gateway with recorded states: a name of test/screen/states, or a file."""

    def __init__(self, stage, states, *options):
        self.socket = stage.socket
        self.commands_file = stage.dir / "commands"
        file = STATES / f"{states}.jsonl" if isinstance(states, str) else states
        self.process = subprocess.Popen(
            [program("test/screen/fake-gateway"), *options, self.socket, file, self.commands_file],
            stdout=subprocess.PIPE, text=True)
        expect(self.process.stdout.readline() == "ready\n", "the fake gateway does not start")

    def next_state(self):
        self.process.send_signal(signal.SIGUSR1)

    def commands(self):
        """What it was asked, as "VERB OBJECT"."""
        if not self.commands_file.exists():
            return []
        return [line.split(" by ")[0] for line in self.commands_file.read_text().splitlines()]

    def stop(self, signum=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signum)
        self.process.wait(10)
        self.process.stdout.close()


class Tmux:
    """A terminal with a shell in it."""

    def __init__(self, stage, columns, rows):
        self.server = ["tmux", "-S", stage.dir / f"tmux-{stage.number()}", "-f", "/dev/null"]
        stage.callback(self.kill)
        self._ask("new-session", "-d", "-x", columns, "-y", rows, "-c", stage.dir, "sh",
                  env=stage.env)
        self._ask("set-option", "-g", "escape-time", 0)
        self.wait_prompt()

    def _ask(self, *words, env=None):
        return subprocess.run([*self.server, *map(str, words)], env=env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def kill(self):
        subprocess.run([*self.server, "kill-server"], check=False, stderr=subprocess.DEVNULL)

    def keys(self, *names):
        """As tmux names them: "j", "Enter", "C-c"."""
        self._ask("send-keys", *names)

    def resize(self, columns, rows):
        self._ask("resize-window", "-x", columns, "-y", rows)

    def lines(self):
        return self._ask("capture-pane", "-p").split("\n")[:-1]

    def text(self):
        return "\n".join(self.lines())

    def shows(self, *texts):
        screen = self.text()
        return all(text in screen for text in texts)

    def wait(self, *texts, timeout_s=15):
        wait_for(lambda: self.shows(*texts), f"{texts} on the screen", timeout_s)

    def wait_gone(self, text):
        wait_for(lambda: not self.shows(text), f"'{text}' to leave the screen")

    def wait_prompt(self):
        wait_for(lambda: self.text().rstrip()[-1:] in ("$", "#"), "the shell's prompt")

    def run(self, command):
        self.keys(f"clear; {command}", "Enter")

    def console(self, stage, *options, env=""):
        self.run(f"{env} {program('mpgate')} -S {stage.socket} console {' '.join(options)}; "
                 "echo status $?")

    def console_pid(self):
        """The process in front of the shell."""
        shell = self._ask("display-message", "-p", "#{pane_pid}").strip()

        def child():
            children = pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
            return int(children[-1]) if children else None
        return wait_for(child, "the console to start")

    def is_full_screen(self):
        return self._ask("display-message", "-p", "#{alternate_on}").strip() == "1"

    def flags(self):
        """Full screen, cursor visible, mouse: "0 1 0" for a shell."""
        return self._ask("display-message", "-p",
                         "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").strip()


class Pty:
    """A terminal of which every byte is seen, with the console on it."""

    def __init__(self, stage, *options, env=None, columns=80, rows=24, knows_size=True):
        self.vt = Vt(columns, rows)
        self.sent = bytearray()
        ours, theirs = pty.openpty()
        self.fd = ours
        if knows_size:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.modes = termios.tcgetattr(theirs)
        self.keep = theirs
        self.process = subprocess.Popen(
            [program("mpgate"), "-S", stage.socket, "console", *options],
            stdin=theirs, stdout=theirs, stderr=theirs, env=stage.env | (env or {}),
            preexec_fn=self._make_controlling, start_new_session=True)

    @staticmethod
    def _make_controlling():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, timeout_s):
        """What comes within the time; empty when nothing does."""
        if not select.select([self.fd], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has it open any more
            return b""
        self.sent += data
        self.vt.feed(data)
        return data

    def drain(self, quiet_s):
        """Reads until nothing comes for so long. Returns how many bytes that were."""
        count = 0
        while data := self.read(quiet_s):
            count += len(data)
        return count

    def type(self, data):
        os.write(self.fd, data)

    def wait(self, text):
        wait_for(lambda: text in self.vt.text() or self.read(0.1) and False, f"'{text}'")

    def wait_sent(self, data):
        wait_for(lambda: data in self.sent or self.read(0.1) and False, repr(data))

    def wait_end(self, timeout_s=10):
        """Reads on until the console has ended, and returns its status."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None:
            expect(time.monotonic() < deadline, f"the console has not ended within {timeout_s} s")
            self.read(0.02)
        self.drain(0)
        return self.process.returncode

    def modes_now(self):
        return termios.tcgetattr(self.keep)

    def hang_up(self):
        for fd in (self.fd, self.keep):
            with contextlib.suppress(OSError):
                os.close(fd)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()


class Stage(contextlib.ExitStack):
    """Owns what a story makes."""

    def __enter__(self):
        super().__enter__()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mpgate-screen-"))
        self.callback(shutil.rmtree, self.dir)
        self.socket = self.dir / "control.sock"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "LANG": "C.UTF-8",
                    "TERM": "xterm-256color", "TZ": "CET-1",
                    # crashes are ours to handle, also in a sanitized build
                    "ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_abort=0"}
        self._number = 0
        return self

    def number(self):
        self._number += 1
        return self._number

    def gateway(self, states, *options):
        gateway = Gateway(self, states, *options)
        self.callback(gateway.stop)
        return gateway

    def tmux(self, columns=80, rows=24):
        if not shutil.which("tmux"):
            raise Skip("there is no tmux here")
        tmux = Tmux(self, columns, rows)
        self.screen = tmux.text
        return tmux

    def pty(self, *options, **how):
        terminal = Pty(self, *options, **how)
        self.callback(terminal.kill)
        self.screen = terminal.vt.text
        return terminal

    @staticmethod
    def screen():
        """What the newest terminal shows, for the report of a failure."""
        return ""


def interrupt(signum, frame):
    raise KeyboardInterrupt


def run_story(story):
    """Runs it and ends the process: 0, 1 when it failed, 77 when it cannot run here."""
    signal.signal(signal.SIGTERM, interrupt)
    name = pathlib.Path(sys.argv[0]).stem
    with Stage() as stage:
        try:
            story(stage)
        except Skip as why:
            print(f"{name}: skipped: {why}")
            sys.exit(77)
        except (Failure, OSError, subprocess.SubprocessError) as why:
            traceback.print_exc()
            with contextlib.suppress(Exception):
                print("the screen was:", stage.screen(), sep="\n")
            print(f"{name}: FAILED: {why}")
            sys.exit(1)
    print(f"{name}: passed")
