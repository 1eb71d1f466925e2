#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A name server for the XMPP servers of a test: names.py LISTEN DOMAIN=ADDRESS…

Answers over UDP on LISTEN (address:port). Each DOMAIN and whatever is below it has ADDRESS; _xmpp-client._tcp (5222) and
_xmpp-server._tcp (5269) of each of them lead to xmpp.DOMAIN. There is nothing else. Prints {"listening": true}."""
import json
import socket
import struct
import sys

listen, *domains = sys.argv[1:]
domains = dict(domain.split("=") for domain in domains)
PORTS = {"_xmpp-client._tcp.": 5222, "_xmpp-server._tcp.": 5269}
A, SRV, IN, TTL = 1, 33, 1, 60


def labels(name):
    parts = name.encode().split(b".")
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def question(packet):
    """Returns the name asked for, in lower case, the type, and where the question ends."""
    parts, at = [], 12
    while packet[at]:
        parts.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += 1 + packet[at]
    return ".".join(parts), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def records(name, kind):
    """Returns the data of all records of a kind, or None if there is no such name."""
    service = next((service for service in PORTS if name.startswith(service)), "")
    host = name.removeprefix(service)
    domain = next((domain for domain in domains if host == domain or host.endswith("." + domain)), None)
    if domain is None or host.startswith("_"):
        return None
    if service:
        return [struct.pack("!HHH", 0, 5, PORTS[service]) + labels("xmpp." + domain)] if kind == SRV else []
    return [socket.inet_aton(domains[domain])] if kind == A else []


address, port = listen.rsplit(":", 1)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, int(port)))
print(json.dumps({"listening": True}), flush=True)
while True:
    packet, client = server.recvfrom(4096)
    try:
        name, kind, end = question(packet)
    except IndexError:
        continue
    found = records(name, kind)
    # An answer of an authority that also resolves; NXDOMAIN where there is no such name.
    flags = 0x8580 | (3 if found is None else 0)
    head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(found or []), 0, 0)
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, IN, TTL, len(data)) + data for data in found or [])
    server.sendto(head + packet[12:end] + body, client)
