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
import subprocess
import sys
import tempfile

from screen import Failure, Gateway, expect, program

USAGE, NOT_RUNNING, NOT_ALLOWED, NO_SUCH, BAD_CONFIG = 2, 3, 4, 5, 6

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
