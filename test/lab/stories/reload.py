#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration changes under a download: who goes first, what is let through, which paths and
SOCKS ports there are. The download does not notice, and a bad file changes nothing."""
import pathlib
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import SOCKS_PORT, Exit, Gateway, Web, curl
from lab import WEB, expect, run_story, wait_for

SIZE = 35_000_000
GAP_S = 0.5


class Download(threading.Thread):
    """Reads from the web server in a thread of its own, and notes the longest silence."""

    def __init__(self, lab, name):
        super().__init__(daemon=True)
        self.sock = lab.lan.connect(WEB, 80)
        self.sock.sendall(f"GET /{name} HTTP/1.0\r\n\r\n".encode())
        self.got = bytearray()
        self.gap_s = 0
        self.start()

    def run(self):
        last = None
        while chunk := self.sock.recv(1 << 20):
            now = time.monotonic()
            if last and now - last > self.gap_s:
                self.gap_s = now - last
            last = now
            self.got += chunk

    def more(self, n):
        """Waits until n more bytes have come, or the end."""
        wanted = len(self.got) + n
        wait_for(lambda: not self.is_alive() or len(self.got) >= wanted, f"{n} bytes more", 30)

    def paused(self, limit_s, since):
        """Takes note of the longest silence and begins anew."""
        gap_s, self.gap_s = self.gap_s, 0
        print(f"longest silence since {since}: {gap_s:.3f} s")
        expect(gap_s < limit_s, f"nothing came for {gap_s:.3f} s")

    def body(self):
        return bytes(self.got).partition(b"\r\n\r\n")[2]


def paths(gateway):
    return {p["name"]: p for p in gateway.status()["paths"]}


def kept_for(lab, path):
    """Rules and endpoints that the gateway keeps for the path's address."""
    kept = [lab.gw.run(command.split()).stdout for command in ("ip rule", "ip mptcp endpoint")]
    return [line for text in kept for line in text.splitlines() if f"{path.address} " in line]


def rests(path, download):
    """Waits until the line carries nothing while the download goes on."""
    def carried():
        before = path.stats()["down"]["bytes"]
        download.more(500_000)
        return path.stats()["down"]["bytes"] - before

    wait_for(lambda: carried() < 10_000, f"{path.name} to rest", 5)


def reload(gateway, old, new):
    """Puts `new` for `old` in the file and has it read. Returns the lines that tell what changed."""
    text = gateway.config.read_text()
    expect(old in text, f"{old!r} is not in the file")
    gateway.config.write_text(text.replace(old, new))
    lines = gateway.command("reload").stdout.splitlines()
    print("; ".join(lines))
    return lines


def refuses_a_bad_file(gateway):
    good, before = gateway.config.read_text(), gateway.status()["paths"]
    bad = good.replace('kind = "adsl"', 'kind = "adls"\n priority = 0').replace("bypass", "bypas")
    gateway.config.write_text(bad + "path ppp0 { }\n")
    done = gateway.command("reload", check=False)
    expect(done.returncode == 6, f"reload of a bad file ended with {done.returncode}")
    for piece in ("adls", "priority", "bypas", "path 'ppp0' was defined before"):
        expect(piece in done.stderr, f"nothing about {piece} in {done.stderr!r}")
    gateway.process.popen.send_signal(signal.SIGHUP)
    events = lambda: [e for e in gateway.status()["events"] if e["verb"] == "RELOAD"]
    wait_for(lambda: sum("nothing changed" in e["text"] for e in events()) >= 2,
             "both refusals among the events")
    after = gateway.status()["paths"]
    expect([p["table"] for p in before] == [p["table"] for p in after] and
           [p["name"] for p in before] == [p["name"] for p in after], "a bad file changed paths")
    gateway.config.write_text(good)


