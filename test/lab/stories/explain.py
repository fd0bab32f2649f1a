#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `mpgate explain` foretells is what happens to connections."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, Web, curl
from lab import CLIENT, EXIT, GATEWAY, OUTSIDER, WEB, expect, run_story, wait_for


def story(lab):
    web = Web(lab)
    url = web.file("1k", 1000)
    Exit(lab)
    gateway = Gateway(lab)

    def explain(*words):
        done = gateway.command("explain", *words, "--config", gateway.config)
        print(done.stdout, end="")
        return done.stdout

    def rule(*words):
        done = gateway.command("explain", *words, "--json", "--config", gateway.config)
        return json.loads(done.stdout)["targets"][0]

    text = explain(f"{WEB}:80", "from", CLIENT)
    expect("carried   192.168.5.34 is in lan.sources" in text, "not carried")
    expect("exit      singapore" in text and "the default" in text, "no exit")
    expect("not over  wwan0, STANDBY" in text, "nothing about wwan0")
    before = {name: path.stats()["up"]["bytes"] for name, path in lab.paths.items()}
    said = rule(f"{WEB}:80", "from", CLIENT)
    for _ in range(20):
        curl(lab, url)
    grown = {name: path.stats()["up"]["bytes"] - before[name] for name, path in lab.paths.items()}
    expect(max(grown, key=grown.get) == said["begins"],
           f"they began elsewhere than on {said['begins']}: {grown}")

    for words, wanted in (((WEB, "from", OUTSIDER), "not-a-source"), ((EXIT,), "exit"),
                          (("192.168.9.9",), "special-range"), ((GATEWAY,), "own-address"),
                          (("10.64.1.1",), "special-range")):
        got = rule(*words)
        expect(got["rule"] == wanted and not got["carried"], f"{words}: {got}")

    lab.paths[said["begins"]].unplug()
    wait_for(lambda: rule(WEB)["begins"] != said["begins"], "another path to be the first", 5)
    gateway.process.stop()
    expect("No gateway is running" in explain(WEB), "it spoke of a gateway that is not there")
    bad = lab.gw.run([gateway.mpgate, "explain", WEB, "to", CLIENT], check=False)
    expect(bad.returncode == 2, f"wrong usage ended with {bad.returncode}")


if __name__ == "__main__":
    run_story(story, profile="home")
