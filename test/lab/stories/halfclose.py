#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One side says that it has no more to send; the other may go on as long as it likes."""
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from actors import Exit, Gateway, converse, read_all
from lab import expect, noise, run_story, wait_for

PORT = 7000
QUESTION = noise(300_000, seed="question")
ANSWER = noise(3_000_000, seed="answer")


def client_first(client, server):
    """The server answers only when it has seen the end of the question."""
    client.sendall(QUESTION)
    client.shutdown(socket.SHUT_WR)
    expect(read_all(server) == QUESTION, "the question arrived damaged")
    return server, client


def server_first(client, server):
    """The server ends first, before the client has said much."""
    client.sendall(b"hello")
    expect(server.recv(5) == b"hello", "the greeting arrived damaged")
    server.sendall(QUESTION)
    server.shutdown(socket.SHUT_WR)
    expect(read_all(client) == QUESTION, "the server's part arrived damaged")
    return client, server


def silent_client(client, server):
    """The client ends without a word."""
    client.shutdown(socket.SHUT_WR)
    expect(read_all(server) == b"", "bytes out of nothing")
    return server, client


def story(lab):
    Exit(lab)
    gateway = Gateway(lab)
    for part in client_first, server_first, silent_client:
        with converse(lab, PORT) as (client, server):
            sender, receiver = part(client, server)
            expect_all(sender, receiver, part.__name__)
    wait_for(lambda: gateway.status()["totals"]["connections"] == 0,
             "the gateway to forget connections that have ended")


def expect_all(sender, receiver, what):
    """The direction that is still open carries ANSWER, and then its end."""
    sent = 0
    got = bytearray()
    receiver.settimeout(10)
    sender.setblocking(False)
    while len(got) < len(ANSWER):
        try:
            sent += sender.send(ANSWER[sent:sent + 65536])
        except BlockingIOError:
            pass
        chunk = receiver.recv(65536)
        expect(chunk, f"{what}: cut off after {len(got)} bytes")
        got += chunk
    expect(got == ANSWER, f"{what}: the answer arrived damaged")
    sender.close()
    expect(receiver.recv(1) == b"", f"{what}: no end after the answer")


if __name__ == "__main__":
    run_story(story, profile="raw")
