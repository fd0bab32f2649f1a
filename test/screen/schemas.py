#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What --json prints: one object, of the published shape, in every state of a gateway and without one.

    test/screen/schemas.py

Run by `make check` in the build folder. The shape of each schema is test/golden/schema-NAME.txt: a line per
key with the kinds of value that it may have. UPDATE_GOLDEN=1 writes the files anew from all that is seen here;
in a diff of them a line may come, but none may go or change, or schema_version has to.
"""
import json
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile

from screen import STATES, TOP, Failure, Gateway, expect, program

UPDATE = "UPDATE_GOLDEN" in os.environ
GOLDEN = TOP / "test/golden"
KINDS = {dict: "object", list: "list", str: "text", bool: "bool", int: "number", float: "number",
         type(None): "null"}

CONFIG = """\
lan { interface = "lo" }
exit near { address = "203.0.113.10" key-file = "KEY" }
path ppp0 { kind = "adsl" }
"""

# Those that ask a gateway, with the schema of what they print.
ASKS = {
    ("status",): "status", ("paths",): "paths", ("paths", "tun0"): "paths", ("conns",): "conns",
    ("conns", "mode:tcp"): "conns", ("log", "-n", "500"): "log", ("log", "--level", "error"): "log",
    ("metrics",): "status", ("history",): "history", ("history", "--days"): "history", ("cap",): "status",
    ("alarm",): "alarms", ("test", "tun1"): "test", ("reload",): "result", ("enable", "tun0"): "result",
    ("revert",): "result",
}
WATCHED = (("status", "--watch=1"), ("paths", "--watch=1"), ("conns", "--watch=1"), ("log", "-f"))
ALONE = {("keys",): "keys", ("version",): "version", ("check",): "check", ("doctor",): "doctor",
         ("explain", "192.0.2.1"): "explain"}

seen = {}


def walk(value, where, found):
    found.setdefault(where, set()).add(KINDS[type(value)])
    if isinstance(value, dict):
        for key, part in value.items():
            walk(part, f"{where}.{key}" if where else key, found)
    elif isinstance(value, list):
        for part in value:
            walk(part, where + "[]", found)


def golden_file(schema):
    return GOLDEN / f"schema-{schema}.txt"


def published(schema):
    lines = golden_file(schema).read_text().splitlines()
    return {key: set(kinds.split("|")) for key, kinds in (line.split(" ") for line in lines)}


def check(line, wanted, what):
    """The line holds one object of the schema, every key of it, and no kind of value that was not published."""
    try:
        value = json.loads(line)
    except ValueError:
        raise Failure(f"{what}: no JSON: {line[:200]!r}") from None
    expect(value.get("schema") == f"mpgate.{wanted}" and value.get("schema_version") == 1,
           f"{what}: {line[:200]!r} is no mpgate.{wanted}")
    found = {}
    walk(value, "", found)
    del found[""]
    for key, kinds in found.items():
        seen.setdefault(wanted, {}).setdefault(key, set()).update(kinds)
    if UPDATE:
        return value
    shape = published(wanted)
    for key, kinds in found.items():
        expect(key in shape, f"{what}: {key} is not in {golden_file(wanted).name}; UPDATE_GOLDEN=1 puts it there")
        expect(kinds <= shape[key], f"{what}: {key} is {kinds - shape[key]}, not {shape[key]}")
    for key in shape:
        parent = key.rpartition(".")[0].removesuffix("[]")
        within = key.rpartition(".")[0]
        if (not parent or "object" in found.get(within, ())) and not key.endswith("[]"):
            expect(key in found, f"{what}: {key} is missing")
    return value


def run(words, user=None):
    done = subprocess.run([program("mpgate"), "--json", *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, user=user, group=user,
                          extra_groups=None if user is None else [])
    return done


def fails(words, status, what, user=None):
    """An error object, and nothing else."""
    done = run(words, user)
    expect(done.returncode == status, f"{what}: {words} ended with {done.returncode}: {done.stdout}")
    expect(done.stdout.count("\n") == 1, f"{what}: {words}: more than a line: {done.stdout!r}")
    error = check(done.stdout, "error", f"{what}: {words}")
    expect(error["error"]["exit_status"] == status, f"{what}: {error}")


def without_paths(folder):
    """A gateway of which nothing is known, and which has no paths."""
    status = json.loads((GOLDEN / "ctl-status-empty.json").read_text())
    del status["id"]
    file = pathlib.Path(folder, "no-paths.jsonl")
    file.write_text(json.dumps(status) + "\n")
    return file


def every_state(stage, asked):
    states = sorted(path.stem for path in STATES.glob("*.jsonl"))
    states += [GOLDEN / "ctl-status.json", without_paths(stage.dir)]
    for state in states:
        gateway = Gateway(stage, state)
        try:
            for words, schema in ASKS.items():
                done = run([*asked, *words])
                what = f"{state}: {' '.join(words)}"
                if schema == "test" and state != "test":
                    schema = "error"  # nothing is recorded
                if isinstance(state, pathlib.Path) and words[-1].startswith("tun"):
                    schema = "error"
                expect(done.stdout.count("\n") == 1, f"{what}: not one line: {done.stdout!r}")
                check(done.stdout, schema, what)
                expect((done.returncode == 0) == (schema not in ("error", "test")),
                       f"{what}: ended with {done.returncode}")
            if state == "conns":
                watch(gateway, asked)
        finally:
            gateway.stop()
    return len(states)


def watch(gateway, asked):
    """One object per line, until the gateway is gone; and that is told in one, too."""
    watching = [(words, subprocess.Popen([program("mpgate"), "--json", *asked, *words], text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)) for words in WATCHED]
    first = [(process.stdout.readline(), process.stdout.readline() if words[0] != "log" else None)
             for words, process in watching]
    gateway.stop()
    for (words, process), lines in zip(watching, first):
        out, err = process.communicate(timeout=20)
        expect(process.returncode == 3 and not err, f"{words} ended with {process.returncode}: {err}")
        for line in filter(None, lines):
            check(line, words[0], f"watch: {words}")
        *more, last = out.splitlines()
        for line in more:
            check(line, words[0], f"watch: {words}")
        expect(check(last, "error", f"watch: {words}")["error"]["code"] == "gone", f"{words}: {last}")


def main():
    with tempfile.TemporaryDirectory(prefix="mpgate-schemas-") as folder:
        os.chmod(folder, 0o755)
        stage = type("Stage", (), {"dir": pathlib.Path(folder), "socket": os.path.join(folder, "control.sock")})
        key, config = stage.dir / "key", stage.dir / "mpgate.conf"
        key.write_text("a password\n")
        key.chmod(0o600)
        config.write_text(CONFIG.replace("KEY", str(key)))
        asked = ["--socket", stage.socket, "--config", str(config)]
        for words in ASKS:
            fails([*asked, *words], 3, "not running")
        for words, schema in ALONE.items():
            done = run([*asked, *words])
            expect(done.stdout.count("\n") == 1, f"{words}: {done.stdout!r}")
            check(done.stdout, schema, f"not running: {words}")
        n = every_state(stage, asked)
        if os.geteuid() == 0:
            gateway = Gateway(stage, "ok")
            try:
                os.chmod(stage.socket, 0o600)
                for words in ASKS:
                    fails([*asked, *words], 4, "not allowed", user=pwd.getpwnam("nobody").pw_uid)
            finally:
                gateway.stop()
    for schema, shape in seen.items():
        if UPDATE:
            golden_file(schema).write_text("".join(f"{key} {'|'.join(sorted(kinds))}\n"
                                                   for key, kinds in shape.items()))
    print(f"PASS {len(seen)} schemas, {n} states of a gateway, and none")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"schemas: {failure}")
