#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A deployment that is a partner in name alone: hostile_partner.py FOLDER COMPONENT SERVER:PORT SECRET NAME

Connects as a component (XEP-0114). Lines appended to FOLDER/hostile.do steer it: "send BATCH" sends the frames that lie in
FOLDER/BATCH, {"to", "seal_to", "room", "key": "own" | "stranger", "rate", "frames": [text…]}, each sealed with
FOLDER/federation.key or a key that nobody knows. Prints {"event": "online"} and for each batch
{"batch", "answers": {word: count}}; the word is "taken", the reason of the refusal, or "silence". Takes every frame that
comes, and prints {"life": n} when the sender's epoch is another one."""
import asyncio
import base64
import hashlib
import json
import os
import re
import struct
import sys
from collections import Counter
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

folder, component, server, secret, name = sys.argv[1:]
NS = "urn:landbridge:federation:1"
ANSWER = re.compile(rb"<iq\b[^>]*?\bid=['\"]h-(\d+)['\"][^>]*?(/>|>.*?</iq>)", re.S)
FRAME = re.compile(rb"<iq\b(?=[^>]*\btype=['\"]set['\"])([^>]*)><sealed[^>]*>([^<]*)</sealed></iq>")
LIFE = re.compile(rb"<frame\b[^>]*\bepoch='(\d+)'")
WORD = re.compile(rb"<([a-z-]+)[^>]*?xmlns=['\"]urn:landbridge:federation:1['\"]")


def say(**what):
    print(json.dumps(what), flush=True)


class Keys:
    def __init__(self):
        with open(os.path.join(folder, "federation.key"), "rb") as file:
            self.keys = {"own": load_pem_private_key(file.read(), None), "stranger": Ed25519PrivateKey.generate()}

    def seal(self, which, to, payload):
        text = b"landbridge federation frame 1\0"
        for deployment in [name, to]:
            text += struct.pack("!H", len(deployment)) + deployment.encode()
        key = self.keys[which]
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return hashlib.sha256(public).digest()[:8].hex(), base64.b64encode(key.sign(text + payload)).decode()


class Component:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.count, self.waiting, self.life = 0, {}, None

    async def begin(self):
        self.writer.write(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{component}'>".encode())
        head = b""
        while not (found := re.search(rb"\bid=['\"]([^'\"]+)['\"]", head)):
            head += await self.reader.read(4096)
        proof = hashlib.sha1(found[1] + secret.encode()).hexdigest()
        self.writer.write(f"<handshake>{proof}</handshake>".encode())
        answer = b""
        while b"handshake" not in answer:
            got = await self.reader.read(4096)
            if not got or b"stream:error" in answer:
                say(event="refused", why=(answer + got).decode("utf-8", "replace"))
                raise SystemExit(1)
            answer += got
        say(event="online")

    async def listen(self):
        rest = b""
        while got := await self.reader.read(1 << 16):
            rest += got
            end = 0
            for found in ANSWER.finditer(rest):
                end = found.end()
                word = WORD.search(found[2])
                kind = "taken" if b"type='result'" in found[0] or b'type="result"' in found[0] else None
                self.waiting[int(found[1])] = kind or (word[1].decode() if word else "bounced")
            for found in FRAME.finditer(rest):
                end = max(end, found.end())
                self.take(found)
            rest = rest[end:][-(1 << 18) :]
        say(event="offline")

    def take(self, found):
        attribute = lambda name: re.search(name + rb"=['\"]([^'\"]*)", found[1])[1].decode()
        answer = f"<iq type='result' id='{attribute(rb'id')}' from='{attribute(rb'to')}' to='{attribute(rb'from')}'/>"
        self.writer.write(answer.encode())
        life = LIFE.search(base64.b64decode(found[2]))
        if life and life[1] != self.life:
            self.life = life[1]
            say(life=int(life[1]))

    async def send(self, batch, keys):
        with open(os.path.join(folder, batch), encoding="utf-8") as file:
            what = json.load(file)
        first, loop = self.count, asyncio.get_running_loop()
        begin = loop.time()
        for at, text in enumerate(what["frames"]):
            payload = text.encode()
            key, seal = keys.seal(what["key"], what["seal_to"], payload)
            self.waiting[self.count] = "silence"
            self.writer.write(
                f"<iq type='set' id='h-{self.count}' from='federation@{component}/{what['room']}' to='federation@{what['to']}/{what['room']}'>"
                f"<sealed xmlns='{NS}' key='{key}' to={quoteattr(what['seal_to'])} seal='{seal}'>"
                f"{base64.b64encode(payload).decode()}</sealed></iq>".encode()
            )
            self.count += 1
            if what["rate"] and (ahead := begin + (at + 1) / what["rate"] - loop.time()) > 0:
                await asyncio.sleep(ahead)
            elif at % 20 == 0:
                await self.writer.drain()
        wait = loop.time() + 3
        mine = range(first, self.count)
        while loop.time() < wait and any(self.waiting[n] == "silence" for n in mine):
            await asyncio.sleep(0.02)
        say(batch=batch, answers=Counter(self.waiting[n] for n in mine), seconds=round(loop.time() - begin, 2))


async def main():
    host, port = server.rsplit(":", 1)
    us = Component(*await asyncio.open_connection(host, int(port)))
    await us.begin()
    listening = asyncio.create_task(us.listen())
    keys, done, steps = Keys(), 0, os.path.join(folder, "hostile.do")
    while not listening.done():
        await asyncio.sleep(0.02)
        lines = open(steps, encoding="utf-8").read().split("\n")[:-1] if os.path.exists(steps) else []
        for line in lines[done:]:
            verb, _, rest = line.partition(" ")
            if verb == "send":
                await us.send(rest, keys)
        done = len(lines)


asyncio.run(main())
