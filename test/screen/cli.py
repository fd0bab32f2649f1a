#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client commands, run as people and scripts run them, against test/screen/fake-gateway.

    test/screen/cli.py [CASE...]

Run by `make check` in the build folder. Prints a line per case and ends with status 1 if one failed.
"""
import codecs
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import prometheus

SOURCE = os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
LIMIT_S = 20
ENV = {"PATH": os.environ["PATH"], "TZ": "CET-1", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        ENV[name] = os.environ[name]


class Gateway:
    """A fake gateway on a socket of its own."""

    def __init__(self, folder, state, *options):
        self.socket = os.path.join(folder, "control.sock")
        self.log = os.path.join(folder, "commands")
        states = os.path.join(SOURCE, "test/screen/states", state + ".jsonl")
        self.process = subprocess.Popen(
            ["test/screen/fake-gateway", *options, self.socket, states, self.log],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def go_on(self):
        self.process.send_signal(signal.SIGUSR1)

    def wait_clients(self, n):
        """Until so many watch it, and each has got the state of now."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            with open("/proc/net/unix") as file:
                if sum(line.rstrip().endswith(self.socket) for line in file) == n + 1:
                    break
            assert time.monotonic() < deadline, f"not {n} clients"
            time.sleep(.02)
        mpgate(self.socket, "status")  # requests are answered one after the other

    def commands(self):
        with open(self.log) as file:
            return file.read().splitlines()

    def end(self):
        self.process.terminate()
        assert self.process.wait(LIMIT_S) == 0
        self.process.stdout.close()


@contextlib.contextmanager
def gateway(state, *options):
    with tempfile.TemporaryDirectory(prefix="mpgate-cli-") as folder:
        g = Gateway(folder, state, *options)
        try:
            yield g
        finally:
            if g.process.poll() is None:
                g.end()


def mpgate(socket, *words, user=None, **env):
    """Runs without a terminal; returns exit status, stdout, stderr."""
    done = subprocess.run(["./mpgate", "-S", socket, *words], env={**ENV, **env}, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
                          user=user, group=user, extra_groups=None if user is None else [])
    return done.returncode, done.stdout, done.stderr


