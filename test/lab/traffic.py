#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a household does on the web: a film, people who browse, now and then a photo that goes up.

    traffic.py WEB SINK     base URLs; WEB has files named 50k, 400k and 3M

Runs until it is killed. A failed transfer is only a reason to wait a little.
"""
import random
import sys
import threading
import time
import urllib.request

PHOTO = random.Random(3).randbytes(250_000)


def fetch(request):
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            while response.read(65536):
                pass
    except OSError:
        time.sleep(1)


def watch_film(web):
    """A piece of film every few seconds, as players ask for them."""
    while True:
        began = time.monotonic()
        fetch(f"{web}/3M")
        time.sleep(max(0.0, 2.5 - (time.monotonic() - began)))


def browse(web):
    while True:
        for _ in range(random.randint(3, 12)):
            fetch(f"{web}/{random.choice(('50k', '50k', '400k'))}")
        time.sleep(random.uniform(0.5, 5))


def send_photos(sink):
    while True:
        fetch(urllib.request.Request(sink, data=PHOTO, method="PUT"))
        time.sleep(random.uniform(1, 8))


def main(web, sink):
    for habit, where in ((watch_film, web), (browse, web), (browse, web), (send_photos, sink)):
        threading.Thread(target=habit, args=(where,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
