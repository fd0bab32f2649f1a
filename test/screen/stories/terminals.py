#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Old and unknown terminals, bare locales, colours: what is sent to each."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from screen import expect, program, run_story  # noqa: E402

COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?[34][0-9](?:;[0-9;]*)?m")
BLOCK = "\u2588".encode()
OLD = ("vt100", "vt220", "linux", "ansi")
NEW = ("screen", "tmux-256color", "xterm-256color")


def look(stage, *options, **env):
    """The bytes that a console sends from its start to its end."""
    terminal = stage.pty(*options, env=env)
    terminal.wait("q:Quit")
    terminal.type(b"j")
    terminal.wait("> tun0")
    expect(max(terminal.vt.written) == 78, f"with {env} column {max(terminal.vt.written) + 1} is used")
    expect(not terminal.vt.scrolls, f"with {env} the screen scrolls")
    expect(not terminal.vt.unknown, f"with {env} it sends {terminal.vt.unknown}")
    terminal.type(b"q")
    status = terminal.wait_end()
    expect(status == 0, f"with {env} the status is {status}")
    return bytes(terminal.sent)


def expect_ascii(sent, who):
    expect(max(sent) < 0x80, f"{who} gets bytes above 127")


def story(stage):
    stage.gateway("ok", "-n")
    for term in OLD + NEW:
        for lang in ("C", "POSIX", "C.UTF-8"):
            sent = look(stage, TERM=term, LANG=lang)
            if lang != "C.UTF-8" or term in OLD:
                expect_ascii(sent, f"TERM={term} LANG={lang}")
            else:
                expect(BLOCK in sent, f"TERM={term} LANG={lang} gets no blocks")
    # newterm(3) leaks when it fails
    sent = look(stage, TERM="nosuchterm", ASAN_OPTIONS="detect_leaks=0")
    expect(b"'nosuchterm' is not known here: using vt100" in sent, "an unknown TERM is not told")
    expect_ascii(look(stage, "--charset=ascii"), "--charset=ascii")
    expect(BLOCK in look(stage, "--charset=utf8", LANG="C"), "--charset=utf8 sends no blocks")

    for options, env, colour in (((), {}, True), ((), {"NO_COLOR": "1"}, False),
                                 ((), {"NO_COLOR": ""}, True), (("--color=never",), {}, False),
                                 (("--color=always",), {"NO_COLOR": "1"}, True),
                                 ((), {"TERM": "vt220"}, False)):
        sent = look(stage, *options, **env)
        expect(bool(COLOUR.search(sent)) == colour, f"{options} {env}: colour is {not colour}")

    # A serial line knows no size: the terminal is asked, or the person says it, or it is 80x24.
    terminal = stage.pty(columns=100, rows=30, knows_size=False)
    terminal.wait_sent(b"\x1b[6n")
    terminal.type(b"\x1b[30;100R")
    terminal.wait("-76s")
    terminal.type(b"q")
    terminal.wait_end()
    terminal = stage.pty("--size", "120x40", columns=120, rows=40, knows_size=False)
    terminal.wait("SINCE")
    terminal.type(b"q")
    terminal.wait_end()
    terminal = stage.pty(knows_size=False)
    terminal.wait("-56s")

    # Where no screen can be drawn, the status is printed once.
    for env in ({"TERM": "dumb"}, {"CI": "true"}):
        terminal = stage.pty(env=env)
        expect(terminal.wait_end() == 0, f"with {env} the status is not 0")
        expect(b"home-gw" in terminal.sent and b"\x1b[H" not in terminal.sent,
               f"with {env} it prints {terminal.sent}")
    piped = subprocess.run([program("mpgate"), "-S", stage.socket, "console"], env=stage.env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=10, check=True)
    expect(b"home-gw" in piped.stdout and b"\x1b" not in piped.stdout,
           f"into a pipe it prints {piped.stdout}")


if __name__ == "__main__":
    run_story(story)