def start(socket, *words):
    return subprocess.Popen(["./mpgate", "-S", socket, *words], env=ENV, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def on_terminal(socket, typed, *words, **env):
    """Runs on a terminal and types when asked; returns exit status and all that was shown."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve("./mpgate", ["./mpgate", "-S", socket, *words], ENV | env)
    decoder = codecs.getincrementaldecoder("utf-8")()
    shown, deadline = "", time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if not select.select([fd], [], [], .1)[0]:
            continue
        try:
            data = os.read(fd, 4096)
        except OSError:  # the other side is closed
            break
        shown += decoder.decode(data)
        if shown.endswith("[y/N] "):
            os.write(fd, typed.encode())
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def contains(text, part):
    assert part in text, f"no {part!r} in {text!r}"


def golden(name):
    with open(os.path.join(SOURCE, "test/golden", name)) as file:
        return file.read()


CASES = []


def case(function):
    CASES.append(function)
    return function


# ---- log

@case
def the_log_is_printed_as_on_the_console():
    with gateway("degraded") as g:
        code, out, err = mpgate(g.socket, "log")
        same((code, err), (0, ""))
        lines = out.splitlines()
        same(len(lines), 50)
        same(lines[-1], "Nov 22 13:04:09 ! tun1  DEGRADED RTT 187 ms over 150 for 15 s, loss 4.1% "
                        "over 2%")
        same(mpgate(g.socket, "log", "-n", "1")[1].splitlines(), lines[-1:])
        same(len(mpgate(g.socket, "log", "-n", "5000")[1].splitlines()), 217)
        out = mpgate(g.socket, "log", "--path", "ppp0")[1].splitlines()
        same([line[18:30].rstrip() for line in out], ["ppp0  DOWN"] * 2)
        out = mpgate(g.socket, "log", "--level", "warning", "-n", "5000")[1].splitlines()
        assert out and all(line[16] == "!" for line in out)
        same(mpgate(g.socket, "log", "--since", "2026-11-22 13:04:03")[1].splitlines(), lines[-2:])
        same(mpgate(g.socket, "log", "--since", "2030-01-01"), (0, "", ""))


@case
def the_log_speaks_to_programs():
    with gateway("degraded") as g:
        log = json.loads(mpgate(g.socket, "log", "--json", "-n", "300")[1])
        same((log["schema"], len(log["events"]), log["last"]), ("mpgate.log", 217, 217))
        same(log["events"][-1]["verb"], "DEGRADED")
        rows = [line.split("\t") for line in
                mpgate(g.socket, "log", "--plain", "-n", "3")[1].splitlines()]
        same(rows[0], ["#time", "seq", "severity", "object", "verb", "text"])
        same([row[1] for row in rows[1:]], ["215", "216", "217"])
        same(rows[3][0], "2026-11-22T13:04:09.000+01:00")


@case
def the_log_is_followed():
    with gateway("3g") as g:
        process = start(g.socket, "log", "-f", "-n", "1")
        process.stdout.readline()
        g.go_on()
        contains(process.stdout.readline(), "wwan0")
        g.end()
        same(process.wait(LIMIT_S), 3)
        process.communicate()


@case
def a_log_that_cannot_be_had_is_told():
    with gateway("degraded") as g:
        for words, code in ((("--path", "pp0"), 5), (("--since", "tomorrow"), 2),
                            (("-n", "0"), 2), (("--level", "loud"), 2), (("-n", "x"), 2)):
            got = mpgate(g.socket, "log", *words)
            same(got[:2], (code, ""))
            assert got[2]
        same(mpgate(g.socket, "log", "--path", "wwan0", "--level", "error"), (0, "", ""))
    same(mpgate("/nonexistent/control.sock", "log")[0], 3)


# ---- conns

@case
def connections_are_listed_and_filtered():
    with gateway("conns") as g:
        same(mpgate(g.socket, "conns"), (0, golden("conns.txt"), ""))
        same(mpgate(g.socket, "conns", "--plain"), (0, golden("conns-plain.txt"), ""))
        answer = json.loads(mpgate(g.socket, "conns", "--json")[1])
        same((answer["schema"], len(answer["connections"])), ("mpgate.conns", 43))
        answer = json.loads(mpgate(g.socket, "conns", "--json", "mode:tcp", "!22")[1])
        same([c["target"] for c in answer["connections"]], ["203.0.113.80:80"])
        same(mpgate(g.socket, "conns", "tun9"), (0, '0 of 42 match "tun9"\n', ""))


@case
def a_wrong_filter_is_explained():
    code, out, err = mpgate("/nonexistent", "conns", "mode:udp")
    same((code, out), (2, ""))
    contains(err, "'mode:udp': mode: is mptcp or tcp\nhint: for example")
    code, out, err = mpgate("/nonexistent", "conns", "--json", "pth:tun0")
    same((code, err, json.loads(out)["error"]["code"]), (2, "", "usage"))
    same(mpgate("/nonexistent", "conns")[0], 3)


@case
def connections_can_be_watched():
    with gateway("conns", "-n") as g:
        watch = start(g.socket, "conns", "--json", "--watch=1", "443")
        for _ in range(2):
            same(len(json.loads(watch.stdout.readline())["connections"]), 19)
        g.end()
        out, err = watch.communicate(timeout=LIMIT_S)
        same((watch.returncode, err), (3, ""))
        same(json.loads(out.splitlines()[-1])["error"]["code"], "gone")


# ---- status

@case
def status_is_printed():
    with gateway("degraded") as g:
        same(mpgate(g.socket, "status"), (0, golden("status-degraded.txt"), ""))


@case
def no_command_without_a_terminal_is_status():
    with gateway("degraded") as g:
        same(mpgate(g.socket), (0, golden("status-degraded.txt"), ""))


@case
def colour_is_for_terminals_and_can_be_forced():
    with gateway("degraded") as g:
        assert "\033" not in mpgate(g.socket, "status")[1]
        assert "\033" in mpgate(g.socket, "status", "--color=always")[1]
        assert "\033" in mpgate(g.socket, "status", "--color=always", NO_COLOR="1")[1]
        assert "\033" in on_terminal(g.socket, "", "status")[1]
        assert "\033" not in on_terminal(g.socket, "", "status", "--color=never")[1]


@case
def json_is_one_object_a_line():
    with gateway("degraded") as g:
        code, out, err = mpgate(g.socket, "status", "--json")
        same((code, err, out.count("\n")), (0, "", 1))
        status = json.loads(out)
        same((status["schema"], status["gateway"]["verdict"]), ("mpgate.status", "degraded"))
        same(status["paths"][0]["rx_bps"], None)


@case
def control_characters_reach_no_terminal():
    with gateway("control-characters") as g:
        for form in ([], ["--json"], ["--plain"], ["--check"]):
            out = mpgate(g.socket, "status", *form)[1]
            bad = [c for c in out if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0"]
            same(bad, [])
    with gateway("ok") as g:
        same(mpgate(g.socket, "redial", "\x1b[2J")[2].count("\x1b"), 0)


@case
def plain_has_a_header_and_as_many_fields_everywhere():
    with gateway("twelve-paths") as g:
        lines = mpgate(g.socket, "status", "--plain")[1].splitlines()
        same((len(lines), {line.count("\t") for line in lines}, lines[0][:6]),
             (13, {lines[0].count("\t")}, "#path\t"))


@case
def check_has_the_statuses_of_nagios():
    for state, code in (("ok", 0), ("degraded", 1), ("offline", 2), ("not-bonded", 2)):
        with gateway(state) as g:
            same(mpgate(g.socket, "status", "--check")[0], code)
    code, out, err = mpgate("/nonexistent/control.sock", "status", "--check")
    same((code, err), (3, ""))
    contains(out, "UNKNOWN no gateway is running")


@case
def watch_follows_and_ends_with_the_gateway():
    with gateway("3g") as g:
        watch = start(g.socket, "status", "--json", "--watch=1")
        seen = [json.loads(watch.stdout.readline())["paths"][4]["state"]]
        for _ in range(2):
            g.go_on()
            while len(seen) < 10:
                state = json.loads(watch.stdout.readline())["paths"][4]["state"]
                if state != seen[-1]:
                    seen.append(state)
                    break
        same(seen, ["standby", "dialing", "up"])
        g.end()
        out, err = watch.communicate(timeout=LIMIT_S)
        same((watch.returncode, err), (3, ""))
        same(json.loads(out.splitlines()[-1])["error"]["code"], "gone")


@case
def watch_plain_says_each_change_in_a_sentence():
    with gateway("3g") as g:
        watch = start(g.socket, "status", "--plain", "--watch")
        g.wait_clients(1)
        time.sleep(1.2)  # nothing to wait for: it must be silent, also when a state comes that is the same
        same(select.select([watch.stdout], [], [], 0)[0], [])
        g.go_on()
        same(watch.stdout.readline(), "wwan0 DIALING: enabled by root on pts/0  13:04:18\n")
        g.go_on()
        same(watch.stdout.readline(),
             "wwan0 UP: address 10.8.4.6, first reply after 92 ms  13:04:19\n")
        watch.terminate()
        watch.communicate(timeout=LIMIT_S)


@case
def who_follows_a_quiet_gateway_hears_nothing():
    with gateway("conns", "-n") as g:  # new numbers once a second, and no change
        watching = [start(g.socket, verb, "--plain", "--watch") for verb in ("status", "paths", "conns")]
        watching.append(start(g.socket, "log", "-f", "-n", "1", "--plain", "--no-header"))
        contains(watching[-1].stdout.readline(), "\t")  # the newest line, and no more
        g.wait_clients(len(watching))
        time.sleep(3.2)
        same(select.select([process.stdout for process in watching], [], [], 0)[0], [])
        g.end()
        for process in watching:
            same((process.wait(LIMIT_S), process.communicate()[0]), (3, ""))


# ---- no gateway, no right

@case
def failures_have_their_statuses_and_texts():
    with tempfile.TemporaryDirectory(prefix="mpgate-cli-") as folder:
        none = os.path.join(folder, "none")
        for words in (["status"], ["status", "--watch"], ["redial", "ppp0"]):
            code, out, err = mpgate(none, *words)
            same((code, out), (3, ""))
            contains(err, f"mpgate: no gateway is running ({none} does not exist)\nhint: start")
            code, out, err = mpgate(none, *words, "--json")
            same((code, err), (3, ""))
            error = json.loads(out)
            same((error["schema"], error["error"]["code"], error["error"]["exit_status"]),
                 ("mpgate.error", "not-running", 3))


@case
def not_allowed_is_not_not_running():
    if os.geteuid() != 0:
        return
    with gateway("ok") as g:
        os.chmod(os.path.dirname(g.socket), 0o755)
        with tempfile.TemporaryDirectory(prefix="mpgate-cli-") as folder:
            os.chmod(folder, 0o755)
            here = os.getcwd()
            # the build folder may be closed to others: run a copy
            subprocess.run(["cp", "mpgate", folder], check=True)
            os.chdir(folder)
            try:
                code, out, err = mpgate(g.socket, "status", user=65534)
                same((code, out), (4, ""))
                contains(err, "user nobody may not talk to the gateway")
                contains(err, "Permission denied")
                code, out, err = mpgate(g.socket, "status", "--json", user=65534)
                same((code, json.loads(out)["error"]["code"]), (4, "not-allowed"))
                os.chmod(g.socket, 0o666)
                code, out, err = mpgate(g.socket, "redial", "ppp0", user=65534)
                same((code, out), (4, ""))
                contains(err, "redial: nobody may look but not change things")
            finally:
                os.chdir(here)
        same(g.commands(), [])


@case
def wrong_usage_is_2():
    for words in (["status", "--check", "--plain"], ["status", "--check", "--watch"],
                  ["status", "--watch=0"], ["status", "--watch=soon"], ["redial"],
                  ["redial", "--timeout=0", "ppp0"], ["redial", "a", "b"],
                  ["backup", "ppp0"], ["backup", "ppp0", "perhaps"]):
        code, out, err = mpgate("/nonexistent/control.sock", *words)
        same((code, out, err[:8]), (2, "", "mpgate: "))
    code, out, err = mpgate("/nonexistent/control.sock", "status", "--json", "--plain")
    same((code, json.loads(out)["error"]["code"], err), (2, "usage", ""))


# ---- paths

@case
def paths_are_listed_and_told_in_full():
    with gateway("degraded") as g:
        code, out, err = mpgate(g.socket, "paths")
        same((code, err), (0, ""))
        contains(golden("status-degraded.txt"), "\n" + out)
        code, out, err = mpgate(g.socket, "paths", "tun1", "ppp0")
        same((code, err), (0, ""))
        same([line.split()[0] for line in out.split("\n\n")], ["ppp0", "tun1"])
        contains(out, "mptcp   options pass: yes")
        contains(out, "RTT 187 ms over 150")
        assert max(map(len, out.splitlines())) <= 80, out
        code, out, err = mpgate(g.socket, "paths", "tun1", "tun9")
        same((code, out), (5, ""))
        contains(err, "mpgate: paths: no path 'tun9'\nhint: did you mean tun0?")
        same(mpgate(g.socket, "paths", "--json", "--plain")[0], 2)


@case
def paths_are_told_to_programs():
    with gateway("degraded") as g:
        status = json.loads(mpgate(g.socket, "status", "--json")[1])
        told = json.loads(mpgate(g.socket, "paths", "--json")[1])
        same(told, {"schema": "mpgate.paths", "schema_version": 1, "time": status["time"],
                    "paths": status["paths"]})
        told = json.loads(mpgate(g.socket, "paths", "--json", "tun1", "ppp0")[1])
        same([path["name"] for path in told["paths"]], ["ppp0", "tun1"])
        plain = mpgate(g.socket, "paths", "--plain")[1]
        same(plain, golden("status-plain.txt"))
        lines = plain.splitlines(keepends=True)
        same(mpgate(g.socket, "paths", "--plain", "tun0")[1], lines[0] + lines[2])
        same(mpgate(g.socket, "paths", "--plain", "--no-header", "tun0")[1], lines[2])
        code, out, err = mpgate(g.socket, "paths", "--json", "tun9")
        same((code, err, json.loads(out)["error"]["code"]), (5, "", "no-such"))


@case
def paths_can_be_watched():
    with gateway("degraded") as g:
        watch = start(g.socket, "paths", "--json", "--watch=1", "tun0")
        for _ in range(2):
            told = json.loads(watch.stdout.readline())
            same([path["name"] for path in told["paths"]], ["tun0"])
        g.end()
        out, err = watch.communicate(timeout=LIMIT_S)
        same((watch.returncode, err), (3, ""))
        same(json.loads(out.splitlines()[-1])["error"]["code"], "gone")


@case
def only_changes_of_the_named_paths_are_told():
    for words, told in ((("wwan0",), True), (("tun0",), False), ((), True)):
        with gateway("3g") as g:
            watch = start(g.socket, "paths", "--plain", "--watch", *words)
            every = start(g.socket, "status", "--plain", "--watch")
            g.wait_clients(2)
            g.go_on()
            line = every.stdout.readline()
            contains(line, "wwan0 ")
            g.end()
            out = watch.communicate(timeout=LIMIT_S)[0]
            every.communicate(timeout=LIMIT_S)
            same((line in out.splitlines(keepends=True), bool(out)), (told, told))
            assert "\033" not in out


# ---- test

@case
def a_test_is_told_and_judged():
    with gateway("test") as g:
        code, out, err = mpgate(g.socket, "test", "tun1")
        same((code, err), (1, ""))
        same(out, """\
tun1 to exit vps1 (vps1.example.net:65101)
  ok    exit          its port answers in 62 ms
  FAIL  mptcp         SYN sent with MP_CAPABLE, SYN/ACK came without
          over ppp0 the same exit answers with them, so something on tun1 strips them
          try: see OPTIONS STRIPPED in mpgate(8)

1 ok, 0 warnings, 1 failed, 0 not tried.   exit 1
""")
        told = json.loads(mpgate(g.socket, "test", "tun1", "--json")[1])
        same({**told, "time": None}, {**json.loads(golden("ctl-test.json")), "time": None})
        lines = mpgate(g.socket, "test", "tun1", "--plain")[1].splitlines()
        same(lines[0], "#step\tlevel\ttook_us\ttext\tcause\tnext")
        same(lines[1], "exit\tok\t62000\tits port answers in 62 ms\t-\t-")
        contains(mpgate(g.socket, "--mask", "test", "tun1", "--json")[1], '"198.51.xxx.x"')
        code, out, err = mpgate(g.socket, "test", "tun0")
        same((code, out), (7, ""))
        contains(err, "mpgate: test: there is no record of that\nhint: ")
        same(mpgate(g.socket, "test", "tun9")[0], 5)
        same(mpgate(g.socket, "test")[0], 2)


# ---- what works with every command

@case
def units_are_those_that_are_wanted():
    with gateway("degraded") as g:
        for words, title in ((("status",), "RX MB/s"), (("paths",), "RX MB/s"),
                             (("paths", "tun0"), "RX 0.12 MB/s")):
            contains(mpgate(g.socket, "--units=byte", *words)[1], title)
        contains(mpgate(g.socket, "paths", "--units", "kbit")[1], "RX kb/s")
        code, out, err = mpgate(g.socket, "paths", "--units=furlong")
        same((code, out), (2, ""))
        contains(err, "'furlong' is not bit, kbit, byte or auto")
    with gateway("history") as g:
        contains(mpgate(g.socket, "history", "--units=byte")[1], "RX MB/s")
    with gateway("conns") as g:
        contains(mpgate(g.socket, "conns", "--units=byte")[1], "RX MB/s")


@case
def addresses_are_hidden_in_all_that_is_printed():
    address = re.compile(r"\b\d+\.\d+\.\d+\.\d+|[0-9a-f]+:[0-9a-f]+::|::[0-9a-f]")
    hidden = 0
    for state, all_words in (("conns", (["conns"], ["conns", "--plain"], ["conns", "--json"])),
                             ("ok", (["status"], ["status", "--json"], ["paths", "tun0"],
                                     ["paths", "--plain"], ["log"], ["log", "--json"], ["metrics"]))):
        with gateway(state) as g:
            for words in all_words:
                shown = mpgate(g.socket, *words)[1]
                code, out, err = mpgate(g.socket, "--mask", *words)
                same((code, err), (0, ""))
                assert not address.search(out), (words, address.search(out))
                same([len(line) for line in out.splitlines()], [len(line) for line in shown.splitlines()])
                if "--json" in words:
                    json.loads(out)
                hidden += out != shown
    assert hidden >= 6, hidden
    code, out, err = mpgate("/nonexistent", "--mask", "explain", "2001:db8::1:2", "-c", "/nonexistent")
    assert code and not out and "db8::1" not in err, err


@case
def heads_of_columns_can_be_left_out():
    with gateway("history") as g:
        for words in (["status"], ["paths"], ["conns"], ["log"], ["history"], ["history", "--days"], ["cap"],
                      ["alarm"], ["keys"], ["doctor", "terminal"]):
            heads = mpgate(g.socket, *words, "--plain")[1].splitlines()
            same(heads[0][0], "#")
            same(mpgate(g.socket, *words, "--plain", "--no-header")[1].splitlines(), heads[1:])


# ---- commands

@case
def a_wrong_path_is_5_with_a_hint():
    with gateway("ok") as g:
        code, out, err = mpgate(g.socket, "redial", "pp0")
        same((code, out), (5, ""))
        same(err, "mpgate: redial: no path 'pp0'\n"
                  "hint: did you mean ppp0? paths are: ppp0 tun0 tun1 tun3 wwan0\n")
        same(mpgate(g.socket, "enable", "wwan0wwan0wwan0wwan0")[0], 5)
        same(g.commands(), [])


@case
def enable_waits_until_the_path_is_up():
    with gateway("ok") as g:
        same(mpgate(g.socket, "enable", "wwan0"), (0, "wwan0 is UP after 0 s\n", ""))
        same(g.commands(), ["enable wwan0 by root"] if os.geteuid() == 0 else g.commands())


@case
def redial_waits_for_up_again():
    with gateway("ok") as g:
        begin = time.monotonic()
        same(mpgate(g.socket, "redial", "ppp0")[:2], (0, "ppp0 is UP after 0 s\n"))
        assert time.monotonic() - begin > .4  # the fake takes half a second


@case
def enabling_what_is_up_is_done_at_once():
    with gateway("ok") as g:
        same(mpgate(g.socket, "enable", "--no-wait", "ppp0"), (0, "enable ppp0: done\n", ""))


@case
def disable_waits_for_off():
    with gateway("ok") as g:
        same(mpgate(g.socket, "disable", "tun3"), (0, "tun3 is OFF after 0 s\n", ""))
        same(mpgate(g.socket, "disable", "tun3"), (0, "disable tun3: done\n", ""))


@case
def a_path_that_stays_down_is_8():
    with gateway("ok", "-f") as g:
        code, out, err = mpgate(g.socket, "enable", "--timeout=1", "wwan0")
        same((code, out), (8, ""))
        contains(err, "mpgate: enable: wwan0 is DOWN after 1 s\nhint: the gateway goes on")


@case
def command_results_are_json_on_request():
    with gateway("ok") as g:
        result = json.loads(mpgate(g.socket, "enable", "--json", "wwan0")[1])
        same(result["result"], {"verb": "enable", "object": "wwan0", "exit_status": 0,
                                "text": "wwan0 is UP after 0 s", "hint": None, "details": []})
        code, out, err = mpgate(g.socket, "redial", "--json", "pp0")
        same((code, err, json.loads(out)["error"]["code"]), (5, "", "no-such"))


@case
def the_last_path_is_cut_only_with_yes():
    with gateway("ok") as g:
        for path in ("ppp0", "tun0", "tun1"):
            same(mpgate(g.socket, "disable", path)[0], 0)
        code, out, err = mpgate(g.socket, "disable", "tun3")
        same((code, out), (7, ""))
        contains(err, "tun3 is the only path that works\nhint: --yes")
        same(len(g.commands()), 3)
        same(mpgate(g.socket, "--yes", "disable", "tun3")[0], 0)


@case
def on_a_terminal_it_asks_and_no_is_the_default():
    with gateway("ok") as g:
        for typed in ("\n", "n\n", "x\n", "\x04"):
            code, shown = on_terminal(g.socket, typed, "redial", "ppp0")
            same(code, 7)
            contains(shown, "Hang up and redial path ppp0 (adsl)?\r\n"
                            "Its 42 subflows move to the other paths; no connection is cut.")
        same(g.commands(), [])
        code, shown = on_terminal(g.socket, "y\n", "redial", "ppp0")
        same(code, 0)
        contains(shown, "ppp0 is UP after")
        same(on_terminal(g.socket, "", "--yes", "redial", "ppp0")[0], 0)
        same(on_terminal(g.socket, "", "--no-input", "redial", "ppp0")[0], 0)
        assert all(" on pts/" in line for line in g.commands())


# ---- history and metrics

@case
def history_is_a_page_of_rows():
    with gateway("history") as g:
        same(mpgate(g.socket, "history"), (0, golden("history-1h.txt"), ""))
        same(mpgate(g.socket, "history", "ppp0", "--scale=30d"), (0, golden("history-30d.txt"), ""))
        same(mpgate(g.socket, "history", "--days"), (0, golden("history-days.txt"), ""))
        same(mpgate(g.socket, "history", "tun0", "--scale", "1d"),
             (0, "tun0: nothing is known yet of the last day\n", ""))


@case
def a_speed_of_what_costs_is_asked_for():
    with gateway("ok") as g:
        code, shown = on_terminal(g.socket, "n\n", "test", "wwan0", "--speed")
        same(code, 7)
        contains(shown, "wwan0 is metered, and this takes up to 4 MB of it")
        contains(shown, "test: not done")
        for words in (["wwan0", "--speed", "--no-input"], ["wwan0", "--speed", "--yes"], ["ppp0", "--speed"]):
            assert "is metered, and this" not in on_terminal(g.socket, "", "test", *words)[1], words


@case
def bars_are_of_what_the_terminal_shows():
    full, ascii_bar = "\u2588" * 40, "#" * 40
    with gateway("history") as g:
        for shown, hidden, out in (
                (ascii_bar, full, mpgate(g.socket, "history")[1]),
                (full, ascii_bar, mpgate(g.socket, "history", "--charset=utf8")[1]),
                (full, ascii_bar, on_terminal(g.socket, "", "history")[1]),
                (ascii_bar, full, on_terminal(g.socket, "", "history", "--charset=ascii")[1]),
                (ascii_bar, full, on_terminal(g.socket, "", "history", TERM="linux")[1])):
            contains(out, shown)
            assert hidden not in out, out


@case
def history_is_told_to_programs():
    with gateway("history") as g:
        told = json.loads(mpgate(g.socket, "history", "--json")[1])
        same((told["schema"], told["path"], told["scale"]), ("mpgate.history", None, "1h"))
        code, out, err = mpgate(g.socket, "history", "--plain")
        lines = out.splitlines()
        same((code, lines[0], err), (0, "#time\trx_bps\ttx_bps", ""))
        same(len(lines), 1 + len(told["samples"]))
        contains(out, "\t?\t?\n")
        same(mpgate(g.socket, "history", "--days", "--plain")[1].splitlines()[-1],
             "2026-11-22\t12000000000\t1200000000")
        code, out, err = mpgate(g.socket, "history", "pp0")
        same((code, out), (5, ""))
        contains(err, "did you mean ppp0?")
        same(mpgate(g.socket, "history", "--scale", "2h")[0], 2)


@case
def metrics_are_what_a_scraper_takes():
    for state in ("history", "3g", "degraded", "exit-unreachable", "not-bonded", "offline", "ok",
                  "starting", "twelve-paths", "control-characters"):
        with gateway(state) as g:
            code, out, err = mpgate(g.socket, "metrics")
            same((code, err), (0, ""))
            status = json.loads(mpgate(g.socket, "status", "--json")[1])
            families = prometheus.read(out)
            same(prometheus.one_hot(families["mpgate_verdict"], "verdict"),
                 status["gateway"]["verdict"])
            for path in status["paths"]:
                same(prometheus.one_hot(families["mpgate_path_state"], "state",
                                        {"path": path["name"]}), path["state"])
                for name, key in (("mpgate_path_rtt_seconds", "rtt_us"),
                                  ("mpgate_path_loss_ratio", "loss_ratio"),
                                  ("mpgate_path_data_cap_bytes", "cap_bytes"),
                                  ("mpgate_path_data_cap_used_bytes", "cap_used_bytes")):
                    known = [labels for labels, _ in families.get(name, [])
                             if labels["path"] == path["name"]]
                    same(len(known), path.get(key) is not None)


@case
def status_tells_of_dns():
    with gateway("history") as g:
        code, out, _ = mpgate(g.socket, "status")
        contains(out, "\ndns     48213 queries, 29844 from the cache, 17 stale, 9 failed\n"
                      "        9.9.9.9 41 ms, 1.1.1.1 SILENT\n")


@case
def metrics_are_the_published_ones():
    with gateway("history") as g:
        same(mpgate(g.socket, "metrics")[1], golden("metrics.txt"))
        same(json.loads(mpgate(g.socket, "metrics", "--json")[1])["schema"], "mpgate.status")
    same(mpgate("/nonexistent/control.sock", "metrics")[:2], (3, ""))


# ---- alarms

@case
def alarms_are_listed_and_acknowledged():
    with gateway("degraded") as g:
        alarms = json.loads(mpgate(g.socket, "status", "--json")[1])["alarms"]
        code, out, err = mpgate(g.socket, "alarm")
        same((code, len(out.splitlines()), err), (0, len(alarms), ""))
        contains(out, alarms[0]["id"])
        same(mpgate(g.socket, "alarm", "list")[1], out)
        told = json.loads(mpgate(g.socket, "alarm", "list", "--json", TZ="UTC")[1])
        same((told["schema"], told["alarms"]), ("mpgate.alarms", alarms))
        lines = mpgate(g.socket, "alarm", "list", "--plain")[1].splitlines()
        same((lines[0], len(lines)), ("#id\tobject\tsince\tacked\ttext", len(alarms) + 1))
        same(mpgate(g.socket, "alarm", "ack", alarms[0]["id"])[0], 0)
        same(mpgate(g.socket, "alarm", "ack")[0], 0)
        objects = [alarm["object"] for alarm in alarms]
        same([line.split()[:2] for line in g.commands()],
             [["ack", objects[0]]] + [["ack", name] for name in dict.fromkeys(objects)])
        code, out, err = mpgate(g.socket, "alarm", "ack", "eth7")
        same((code, out), (5, ""))
        contains(err, "no alarm 'eth7'")
        same(mpgate(g.socket, "alarm", "silence")[0], 2)
        same(mpgate(g.socket, "alarm", "list", "ppp0")[0], 2)
    with gateway("ok") as g:
        same(mpgate(g.socket, "alarm"), (0, "no active alarms\n", ""))
        same(mpgate(g.socket, "alarm", "ack"), (0, "no alarm waits to be acknowledged\n", ""))


# ---- path

@case
def path_add_and_remove_edit_the_file():
    with tempfile.TemporaryDirectory(prefix="mpgate-cli-") as folder:
        key, config = os.path.join(folder, "key"), os.path.join(folder, "mpgate.conf")
        with open(key, "w") as file:
            file.write("a password\n")
        os.chmod(key, 0o600)
        text = f"""\
# our gateway
lan {{ interface = "br0" }}
exit near {{ address = "203.0.113.10"
            key-file = "{key}" }}

path ppp0 {{ kind = "adsl" }}   # the old line
"""
        with open(config, "w") as file:
            file.write(text)
        os.chmod(config, 0o640)

        def run(*words):
            done = mpgate("/nonexistent/sock", "path", *words, "--config", config)
            with open(config) as file:
                return *done, file.read()

        block = 'path wwan0 {\n\tkind = "3g"\n\toptional = yes\n}\n'
        code, out, err, now = run("add", "wwan0", "--kind", "3g", "--optional")
        same((code, out, now), (7, "", text))  # nobody can be asked
        contains(err, '+path wwan0 {\n+\tkind = "3g"\n+\toptional = yes\n+}\n')
        code, out, err, now = run("add", "wwan0", "--kind", "3g", "--optional", "--yes")
        same((code, now), (0, text + "\n" + block))
        contains(out, "'mpgate reload'")
        same(os.stat(config).st_mode & 0o777, 0o640)
        same(run("add", "wwan0", "--yes")[0], 7)
        code, out, err, now = run("remove", "ppp0", "--yes")
        same(code, 0)
        contains(err, '-path ppp0 { kind = "adsl" }   # the old line\n')
        assert now.startswith("# our gateway\n") and "ppp0" not in now, now
        before = now
        for words, status in ((("add", "x", "--kind", "pigeon", "--yes"), 6),
                              (("add", "br", "--interface", "br0", "--yes"), 6),
                              (("add", "a-name-that-is-far-too-long", "--yes"), 2),
                              (("add", "x", "--label", 'a"b', "--yes"), 2),
                              (("remove", "ppp0", "--yes"), 5), (("add",), 2), (("move", "ppp0"), 2)):
            code, out, err, now = run(*words)
            same((words, code, out, now), (words, status, "", before))
        same(sorted(os.listdir(folder)), ["key", "mpgate.conf"])
        code, shown = on_terminal("/nonexistent/sock", "y\n", "path", "remove", "wwan0", "-c", config)
        same(code, 6)  # the last one


# ---- report

@case
def a_report_holds_no_secrets():
    with gateway("degraded") as g, tempfile.TemporaryDirectory(prefix="mpgate-cli-") as folder:
        secrets = {"one": "correct horse battery",
                   "two": "base64:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="}
        for name, secret in secrets.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(secret + "\n")
            os.chmod(file.name, 0o600)
        config = os.path.join(folder, "mpgate.conf")
        public = ("203.0.113.10", "198.51.100.0", "2001:db8:5::", "198.51.100.7", "vps1.example.net",
                  "s3cretpin")
        with open(config, "w") as file:
            file.write(f"""\
lan {{ interface = "br0"
sources = {{"192.168.5.32/27", "2001:db8:5::/64"}}
bypass = {{"198.51.100.0/24", "203.0.113.10/32"}} }}
exit near {{ address = "203.0.113.10"
key-file = "{folder}/one"
default = yes }}
exit far {{ address = "vps1.example.net"
key-file = "{folder}/two" }}
path ppp0 {{ gateway = "198.51.100.7" }}
path wwan0 {{ dial = "command"
up = "dial-it --pin \\"s3cretpin\\"" }}
""")
        code, out, err = mpgate(g.socket, "report", "--config", config)
        same((code, err), (0, ""))
        contains(out, "==== configuration: mpgate config --effective\n")
        near = re.search(r'address = "(ip4-\d+)"', out)[1]
        contains(out, 'address = "exit-host-2"')
        contains(out, '"schema":"mpgate.status"')
        contains(out, "==== routes: ip route show table all\n")
        for text in (*public, *secrets.values(), secrets["two"][7:]):
            assert text not in out, f"{text!r} is in the report"
        contains(out, f'"{near}/32"')

        path = os.path.join(folder, "report.txt")
        code, out, err = mpgate(g.socket, "report", "--config", config, "-o", path)
        same((code, out), (0, ""))
        contains(err, "look through it")
        with open(path) as file:
            contains(file.read(), "==== endpoints")
        same(mpgate(g.socket, "report", "-o", path)[0], 1)
        # also when there is nothing to report of
        code, out, err = mpgate("/nonexistent/sock", "report", "--config", "/nonexistent/conf")
        same(code, 0)
        contains(out, "no gateway is running")


def main():
    failed = 0
    for run in CASES:
        if len(sys.argv) > 1 and run.__name__ not in sys.argv[1:]:
            continue
        try:
            run()
            print("ok  ", run.__name__)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("FAIL", run.__name__)
            traceback.print_exc(file=sys.stdout)
    return failed > 0


sys.exit(main())
