# SPDX-License-Identifier: GPL-2.0-or-later
"""The household of the stories that run in the machine: the lab's, with an ADSL line of real PPPoE.

    lan --- gw =dsl0== isp-ppp0 ---- net --- exit      ppp0 over dsl0, dialled by pppd
            |  =eth1== isp-eth1 ---  |
            `- =eth2== isp-eth2 ---- `---- web

The kernel shapes the lines (netem), which costs an emulated processor less than wanem does. Rates
are small for the same reason.

Gateway and provider have an /etc/ppp of their own, and the provider's pppds a /run of their own.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
from lab import PROFILES, Failure, Lab, Line, Path, expect, wait_for
from stage import ETC_NETNS
from terminal import Console

USER, SECRET = "seed@isp.lab.test", "two words"
CALL = "dsl-provider"
DISCOVERY = 0x8863  # the Ethernet type of PPPoE's calls and their answers
SESSION = 0x8864  # the Ethernet type of what a PPPoE session carries

PROFILES["adsl"] = (
    Line("ppp0", "adsl", 2, 0.5, 40),
    Line("eth1", "cable", 1.5, 0.5, 50),
    Line("eth2", "cable", 1, 0.5, 60),
)
PROFILES["cables"] = (
    Line("eth1", "cable", 2, 0.5, 40),
    Line("eth2", "cable", 1.5, 0.5, 50),
    Line("eth3", "cable", 1, 0.5, 60),
)


def shape(ns, device, mbps, delay_ms):
    # 400 ms of queue in packets of 1500 bytes
    ns.run(["tc", "qdisc", "replace", "dev", device, "root", "netem", "rate", f"{mbps}mbit",
            "delay", f"{delay_ms}ms", "limit", max(20, round(mbps * 1e6 * 0.4 / 12000))])


class Cable(Path):
    """A path that is an Ethernet, with a rate."""

    def plug(self):
        self._plug_cable()
        self.shape()

    def shape(self):
        shape(self.lab.gw, self.device, self.line.up_mbps, self.line.rtt_ms / 2)
        shape(self.isp, "down0", self.line.down_mbps, self.line.rtt_ms / 2)

    @property
    def device(self):
        return self.name


class Adsl(Cable):
    """A path that pppd dials over an Ethernet to the provider's access concentrator."""

    device = "dsl0"
    settings = f'dial = "ppp"\ncall = "{CALL}"'

    def plug(self):
        self.lab.link(self.lab.gw, self.device, self.isp, "down0", "169.254.1.1/30",
                      "169.254.1.2/30")
        self.shape()
        self.secrets(SECRET)
        self.call()
        self.etc(self.isp, "chap-secrets", f'"{USER}" * "{SECRET}" *\n')
        self.etc(self.isp, "options", "")
        self.etc(self.isp, "pppoe-server-options", "require-chap\nname isp\nlcp-echo-interval 0\n"
                 "logfile /run/pppd.log\n")
        self.concentrator = None
        self.answer()

    @staticmethod
    def etc(ns, name, text):
        path = ETC_NETNS / ns.name / "ppp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def secrets(self, secret):
        """What the gateway says when it is asked who it is."""
        self.etc(self.lab.gw, "chap-secrets", f'"{USER}" * "{secret}" *\n')
        self.etc(self.lab.gw, "pap-secrets", "")

    def call(self, extra=""):
        """The gateway's /etc/ppp/peers file, much as pppoeconf writes it.

        Further options of the plugin count only before the device.
        """
        self.etc(self.lab.gw, "options", "auth\nhide-password\nlcp-echo-interval 30\n"
                 "lcp-echo-failure 4\n")
        self.etc(self.lab.gw, f"peers/{CALL}", f"""\
plugin rp-pppoe.so
{extra}
{self.device}
user "{USER}"
noipdefault
noauth
persist
hide-password
noaccomp
default-asyncmap
mtu 1492
""")

    def answer(self):
        """The access concentrator starts to work. Each session gets another address."""
        self.concentrator = self.isp.start("pppoe-server", [
            "sh", "-c", "mount -t tmpfs run /run && exec \"$@\"", "sh",
            "pppoe-server", "-F", "-I", "down0", "-C", "lab-ac", "-L", self.peer,
            "-R", f"10.64.{self.number}.10", "-N", 20])

    def ignore_calls(self, ignore=True):
        """The provider's side does not hear PPPoE's discovery; sessions go on."""
        if ignore:
            self.isp.nft("table netdev deaf { chain in { type filter hook ingress device down0 "
                         f"priority 0; ether type {DISCOVERY} drop; }}; }}")
        else:
            self.isp.nft("delete table netdev deaf")

    def fall_silent(self):
        """Frames of the present session vanish both ways, without a sign; new ones can be opened."""
        rows = self.lab.gw.run(["cat", "/proc/net/pppoe"]).stdout.splitlines()[1:]
        for row in rows:
            number = int.from_bytes(bytes.fromhex(row.split()[0])[-2:], "little")
            for ns, device in (self.lab.gw, self.device), (self.isp, "down0"):
                # the third and fourth byte after the Ethernet header
                ns.nft(f"table netdev silent {{ chain in {{ type filter hook ingress device {device} "
                       f"priority 0; ether type {SESSION} @nh,16,16 {number} drop; }}; }}")
        expect(rows, "there is no PPPoE session")


class Household(Lab):
    def path(self, number, line):
        return (Adsl if line.kind == "adsl" else Cable)(self, number, line)


def path_of(gateway, name):
    """The path's object in `status --json`."""
    return next(path for path in gateway.status()["paths"] if path["name"] == name)


def pppd_pid(interface):
    return int(pathlib.Path(f"/run/{interface}.pid").read_text())


def receives(gateway, name):
    """Does more than a probe now and then come over the path?"""
    return (path_of(gateway, name)["rx_bps"] or 0) > 500_000


def log_of(gateway):
    """What `mpgate log` has to say of ppp0."""
    return gateway.command("log", "--level", "info", "--path", "ppp0", "--lines", 1000).stdout


def attempts(gateway):
    """How often ppp0 was dialled."""
    return len(re.findall(r"ppp0 +DIALING", log_of(gateway)))


def wait_for_state(gateway, state, timeout_s=60):
    wait_for(lambda: path_of(gateway, "ppp0")["state"] == state, f"ppp0 to be {state}", timeout_s)


def wait_for_words(gateway, pattern, timeout_s=60):
    """Waits for a line of the log."""
    try:
        wait_for(lambda: re.search(pattern, log_of(gateway)), f"/{pattern}/ in the log", timeout_s)
    except Failure as failure:
        raise Failure(f"{failure}:\n{log_of(gateway)}") from None


def check_words(gateway, reason, words, logged):
    """Status, console and log say why ppp0 is down."""
    wait_for_words(gateway, logged)

    def told():
        path = path_of(gateway, "ppp0")
        return path["reason"] == reason and words in path["note"]

    # not while the next attempt is under way
    wait_for(told, f"ppp0 to be down with reason {reason} and '{words}' in its note", 60)
    wait_for(lambda: words in gateway.command("status", check=False).stdout,
             f"'{words}' in mpgate status", 60)
    console = Console(gateway)
    console.wait_for_line(rf"ppp0 .*{words}", f"'{words}' on the console", 60)
    console.keys("q")
    console.wait_for_line(r"done:0", "the console to end", 60)
