# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of real OpenVPN to jumpboxes, from the examples in conf/openvpn.

    gw === isp-ppp0 --- net --- jump-tun0    192.0.2.10   the jumpbox; its end of the tunnel is 10.8.2.1
    tun0 - - - - - - - - - - - - - tun0      10.8.2.2     the gateway's end of the tunnel, over ppp0

A lab with lines that ride another one: run_story(story, profile="openvpn", kind=TunnelLab).
"""
import re
import shutil
import subprocess

from lab import TOP, Lab, Path, Skip, expect, wait_for

EXAMPLES = TOP / "conf/openvpn"


def fill(name, **values):
    """An example with other values for some of its statements, each of which it has to have, if only as a
    comment."""
    text = (EXAMPLES / name).read_text()
    for word, value in values.items():
        word = word.replace("_", "-")
        text, n = re.subn(rf"^;?{word} .*$", f"{word} {value}", text, flags=re.M)
        expect(n == 1, f"{name} has {n} lines '{word}'")
    return text


class Tunnel(Path):
    """A path through OpenVPN, over another one's line, to a jumpbox of its own."""

    def __init__(self, lab, number, line):
        self.lab = lab
        self.line = line
        self.name = line.name
        self.number = number
        self.address = f"10.8.{number}.2"
        self.peer = f"10.8.{number}.1"
        net6 = f"fd4d:7067:6174:{number}::"
        self.address6 = f"{net6}2"
        self.peer6 = f"{net6}1"
        self.range6 = f"{net6}/64"
        self.wanem = None
        self.outside6 = f"2001:db8:e0:{number}::2"
        self.settings = f'over = "{line.over}"'
        self.server = self.client = self.mpgate = None
        self.jump = lab.namespace(f"jump-{line.name}")
        lab.link(self.jump, "eth0", lab.net, f"jump{number}",
                 f"{self.outside}/30", f"192.0.2.{4 * number + 1}/30")
        self.jump.ip(f"route add default via 192.0.2.{4 * number + 1}",
                     f"addr add {self.outside6}/64 dev eth0 nodad",
                     f"route add default via 2001:db8:e0:{number}::1")
        lab.net.ip(f"addr add 2001:db8:e0:{number}::1/64 dev jump{number} nodad")
        self._write()
        self.serve()
        self.plug()

    def _write(self):
        self.dir = self.lab.dir / self.name
        fingerprints = {end: self._certificate(end) for end in ("jumpbox", "home")}
        self.lab.write(f"{self.name}/gateways/home",
                       f"ifconfig-push {self.address} 255.255.255.0\n"
                       f"ifconfig-ipv6-push {self.address6}/64 {self.peer6}\n")
        # with a farewell each end takes two seconds to end
        self.lab.write(f"{self.name}/jumpbox.conf", fill(
            "jumpbox.conf", server=f"10.8.{self.number}.0 255.255.255.0",
            server_ipv6=self.range6, keepalive="1 2",
            explicit_exit_notify="0", peer_fingerprint=fingerprints["home"]))
        self.lab.write(f"{self.name}/tunnel.conf", fill(
            "tunnel.conf", remote=f"{self.outside} 1194", dev=self.name, bind_dev=self.line.over,
            connect_retry="1 1", explicit_exit_notify="0", peer_fingerprint=fingerprints["jumpbox"]))

    def _certificate(self, end):
        """Makes it as the examples say, and returns its fingerprint."""
        self.dir.mkdir(exist_ok=True)
        for command in (f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                        f"-days 3650 -subj /CN={end} -keyout {end}.key -out {end}.crt",
                        f"openssl x509 -in {end}.crt -noout -fingerprint -sha256"):
            done = subprocess.run(command.split(), cwd=self.dir, check=True, capture_output=True, text=True)
        return done.stdout.strip().partition("=")[2]

    def _openvpn(self, ns, name, config):
        return ns.start(f"openvpn-{name}-{self.name}",
                        ["openvpn", "--cd", self.dir, "--config", config])

    def serve(self):
        """OpenVPN on the jumpbox."""
        self.server = self._openvpn(self.jump, "jumpbox", "jumpbox.conf")
        wait_for(lambda: self.jump.listening(1194, "u") or not self.server.alive(), "OpenVPN's port")

    def plug(self):
        """OpenVPN on the gateway."""
        self.client = self._openvpn(self.lab.gw, "tunnel", "tunnel.conf")

    def unplug(self):
        self.client.stop()

    def connected(self):
        """Waits until the gateway has its address in the tunnel."""
        wait_for(lambda: self.address in self.lab.gw.run(["ip", "-br", "addr"]).stdout
                 or not (self.client.alive() and self.server.alive()), f"the tunnel {self.name}", 20)
        expect(self.client.alive() and self.server.alive(),
               f"OpenVPN of {self.name} ended: {self.client.log()}{self.server.log()}")

    def forward(self, config="jumpbox { }\n"):
        """mpgate jumpbox."""
        self.run_dir = self.dir / "run"
        self.config = self.lab.write(f"{self.name}/mpgate-jumpbox.conf", config)
        self.mpgate = self.jump.start(
            f"mpgate-jumpbox-{self.name}",
            [self.lab.program("mpgate"), "jumpbox", "--config", self.config],
            env={"MPGATE_RUN_DIR": str(self.run_dir)}, on_trial=True)
        wait_for(lambda: self.forwards() or not self.mpgate.alive(), "mpgate jumpbox")
        expect(self.mpgate.alive(), "mpgate jumpbox ended: " + self.mpgate.log())

    def forwards(self):
        return "masquerade" in self.ruleset()

    def ruleset(self):
        return self.jump.run("nft list table inet mpgate_jumpbox".split(), check=False).stdout

    def check(self):
        """What `mpgate jumpbox --check` says: its status and its words."""
        done = self.jump.run([self.lab.program("mpgate"), "jumpbox", "--check", "--config", self.config],
                             check=False)
        return done.returncode, done.stdout + done.stderr


class TunnelLab(Lab):
    """A lab whose lines that ride another one are tunnels of OpenVPN."""

    def raise_(self):
        for tool in "openvpn", "openssl":
            if not shutil.which(tool):
                raise Skip(f"{tool} is not installed")
        super().raise_()

    def path(self, number, line):
        return (Tunnel if line.over else Path)(self, number, line)

    def tunnels(self):
        return [path for path in self.paths.values() if path.line.over]
