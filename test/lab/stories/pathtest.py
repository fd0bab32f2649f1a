#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`mpgate test PATH` tries that path and no other, and tells each planted fault by its cause."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import PORT, Exit, Gateway
from lab import expect, run_story, wait_for

STRIP = "tcp flags syn reset tcp option mptcp"
DROP = "tcp flags & (syn|ack) == syn tcp option mptcp exists drop"


def story(lab):
    server = Exit(lab)
    gateway = Gateway(lab)
    paths = lab.paths

    def test(*words, status=0):
        done = gateway.command("test", *words, "--json", check=False)
        expect(status in (None, done.returncode), f"test {words} ended with {done.returncode}: {done.stdout}")
        answer = json.loads(done.stdout)
        if answer["schema"] == "mpgate.error":
            return answer["error"]
        answer["steps"] = {step["step"]: step for step in answer["steps"]}
        expect(answer["passed"] == (done.returncode == 0), f"passed is {answer['passed']}")
        return answer

    def finds(answer, step, level, text):
        found = answer["steps"].get(step)
        expect(found and found["level"] == level and text in found["text"],
               f"{step}: no {level} {text!r} in {answer['steps']}")
        expect(level == "ok" or found["cause"] or found["next"] or level == "skipped", f"no help in {found}")
        print(f"{answer['path']} {step}: {found['text']}", found["cause"] or "", sep="\n    ")

    # all is well, and it is this path's round trip: that of ppp0 is 40 ms, of tun3 60 ms
    for name, least_us in (("ppp0", 40_000), ("tun3", 60_000)):
        before = paths[name].stats()["up"]["bytes"]
        answer = test(name)
        expect({s["level"] for s in answer["steps"].values()} == {"ok"}, f"{name}: {answer['steps']}")
        expect(list(answer["steps"]) == ["address", "route", "first-hop", "exit", "through-exit", "full-size", "mptcp"],
               f"steps {list(answer['steps'])}")
        expect(answer["rtt_us"] >= least_us, f"{name}: a round trip of {answer['rtt_us']} us")
        expect(answer["seen_as"] == paths[name].outside and answer["mtu_bytes"] == 1500 and answer["mptcp"],
               f"{name}: {answer}")
        sent = paths[name].stats()["up"]["bytes"] - before
        expect(4000 < sent < 40_000, f"{name}: {sent} bytes went over it")
    print(gateway.command("test", "ppp0").stdout)
    answer = test("tun1", "--mptcp")
    expect(list(answer["steps"]) == ["address", "route", "first-hop", "exit", "mptcp", "join"], f"{list(answer['steps'])}")
    finds(answer, "join", "ok", "took it in")

    # of a line of 9 Mbit/s
    answer = test("ppp0", "--speed")
    finds(answer, "speed", "ok", "Mb/s from the exit")
    expect(6e6 < answer["download_bps"] < 9.5e6, f"{answer['download_bps']} bit/s")

    # what costs
    expect("4 MB" in test("wwan0", "--speed", status=7)["message"], "the speed of wwan0 was tested")
    expect("metered" in test("wwan0", status=7)["message"], "wwan0 was tested")
    finds(test("wwan0", "--metered", status=1), "route" if paths["wwan0"].wanem else "address", "skipped", "")
    gateway.enable("wwan0")
    expect(test("wwan0", "--metered")["seen_as"] == paths["wwan0"].outside, "not by wwan0")
    expect("did you mean tun0" in test("tnu0", status=5)["hint"], "no hint at tun0")

    # boxes that do not like MPTCP
    def box(path, rule):
        path.isp.nft(f"table ip box {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}")

    for rule, text in (STRIP, "SYN/ACK came without"), (DROP, "a SYN with MP_CAPABLE is not answered"):
        box(paths["tun3"], rule)
        answer = test("tun3", status=1)
        finds(answer, "mptcp", "failure", text)
        expect("so something on tun3 strips them" in answer["steps"]["mptcp"]["cause"], "the cause")
        finds(answer, "through-exit", "ok", "there and back")
        paths["tun3"].isp.nft("delete table ip box")

    # a hop that takes less, and does not say so
    paths["ppp0"].isp.ip("link set up0 mtu 1200")
    paths["ppp0"].isp.nft("table ip mute { chain out { type filter hook output priority 0;\n"
                          "icmp type destination-unreachable drop; }; }")
    answer = test("ppp0", status=None)  # it depends on how soon the kernel finds a size that passes
    step = answer["steps"]["full-size"]
    expect(step["level"] in ("warning", "failure") and "MTU" in step["next"], f"too big packets pass: {step}")
    print(f"ppp0 full-size: {step['level']}: {step['text']}")
    paths["ppp0"].isp.ip("link set up0 mtu 1500")

    # nothing comes back; meanwhile another test has to wait
    paths["tun0"].blackhole()
    first = lab.gw.start("test", [gateway.mpgate, "test", "tun0", "--socket", gateway.control])
    wait_for(lambda: "tun0 is being tested" in gateway.command("test", "wwan0", check=False).stderr,
             "the second to be refused")
    expect(first.popen.wait(20) == 1, "a path that is dead passed")
    print(first.log())
    expect("FAIL  first hop" in first.log() and "its port is silent" in first.log(), "what is silent")

    # the path that is being tested goes with a reload
    second = lab.gw.start("second", [gateway.mpgate, "test", "tun0", "--socket", gateway.control])
    wait_for(lambda: "tun0 is being tested" in gateway.command("test", "wwan0", check=False).stderr,
             "the test to begin")
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("path tun0 ", "path tun9 "))
    gateway.command("reload")
    expect(second.popen.wait(5) != 0 and "a reload has changed tun0" in second.log(),
           f"who waited was told: {second.log()}")
    gateway.config.write_text(text)
    gateway.command("reload")
    paths["tun0"].blackhole(False)

    paths["tun3"].unplug()
    wait_for(lambda: gateway.path("tun3")["address"] is None, "tun3 to be gone")
    finds(test("tun3", status=1), "address", "failure", "no interface")
    server.process.stop()
    finds(test("tun1", status=1), "exit", "failure", "refused")


if __name__ == "__main__":
    run_story(story, profile="home")
