#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion in real shells: the script is loaded, a line typed, Tab pressed.

    test/screen/completion.py

Run by `make check` in the build folder. bash is always there; a case for a shell that is not is skipped.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from screen import Failure, Gateway, expect, program

LIMIT_S = 15
MPGATE = program("mpgate")
PROMPT = b"ready> "


class Stage:
    """What Gateway wants of a stage."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.socket = str(self.dir / "control.sock")


class Shell:
    """An interactive shell on a terminal, with the completion loaded."""

    def __init__(self, words, setup, socket):
        self.line = pathlib.Path(socket).with_name("line")
        environment = {"PATH": f"{MPGATE.parent}:{os.environ['PATH']}", "TERM": "dumb", "LC_ALL": "C",
                       "HOME": "/nonexistent", "MPGATE_SOCKET": socket, "LINE": str(self.line)}
        environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, environment)
        for line in setup:
            os.write(self.fd, line.encode() + b"\n")
        self.read(PROMPT)

    def read(self, until):
        """All that is shown until the pattern `until` is."""
        shown, deadline = b"", time.monotonic() + LIMIT_S
        while not re.search(until, shown, re.DOTALL):
            expect(time.monotonic() < deadline, f"no {until!r} in {shown!r}")
            if select.select([self.fd], [], [], .1)[0]:
                shown += os.read(self.fd, 65536)
        return shown

    def complete(self, line):
        """Types, presses Tab, and lets the shell tell what became of the line."""
        os.write(self.fd, b": " + b"\x15" + line.encode() + b"\t")
        os.write(self.fd, b"\x01printf '%s\\n' \x05 >\"$LINE\"; echo en''d\n")
        self.read(b"end.*" + PROMPT)
        return self.line.read_text().splitlines()

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


BASH = (["bash", "--norc", "--noprofile", "-i"],
        ['eval "$(mpgate completion bash)"', "bind 'set bell-style none'",
         "bind 'set show-all-if-ambiguous off'", "PS1='rea''dy> '"])
ZSH = (["zsh", "-f", "-i"],
       ["autoload -U compinit && compinit -D -u", "unsetopt beep auto_menu zle_bracketed_paste",
        'eval "$(mpgate completion zsh)"', "bindkey -e", "PS1='rea''dy> '"])

# what is typed: what it becomes
WITHOUT_GATEWAY = {
    "mpgate dis": ["mpgate", "disable"],
    "mpgate config --eff": ["mpgate", "config", "--effective"],
    "mpgate --color=al": ["mpgate", "--color=always"],
    "mpgate --color alw": ["mpgate", "--color", "always"],
    "mpgate backup ppp0 of": ["mpgate", "backup", "ppp0", "off"],
    "mpgate help expl": ["mpgate", "help", "explain"],
    "mpgate enable p": ["mpgate", "enable", "p"],
    "mpgate check COPY": ["mpgate", "check", "COPYING"],
    "mpgate check -c COPY": ["mpgate", "check", "-c", "COPYING"],
    "mpgate status --nonsense-": ["mpgate", "status", "--nonsense-"],
}
WITH_GATEWAY = {
    "mpgate enable p": ["mpgate", "enable", "ppp0"],
    "mpgate redial --no-wait ww": ["mpgate", "redial", "--no-wait", "wwan0"],
    "mpgate -q backup tun3 of": ["mpgate", "-q", "backup", "tun3", "off"],
    "mpgate doctor vp": ["mpgate", "doctor", "vps1"],
    "mpgate doctor spa": ["mpgate", "doctor", "spare"],
    "mpgate test tun3 --me": ["mpgate", "test", "tun3", "--metered"],
    "mpgate paths ppp0 ww": ["mpgate", "paths", "ppp0", "wwan0"],
    "mpgate --units=by": ["mpgate", "--units=byte"],
}


def check(shell, cases):
    for line, words in cases.items():
        got = shell.complete(line)
        expect(got == words, f"'{line}' became {got}, not {words}")


def in_shell(words, setup, socket, cases):
    if not shutil.which(words[0]):
        print(f"SKIP {words[0]}: not installed")
        return
    shell = Shell(words, setup, socket)
    try:
        check(shell, cases)
    finally:
        shell.end()
    print(f"PASS {words[0]}, {len(cases)} lines")


def in_fish(socket, cases, home):
    if not shutil.which("fish"):
        print("SKIP fish: not installed")
        return
    for line, words in cases.items():
        done = subprocess.run(["fish", "--no-config", "-c",
                               f"mpgate completion fish | source; complete -C '{line}'"],
                              capture_output=True, text=True, timeout=LIMIT_S,
                              env={**os.environ, "PATH": f"{MPGATE.parent}:{os.environ['PATH']}",
                                   "MPGATE_SOCKET": socket, "HOME": home})
        offers = [offer.split("\t")[0] for offer in done.stdout.splitlines()]
        wanted = [] if words[-1] == line.split()[-1] else [words[-1]]
        expect(offers == wanted and not done.stderr,
               f"fish: '{line}' is offered {offers}, not {wanted}\n{done.stderr}")
    print(f"PASS fish, {len(cases)} lines")


def quick_and_silent(socket):
    """Also when what listens does not answer."""
    began = time.monotonic()
    done = subprocess.run([MPGATE, "-S", socket, "completion", "ask", "--", "enable", ""],
                          capture_output=True, text=True)
    expect((done.returncode, done.stdout, done.stderr) == (0, "", ""), f"it said {done}")
    return time.monotonic() - began


def main():
    os.environ["MPGATE"] = str(MPGATE)
    os.chdir(os.environ.get("srcdir", pathlib.Path(__file__).resolve().parents[2]))
    with tempfile.TemporaryDirectory(prefix="mpgate-completion-") as folder:
        stage = Stage(folder)
        for cases in WITHOUT_GATEWAY, WITH_GATEWAY:
            gateway = Gateway(stage, "ok") if cases is WITH_GATEWAY else None
            try:
                in_shell(*BASH, stage.socket, cases)
                in_shell(*ZSH, stage.socket, cases)
                in_fish(stage.socket, cases, folder)
                if gateway:
                    gateway.process.send_signal(signal.SIGSTOP)
                seconds = quick_and_silent(stage.socket)
                expect(seconds < 1, f"it took {seconds:.1f} s")
            finally:
                if gateway:
                    gateway.process.kill()
                    gateway.process.wait()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"completion: {failure}")