def story(lab):
    web = Web(lab)
    web.file("35M", SIZE)
    server = Exit(lab)
    tun0, tun1 = lab.paths["tun0"], lab.paths["tun1"]
    gateway = Gateway(lab, lan_extra='bypass = {"198.18.0.0/15"}')
    full = gateway.config.read_text()
    block = full[full.index("path tun1"):full.index("path tun3")]

    download = Download(lab, "35M")
    download.more(3_000_000)

    # one key of a path
    lines = reload(gateway, block, block.replace('"primary"', '"backup"'))
    expect(lines == ["configuration reloaded, 1 change", "path.tun1.tier primary -> backup"],
           f"it said {lines}")
    rests(tun1, download)
    reload(gateway, 'tier = "backup"', 'tier = "primary"')
    lines = reload(gateway, 'kind = "adsl"', 'kind = "adsl" priority = 200')

    # what is let through: new connections to the web server are, and find no way, but not this one
    reload(gateway, "198.18.0.0/15", f"{WEB}/32")
    expect(WEB in lab.gw.run(["nft", "list", "set", "inet", "mpgate", "bypass4"]).stdout,
           "the web server is not let through")
    download.more(4_000_000)
    reload(gateway, f"{WEB}/32", "198.18.0.0/15")

    download.paused(GAP_S, "the start")

    # a path goes
    reload(gateway, block, "")
    expect("tun1" not in paths(gateway), "tun1 is still shown")
    wait_for(lambda: not kept_for(lab, tun1), "rule and endpoint of tun1 to go", 3)
    rests(tun1, download)
    expect(len(kept_for(lab, tun0)) == 2, f"for tun0 there is {kept_for(lab, tun0)}")

    # a bad file
    download.more(500_000)
    refuses_a_bad_file(gateway)
    download.more(500_000)

    # and comes back, with a SOCKS port that moves; SIGHUP does the same as the command
    gateway.config.write_text(full.replace(f"socks-port = {SOCKS_PORT}", "socks-port = 1090"))
    gateway.process.send(signal.SIGHUP)
    wait_for(lambda: paths(gateway).get("tun1", {}).get("state") == "up", "tun1 to be up", 15)
    began = tun1.stats()["down"]["bytes"]
    wait_for(lambda: tun1.stats()["down"]["bytes"] > began + 300_000, "tun1 to carry again")
    wait_for(lambda: lab.gw.listening(1090) and not lab.gw.listening(SOCKS_PORT),
             "the SOCKS port to move")

    wait_for(lambda: not download.is_alive(), "the end of the download", 60)
    expect(download.body() == (lab.dir / "www/35M").read_bytes(), "the file arrived damaged")
    download.paused(GAP_S, "the removal")

    # the port that diverted connections arrive at
    reload(gateway, 'interface = "br0"', 'interface = "br0" tproxy-port = 12400')
    expect(curl(lab, f"http://{WEB}/35M", "-r", "0-99999").bytes == 100_000, "no new connection")
    wait_for(lambda: lab.gw.listening(12400) and not lab.gw.listening(12345), "the port to move")
    expect(gateway.command("reload").stdout == "nothing has changed\n", "something has changed")

    # a path gets another name: the old one goes at once, the new one must prove itself
    reload(gateway, 'path tun3 { interface = "tun3"', 'path spare { interface = "tun3"')
    wait_for(lambda: paths(gateway).get("spare", {}).get("state") == "up", "spare to be up", 10)
    expect("tun3" not in paths(gateway), "tun3 is still shown")

    # another secret on both sides, in the same files
    (lab.dir / "exit.key").write_text("horse battery staple correct\n")
    server.process.send(signal.SIGHUP)
    wait_for(lambda: "configuration read again" in server.process.log(), "the exit to reload")
    (lab.dir / "gateway.key").write_text("horse battery staple correct\n")
    lines = gateway.command("reload").stdout.splitlines()
    expect(lines[1:] == ["exit.singapore.key-file has another key"], f"it said {lines}")
    expect(curl(lab, f"http://{WEB}/35M", "-r", "0-99999").bytes == 100_000, "no new connection")


if __name__ == "__main__":
    run_story(story, profile="home")
