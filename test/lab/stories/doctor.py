#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The doctor finds a household healthy, and each planted fault, with its cause and a next step."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway
from lab import EXIT, Failure, expect, run_story, wait_for


def story(lab):
    server = Exit(lab)
    gateway = Gateway(lab)

    def doctor(*words, status=None):
        done = lab.gw.run([gateway.mpgate, "doctor", *words, "--socket", gateway.control,
                           "--config", gateway.config], check=False,
                          env={"MPGATE_RUN_DIR": str(lab.dir)})
        expect(done.returncode in (0, 1), f"doctor ended with {done.returncode}: {done.stderr}")
        expect(status is None or done.returncode == status,
               f"doctor ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def findings(*words):
        report = json.loads(doctor("--json", *words))
        expect(report["schema"] == "mpgate.doctor", "not the doctor's schema")
        return [f for f in report["findings"] if f["level"] in ("warning", "failure")]

    def finds(check, text, object=None, plant=lambda: None):
        """The planted fault is among the findings, and comes with what to do. The gateway mends
        some by itself, now and then before the doctor looks: then it is planted again."""
        for _ in range(3):
            plant()
            found = findings()
            for f in found:
                if f["check"] == check and text in f["text"] and f["object"] == object:
                    expect(f["cause"] and f["next"], f"no cause or next step in {f}")
                    print(f"{f['level']}: {object or ''} {f['text']}\n    {f['cause']}\n"
                          f"    {f['next']}")
                    return
        raise Failure(f"{check}: {text!r} is not among {found}")

    print(doctor(status=0))
    expect(not findings(), f"a healthy household has {findings()}")
    expect("wwan0  not tested" in doctor("links"), "wwan0 was tested")
    expect("not in use" in doctor("wwan0"), "wwan0 was not tested")

    finds("rp-filter", "rp_filter=1 on tun0", "tun0",
          lambda: lab.gw.sysctl("net.ipv4.conf.tun0.rp_filter", 1))
    lab.gw.sysctl("net.ipv4.conf.tun0.rp_filter", 2)

    finds("mptcp", "MPTCP is switched off", plant=lambda: lab.gw.sysctl("net.mptcp.enabled", 0))
    lab.gw.sysctl("net.mptcp.enabled", 1)

    finds("limits", "limit of 2 subflows beyond the first, 3 needed",
          plant=lambda: lab.gw.ip("mptcp limits set subflows 2"))
    lab.gw.ip("mptcp limits set subflows 8")

    lab.gw.ip("mptcp endpoint add 192.168.5.1 id 7 subflow")
    finds("endpoints", "192.168.5.1 (id 7) is not ours")
    doctor(status=0)
    doctor("--strict", status=1)
    lab.gw.ip("mptcp endpoint delete id 7")

    lab.gw.ip(f"route add {EXIT} dev tun1")
    finds("underlay", "all paths lead to it by tun1", "singapore")
    lab.gw.ip(f"route del {EXIT} dev tun1")

    # the other end refuses a fourth subflow, without a word
    lab.exit.ip("mptcp limits set subflows 2")
    gateway.command("redial", "tun3", "--yes")
    wait_for(lambda: "joins only 3 of 4 paths" in doctor("service"), "the exit's limit", 60)
    finds("service", "joins only 3 of 4 paths", "singapore")
    lab.exit.ip("mptcp limits set subflows 8")

    # a box on one line that takes MPTCP's option out
    strip = lab.paths["tun3"].isp
    strip.nft("table ip strip { chain forward { type filter hook forward priority 0;\n"
              f"tcp dport {PORT} tcp flags syn reset tcp option mptcp; }}; }}")
    finds("reach", "MPTCP options do not pass to singapore", "tun3")
    strip.run(["nft", "delete", "table", "ip", "strip"])

    lab.paths["tun3"].unplug()
    finds("links", "no interface", "tun3")
    lab.paths["tun3"].plug()

    server.process.stop()
    finds("reach", f"{EXIT} refuses port {PORT}", "singapore")
    doctor(status=1)
    server.start()

    good = gateway.config.read_text()
    gateway.config.write_text(good.replace("kind", "kidn", 1))
    report = doctor(status=1)
    expect("unknown key 'kidn'" in report, "nothing about the file")
    gateway.config.write_text(good)

    gateway.process.stop()
    text = doctor(status=0)
    expect("no gateway is running" in text and "can be changed" in text, f"it said {text}")
    expect("not asked: no path leads to it" in text, f"it said {text}")


if __name__ == "__main__":
    run_story(story, profile="home")
