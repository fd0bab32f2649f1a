#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""2,000 connections of 0 bytes to 1 MB each way, 200 at a time: every byte is right."""
import asyncio
import pathlib
import random
import resource
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway
from lab import WEB, expect, noise, run_story, wait_for

CONNECTIONS = 2000
AT_ONCE = 200
PORT = 7000
LARGEST = 1_000_000
ORDER = struct.Struct("!IIII")  # where and how much to send, where and how much to expect
NOISE = noise(2 * LARGEST)


def piece(start, size):
    return NOISE[start:start + size]


def draw(random):
    """Where a piece starts and how long it is: mostly small, the edges of buffers, some large."""
    size = random.choice((0, 1, 1400, 16383, 16384, random.randrange(5000),
                          random.randrange(100_000), random.randrange(LARGEST + 1)))
    return random.randrange(LARGEST), size


async def serve(reader, writer):
    try:
        start, size, answer_start, answer_size = ORDER.unpack(await reader.readexactly(ORDER.size))
        right = await reader.readexactly(size) == piece(start, size)
        writer.write((b"+" if right else b"-") + piece(answer_start, answer_size))
        await writer.drain()
    finally:
        writer.close()


async def ask(lab, order):
    start, size, answer_start, answer_size = order
    sock = lab.lan.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (WEB, PORT))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        writer.write(ORDER.pack(*order) + piece(start, size))
        answer = await reader.read(-1)
    finally:
        writer.close()
    return answer == b"+" + piece(answer_start, answer_size)


async def run(lab):
    rng = random.Random(2014)
    orders = [draw(rng) + draw(rng) for _ in range(CONNECTIONS)]
    gate = asyncio.Semaphore(AT_ONCE)
    faults = []

    async def one(order):
        async with gate:
            try:
                async with asyncio.timeout(60):
                    if not await ask(lab, order):
                        faults.append(f"{order}: wrong bytes")
            except (OSError, TimeoutError) as error:
                faults.append(f"{order}: {error!r}")

    server = await asyncio.start_server(serve, sock=lab.web.listen(PORT))
    async with server:
        await asyncio.gather(*(one(order) for order in orders))
    expect(not faults, f"{len(faults)} of {CONNECTIONS} failed, such as {faults[:3]}")
    total = sum(up + down for _, up, _, down in orders)
    print(f"{total / 1e6:.0f} MB in {CONNECTIONS} connections")


def story(lab):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Exit(lab)
    gateway = Gateway(lab)
    asyncio.run(run(lab))
    wait_for(lambda: gateway.status()["totals"]["connections"] == 0,
             "the gateway to forget connections that have ended")


if __name__ == "__main__":
    run_story(story, profile="raw")
