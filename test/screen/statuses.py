#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses and hints of every command, as mpgate(8) promises them.

    test/screen/statuses.py

Run by `make check` in the build folder. The commands are those that `mpgate help` lists: a new one must be
put into the table below.
"""
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys
import tempfile

from screen import Failure, Gateway, expect, program

DONE, FAILED, USAGE, NOT_RUNNING, NOT_ALLOWED, NO_SUCH, BAD_CONFIG, REFUSED, TIMEOUT = range(9)

# Those that ask the running gateway, with words that they accept.
CLIENTS = {
    "alarm": [], "backup": ["ppp0", "on"], "cap": [], "conns": [], "disable": ["ppp0"],
    "enable": ["ppp0"], "history": [], "log": [], "metrics": [], "paths": [], "redial": ["ppp0"], "reload": [],
    "status": [], "confirm": [], "revert": [], "test": ["ppp0"],
}
# Those of them that change or name one path.
NAMERS = {"backup": ["on"], "disable": [], "enable": [], "history": [], "paths": [], "redial": [],
          "test": []}
# Those that read the configuration first.
READERS = {"check": [], "config": [], "explain": ["192.0.2.1"], "gateway": ["--headless"], "plan": [],
           "server": []}
# What each state of a gateway makes of it: the verdict is no failure, but for --check.
QUESTIONS = ([], ["status"], ["paths"], ["paths", "tun0"], ["conns"], ["log"], ["metrics"], ["history"], ["cap"],
             ["alarm"])
CHECKS = {"ok": 0, "degraded": 1, "starting": 1, "not-bonded": 2, "exit-unreachable": 2, "offline": 2}
# In the state "ok", one after the other, without a terminal.
ORDERS = ((["enable", "tun0"], DONE), (["backup", "tun0", "on"], DONE), (["confirm"], DONE), (["revert"], DONE),
          (["reload"], DONE), (["alarm", "ack"], DONE), (["alarm", "ack", "eth7"], NO_SUCH),
          (["conns", "mode:udp"], USAGE), (["log", "--path", "pp0"], NO_SUCH), (["cap", "pp0"], NO_SUCH),
          (["test", "ppp0"], REFUSED), (["disable", "ppp0"], DONE), (["disable", "tun0"], DONE),
          (["disable", "tun1"], DONE), (["disable", "tun3"], REFUSED), (["disable", "--yes", "tun3"], DONE),
          (["redial", "tun3", "--no-wait"], DONE))
FOLLOWERS = (["status", "--watch"], ["paths", "--watch"], ["conns", "--watch"], ["log", "-f"])
OTHERS = {"completion", "console", "doctor", "exit", "help", "keys", "path", "report",
          "version", "jumpbox"}


def mpgate(words, user=None):
    done = subprocess.run([program("mpgate"), *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30, user=user, group=user,
                          extra_groups=None if user is None else [])
    return done.returncode, done.stdout, done.stderr


def fails(words, status, said="mpgate: ", hint=True, user=None):
    """It ends with `status`, says why on stderr alone, and, with --json, on stdout as an error object."""
    got, out, err = mpgate(words, user)
    line = " ".join(map(str, words))
    expect(got == status, f"'{line}' ended with {got}, not {status}: {out}{err}")
    expect(not out, f"'{line}' failed, but printed {out!r}")
    expect(said in err, f"'{line}' did not say {said!r} but {err!r}")
    expect(not hint or "\nhint: " in err, f"'{line}' gave no hint: {err!r}")
    got, out, _ = mpgate(["--json", *words], user)
    try:
        error = json.loads(out)
    except ValueError:
        raise Failure(f"'{line}' with --json printed {out!r}") from None
    expect(got == status and error["schema"] == "mpgate.error" and error["error"]["exit_status"] == status,
           f"'{line}' with --json ended with {got} and {error}")
    return err


def ends(words, status):
    got, out, err = mpgate(words)
    expect(got == status, f"'{' '.join(words)}' ended with {got}, not {status}: {out}{err}")
    expect((got != 0) == bool(err) and (got == 0 or not out), f"'{' '.join(words)}' printed {out!r} and {err!r}")


def interrupted(asked):
    """Those that go on end as any program does, and a shell says 130 and 143."""
    # what a script runs in the background is begun with this one ignored, and so would they be
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in signal.SIGINT, signal.SIGTERM:
        for words in FOLLOWERS:
            process = subprocess.Popen([program("mpgate"), *asked, *words, "--json"], stdout=subprocess.PIPE)
            process.stdout.readline()  # it has begun
            process.send_signal(signum)
            process.communicate(timeout=10)
            expect(process.returncode == -signum, f"{words} ended with {process.returncode}, not {-signum}")


def in_every_state(stage, asked):
    for state, checked in CHECKS.items():
        gateway = Gateway(stage, state)
        try:
            for words in QUESTIONS:
                ends([*asked, *words], DONE)
            got, out, _ = mpgate([*asked, "status", "--check"])
            expect(got == checked and out.count("\n") == 1, f"{state}: --check ended with {got}: {out}")
            if state == "ok":
                interrupted(asked)
                for words, status in ORDERS:
                    ends([*asked, *words], status)
        finally:
            gateway.stop()
    got, out, _ = mpgate([*asked, "status", "--check"])
    expect(got == 3 and out.startswith("UNKNOWN "), f"without a gateway --check ended with {got}: {out}")
    gateway = Gateway(stage, "ok", "-f")
    try:
        ends([*asked, "enable", "--timeout=1", "wwan0"], TIMEOUT)
    finally:
        gateway.stop()


# An error of each kind: its line in a file, and what is said of it.
PLANTED = (
    ("colour = yes", "unknown key 'colour' outside of blocks, the keys there are: workers, "),
    ('lan { interfaec = "br0" }', "unknown key 'interfaec' in lan, did you mean 'interface'?"),
    ('lan { interface = "a-name-that-is-too-long" }', "is no name of an interface: 1 to 15 characters"),
    ("exti far { }", "unknown block 'exti', did you mean 'exit'?"),
    ('exit near { address = "203.0.113.10" }', "exit 'near': key-file is missing, add: key-file = "),
    ('exit bad { address = "not an address" key-file = "/nonexistent" }', "write \"203.0.113.10\" or "),
    ('exit odd { address = "203.0.113.11" port = 70000 key-file = "/nonexistent" }',
     "port '70000' is out of range, give a number from 1 to 65535"),
    ('exit old { address = "203.0.113.12" method = "rc4-md5" key-file = "/nonexistent" }',
     "the methods are aes-128-gcm, "),
    ('exit key { address = "203.0.113.13" key-file = "/nonexistent" }', "key-file '/nonexistent' cannot be read"),
    ('path tun0 { tier = "primry" }', "the tiers are primary, overflow, backup, never"),
    ('path tun1 { lable = "x" }', "unknown key 'lable' in path 'tun1', did you mean 'label'?"),
    ("path tun2 { priority = 0 }", "give a number from 1 to 1000"),
    ('path tun3 { cap = "2 GX" }', 'write it as "2 GB"'),
    ('path tun4 { bell = "perhaps" }', "bell 'perhaps' is neither yes nor no"),
    ("path tun5 { }", None),
    ("path tun5 { }", "path 'tun5' was defined before, on line 15; give it another name"),
    ('path wwan0 { hotkey = "33" }', "give one printable ASCII character"),
    ('lan { sources = "192.168.5.33/27" }', 'write "192.168.5.32/27" for the range'),
    ('metrics { textfile = "here.prom" }', "must be the absolute name of a file, as "),
)


def every_error_is_found(folder):
    file = os.path.join(folder, "planted.conf")
    for text, _ in PLANTED:
        expect("\n" not in text, text)
    pathlib.Path(file).write_text("".join(text + "\n" for text, _ in PLANTED))
    got, out, err = mpgate(["check", file])
    expect(got == BAD_CONFIG and not out, f"check ended with {got} and {out!r}")
    for line, (text, said) in enumerate(PLANTED, 1):
        told = [told for told in err.splitlines() if told.startswith(f"{file}:{line}: ")]
        expect(not said or any(said in words for words in told), f"of {text!r} it said {told}, not {said!r}:\n{err}")
    got, out, _ = mpgate(["check", "--json", file])
    expect(got == BAD_CONFIG, f"check --json ended with {got}")
    expect(json.loads(out)["error"]["details"] == err.splitlines(), f"check --json lists other errors: {out}")


def verbs():
    listed = re.search(r"^Commands:\n(.*?)\n\n", mpgate(["help"])[1], re.M | re.S)[1]
    return re.findall(r"^  ([\w-]+)", listed, re.M)


def main():
    known = verbs()
    for verb in known:
        expect(verb in CLIENTS or verb in READERS or verb in OTHERS, f"'{verb}' is not in the table here")
        fails([verb, "--no-such-option"], USAGE)
        fails([verb, *["word"] * 1001], USAGE, hint=False)
    fails(["no-such-command"], USAGE)
    clients = {verb: words for verb, words in CLIENTS.items() if verb in known}
    with tempfile.TemporaryDirectory(prefix="mpgate-statuses-") as folder:
        stage = type("Stage", (), {"dir": pathlib.Path(folder),
                                   "socket": os.path.join(folder, "control.sock")})
        os.chmod(folder, 0o755)
        asked = ["--socket", stage.socket]
        for verb, words in clients.items():
            err = fails([*asked, verb, *words], NOT_RUNNING, "no gateway is running")
            expect("systemctl start mpgate" in err, f"the hint of '{verb}' does not start it: {err}")
        for verb, words in READERS.items():
            missing, bad = os.path.join(folder, "missing.conf"), os.path.join(folder, "bad.conf")
            pathlib.Path(bad).write_text("lan { interfaec = \"br0\" }\n")
            fails(["--config", missing, verb, *words], NO_SUCH, "missing.conf: cannot be read", hint=False)
            fails(["--config", bad, verb, *words], BAD_CONFIG, "bad.conf:1: ", hint=False)
        every_error_is_found(folder)
        in_every_state(stage, asked)
        gateway = Gateway(stage, "ok")
        try:
            for verb, words in NAMERS.items():
                err = fails([*asked, verb, "pp0", *words], NO_SUCH, "no path 'pp0'")
                expect("ppp0" in err, f"'{verb}' gives no name of a path: {err}")
            if os.geteuid() == 0:
                os.chmod(stage.socket, 0o600)
                nobody = pwd.getpwnam("nobody").pw_uid
                for verb, words in clients.items():
                    fails([*asked, verb, *words], NOT_ALLOWED, user=nobody)
        finally:
            gateway.stop()
    print(f"PASS {len(known)} commands")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"statuses: {failure}")
