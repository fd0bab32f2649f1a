#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider forgets a session without a word; the gateway dials anew by itself, and gets another address."""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web
from lab import expect, run_story, wait_for

FIRST, SECOND = "10.64.3.2", "10.64.3.11"

# What a dialler and an access concentrator do between them: another session, another address.
UP = """#!/bin/sh
set -e
echo "dialling $MPGATE_PATH"
test -e {dir}/busy && {{ echo "NO CARRIER"; exit 1; }}
n=$(($(cat {dir}/sessions 2>/dev/null || echo 10) + 1))
echo $n >{dir}/sessions
ip addr add 10.64.3.$n peer 10.64.3.1 dev $MPGATE_INTERFACE
ip -n {isp} addr add 10.64.3.1 peer 10.64.3.$n dev down0
"""
DOWN = """#!/bin/sh
ip addr flush dev $MPGATE_INTERFACE
ip -n {isp} addr flush dev down0
"""


def forget_session(path, address):
    """The other end drops all that comes from the address or goes there, and says nothing."""
    path.isp.nft(f"""table ip forgotten {{
        chain pre {{ type filter hook prerouting priority raw; ip saddr {address} drop; }}
        chain post {{ type filter hook postrouting priority raw; ip daddr {address} drop; }}
    }};""")


def path_of(gateway, name="tun1"):
    return next(p for p in gateway.status()["paths"] if p["name"] == name)


def events(gateway, name="tun1"):
    return [f"{e['verb']} {e['text']}" for e in gateway.status()["events"] if e["object"] == name]


def story(lab):
    tun1 = lab.paths["tun1"]
    for name, text in (("up", UP), ("down", DOWN)):
        lab.write(name, text.format(dir=lab.dir, isp=tun1.isp.name)).chmod(0o755)
    tun1.settings = (f'dial = "command" up = "{lab.dir}/up" down = "{lab.dir}/down"\n'
                     "dial-timeout = 10")
    web = Web(lab)
    url = web.file("file", 52_000_000)
    Exit(lab)
    gateway = Gateway(lab)
    expect(not (lab.dir / "sessions").exists(), "a link that was up was dialled")

    out = lab.dir / "out"
    idle = tun1.stats()["down"]["bytes"]
    download = lab.lan.start("curl", ["curl", "-sS", "--fail", "-o", out, url])
    wait_for(lambda: tun1.stats()["down"]["bytes"] > idle + 500_000, "tun1 to carry")
    (lab.dir / "busy").touch()
    forget_session(tun1, FIRST)
    wait_for(lambda: path_of(gateway)["state"] == "down", "tun1 to be DOWN", 5)
    # the first attempt finds no line
    wait_for(lambda: path_of(gateway)["reason"] == "no-carrier", "the dialler's words", 20)
    expect("no carrier" in path_of(gateway)["note"], f"tun1 says {path_of(gateway)['note']}")
    (lab.dir / "busy").unlink()
    wait_for(lambda: path_of(gateway)["state"] == "up", "tun1 to be back", 20)
    expect(path_of(gateway)["address"] == SECOND, f"tun1 has {path_of(gateway)['address']}")
    idle = tun1.stats()["down"]["bytes"]
    wait_for(lambda: tun1.stats()["down"]["bytes"] > idle + 200_000, "tun1 to carry again", 5)
    expect(download.wait(60) == 0, "the download failed")
    expect(hashlib.sha256(out.read_bytes()).hexdigest() == web.sums["file"],
           "the file arrived damaged")
    said = "\n".join(events(gateway))
    for words in ("DIALING the link is up, but silent", "DOWN no carrier: NO CARRIER; next attempt in",
                  "DIALING attempt 2"):
        expect(words in said, f"no event says '{words}':\n{said}")

    # a person asks, of a path that works
    gateway.command("redial", "tun1")
    wait_for(lambda: path_of(gateway)["address"] == "10.64.3.12", "the third session", 10)
    wait_for(lambda: path_of(gateway)["state"] == "up", "tun1 to be back once more", 10)
    # and the gateway hangs up what it dialled
    gateway.process.stop()
    expect("10.64.3." not in lab.gw.ip("addr show dev tun1"), "tun1 is still up")


if __name__ == "__main__":
    run_story(story, profile="home")
