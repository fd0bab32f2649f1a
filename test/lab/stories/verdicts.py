#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The one word at the top, on the real gateway: an exit dies, then both, then every line; what comes back
speaks no MPTCP, or something on one path removes it. Each time the screen says what and why."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PASSWORD, PORT, Exit, Gateway, Web, start_ss
from lab import EXIT, play, run_story
from terminal import Console

SECOND_PORT = PORT + 1
EXITS = f"""
exit frankfurt {{ address = "{EXIT}"
                 port = {SECOND_PORT}
                 key-file = "%s" }}
"""
STRIP = """table ip strip { chain forward { type filter hook forward priority 0;
    tcp dport 8388 reset tcp option mptcp
    tcp sport 8388 reset tcp option mptcp
}; }"""


class Scenes:
    def __init__(self, lab):
        self.lab = lab
        self.lines = [path for path in lab.paths.values() if not path.line.optional]
        self.url = Web(lab).endless()
        self.first = Exit(lab)
        self.second = Exit(lab, port=SECOND_PORT, name="second")
        self.gateway = Gateway(lab, extra=EXITS % (lab.dir / "gateway.key"))
        self.console = Console(self.gateway)
        self.console.wait_for_verdict("OK")

    def one_exit_dies(self):
        self.first.process.stop()
        self.console.wait_for_line("exit frankfurt", "the exit that stands in")
        self.console.wait_for_line("^ ALARM singapore .*frankfurt stands in", "the alarm")
        self.console.expect(self.console.verdict() == "OK", "with an exit that works it is not OK")

    def all_exits_die(self):
        self.second.process.stop()
        self.console.wait_for_verdict("SERVER UNREACHABLE")
        self.console.wait_for_line("^ ALARM .*refused", "what becomes of new connections")

    def all_lines_die(self):
        for path in self.lines:
            path.blackhole()
        self.console.wait_for_verdict("OFFLINE")
        self.console.wait_for_line("^ ALARM .*3:Enable wwan0", "the key that helps")
        for path in self.lines:
            path.blackhole(False)

    def an_exit_without_mptcp(self):
        plain = start_ss(self.lab.exit, "ss-server", "aes-256-gcm", "-k", PASSWORD, "-s", "0.0.0.0",
                         "-p", PORT, mptcp=False)
        self.console.wait_for_verdict("NOT BONDED", timeout_s=60)
        self.console.wait_for_line("^ ALARM NOT BONDED .*no path carries MPTCP to singapore .*d:Doctor",
                                   "one alarm, of what they have in common")
        plain.stop()

    def all_is_well_again(self):
        self.first.start()
        self.console.wait_for_verdict("OK", timeout_s=40)

    def one_path_removes_mptcp(self):
        # while connections carry, paths are looked at more often
        self.lab.lan.start("download", ["curl", "-sS", "-o", "/dev/null", self.url])
        path = self.lab.paths["tun1"]
        path.isp.nft(STRIP)
        self.console.wait_for_state("tun1", "BLOCKED", note="no MPTCP on path", timeout_s=60)
        self.console.wait_for_verdict("DEGRADED")
        self.console.wait_for_line("^ ALARM tun1 BLOCKED.* d:Doctor", "the alarm")


def story(lab):
    scenes = Scenes(lab)
    play((scenes.one_exit_dies, scenes.all_exits_die, scenes.all_lines_die, scenes.an_exit_without_mptcp,
          scenes.all_is_well_again, scenes.one_path_removes_mptcp))
    scenes.console.quit()


if __name__ == "__main__":
    run_story(story, profile="home")
