#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Our exit says what it sees of us, another program refuses, and nonsense does no harm."""
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PASSWORD, PORT, SOCKS_PORT, Exit, Gateway, Names, Web, curl, start_ss
from lab import EXIT, GATEWAY, WEB, Skip, expect, run_story, wait_for

SERVICE = "peer.mpgate.invalid"
REFUSED = "the server is not mpgate"


class Talkative(Gateway):
    options = ("--verbose",)


def our_exit(lab):
    """MPTCP passes on every path, and every path's join is seen at the other end."""
    exit = Exit(lab)
    gateway = Talkative(lab)
    gateway.enable("wwan0")

    def all_seen():
        status = gateway.status()
        return (status["exit"]["subflows"] == len(lab.paths)
                and all(path["mptcp_ok"] for path in status["paths"])) and status

    status = wait_for(all_seen, "the exit to see every path", 30)
    expect(status["exit"]["service"] is True, "our exit's service is not recognised")
    expect(status["exit"]["version"] == status["gateway"]["version"], "the exit's version")
    offset_us = status["exit"]["clock_offset_us"]
    expect(abs(offset_us) < 50_000, f"one clock, but an offset of {offset_us} us")
    for line in re.findall(r"\S+ MPTCP passes.*", gateway.process.log()):
        print(line)
    for number, path in enumerate(lab.paths.values(), 1):
        expect(f"{path.name} MPTCP passes; seen as 192.0.2.{4 * number + 2}"
               in gateway.process.log(), f"{path.name} is not seen behind its provider's address")
    expect(curl(lab, f"http://{WEB}/1M", timeout_s=60).bytes == 1_000_000, "no service beside it")
    return exit, gateway


def nonsense(lab, exit):
    """Nobody from the LAN reaches the service, and what it is sent cannot hurt it."""
    done = lab.lan.run(["curl", "-sS", "-m", 5, "--socks5-hostname", f"{GATEWAY}:{SOCKS_PORT}",
                        f"http://{SERVICE}:1/"], check=False)
    expect(done.returncode == 97, f"a client on the LAN reached the service: {done.returncode}")
    if not shutil.which("ss-local"):
        return
    local = start_ss(lab.gw, "ss-local", "aes-256-gcm", "-k", PASSWORD, "-s", EXIT, "-p", PORT,
                     "-b", "0.0.0.0", "-l", 1083)
    wait_for(lambda: lab.gw.listening(1083), "ss-local")
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 70_000, b"\x01\x00\x02\x01\xff" * 1000,
                 b"\x02\x00\x00" * 20_000, b""):
        with lab.gw.connect("127.0.0.1", 1083) as sock:
            name = SERVICE.encode()
            sock.sendall(b"\5\1\0\5\1\0\3" + bytes([len(name)]) + name + b"\0\1" + junk)
            sock.settimeout(1)
            try:
                while sock.recv(65536):
                    pass
            except OSError:
                pass  # reset, or it waits for more
    local.stop()
    expect(exit.process.alive(), "the exit died of nonsense")


def downloads(lab, gateway):
    """Only the sender knows what is lost on the way down."""
    lab.paths["tun1"].set("down", loss_ratio=0.05)
    fetch = lab.lan.start("fetch", ["curl", "-sS", "--proxy", "", "-o", "/dev/null",
                                    f"http://{WEB}/12M"])

    def losses():
        expect(fetch.alive(), f"the download is over, and all that is known is {losses.known}")
        losses.known = {path["name"]: path["download_loss_ratio"]
                        for path in gateway.status()["paths"]}
        return (losses.known["tun1"] or 0) > 0.02

    losses.known = {}
    wait_for(losses, "the exit to tell of the loss on tun1", 30)
    print(f"downloads lose {losses.known}")
    fetch.stop()
    lab.paths["tun1"].set("down", loss_ratio=0)


def exit_restarts(lab, exit, gateway):
    """A new exit is found again."""
    exit.process.stop()
    exit.start()
    wait_for(lambda: gateway.status()["exit"]["subflows"] == len(lab.paths),
             "the exit to see every path again", 60)
    expect(REFUSED not in gateway.process.log(), "our own exit was taken for another program")


def stripped(lab, gateway):
    """A router that removes MPTCP's options is found out, and it alone."""
    gateway.process.stop()
    lab.paths["ppp0"].isp.nft("table ip strip { chain forward { type filter hook forward priority 0;\n"
                              "tcp flags syn reset tcp option mptcp; }; }")
    gateway.launch()

    def judged():
        status = gateway.status()
        known = {path["name"]: path["mptcp_ok"] for path in status["paths"]} if status else {}
        return list(known.values()).count(None) <= 1 and known  # wwan0 is not wanted

    known = wait_for(judged, "every path to be checked", 30)
    print(f"MPTCP passes: {known}")
    expect(known == {"ppp0": False, "tun0": True, "tun1": True, "tun3": True, "wwan0": None},
           f"MPTCP is removed on ppp0, but found: {known}")
    # though it began there
    wait_for(lambda: gateway.status()["exit"]["subflows"] == 3, "the others to be joined", 20)
    lab.paths["ppp0"].isp.nft("delete table ip strip")


def foreign_exit(lab, exit, gateway):
    """shadowsocks-libev knows no such name. The gateway goes on, and says so once."""
    exit.process.stop()
    gateway.process.stop()
    server = start_ss(lab.exit, "ss-server", "aes-256-gcm", "-k", PASSWORD, "-s", "0.0.0.0",
                      "-p", PORT)
    wait_for(lambda: lab.exit.listening(PORT), "ss-server")
    gateway.start()
    gateway.enable("wwan0")
    wait_for(lambda: gateway.status()["exit"]["service"] is False, "the refusal to be noticed", 60)
    expect(curl(lab, f"http://{WEB}/1M", timeout_s=60).bytes == 1_000_000, "no service with ss-server")
    wait_for(lambda: all(path["mptcp_ok"] for path in gateway.status()["paths"]),
             "what the gateway can find out by itself", 30)
    said = [line for line in gateway.process.log().splitlines() if " SERVICE " in line]
    expect(sum(REFUSED in line for line in said) == 1, "not said once: " + "\n".join(said))
    server.stop()


def story(lab):
    web = Web(lab)
    web.file("1M", 1_000_000)
    web.file("12M", 12_000_000)
    Names(lab)
    exit, gateway = our_exit(lab)
    nonsense(lab, exit)
    downloads(lab, gateway)
    exit_restarts(lab, exit, gateway)
    if not shutil.which("ss-server"):
        raise Skip("ss-server is not installed; the rest was good")
    stripped(lab, gateway)
    foreign_exit(lab, exit, gateway)


if __name__ == "__main__":
    run_story(story)
