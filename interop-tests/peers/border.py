#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""What passes the border between deployments: border.py FOLDER IFACE=PREFIX4,PREFIX6,MAC…

Counts what enters by each interface, by pair of addresses and kind, with the SSRCs of its media; writes all packets to
FOLDER/border.pcap while told to. Prints {"tap": …} every half second while something changes. Lines appended to
FOLDER/border.do steer it: "delay MS" (it forwards in the kernel's place, each packet MS later), "delay 0", "cut", "mend",
"loss PERCENT" (only while it delays), "pcap on|off", "zero"."""
import heapq
import ipaddress
import json
import os
import random
import select
import socket
import struct
import sys
import time

folder, *sides = sys.argv[1:]
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, OUTGOING, SIOCETHTOOL = 3, 0x0800, 0x86DD, 4, 0x8946


class Side:
    """An interface and the network behind it."""

    def __init__(self, text):
        self.name, rest = text.split("=")
        four, six, mac = rest.split(",")
        self.networks = [ipaddress.ip_network(four), ipaddress.ip_network(six)]
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((self.name, ETH_P_ALL))
        self.socket.setblocking(False)


def kernel_forwards(yes):
    for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]:
        with open("/proc/sys/net/" + path, "w", encoding="ascii") as file:
            file.write("1" if yes else "0")


def addresses(packet):
    if packet[0] >> 4 == 4:
        head = (packet[0] & 15) * 4
        return socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20]), packet[9], head
    return socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40]), packet[6], 40


class Tap:
    """Counts of packets and octets (of IP) by flow."""

    def __init__(self):
        self.flows, self.changed = {}, False
        self.pcap = None

    def count(self, side, packet):
        source, target, kind, head = addresses(packet)
        if kind not in (6, 17) or len(packet) < head + 8:
            return
        ports = struct.unpack_from("!HH", packet, head)
        key = (side.name, source, target, "tcp" if kind == 6 else "udp", *ports)
        flow = self.flows.setdefault(key, {"packets": 0, "octets": 0, "media": 0, "media_octets": 0, "ssrc": {}})
        flow["packets"] += 1
        flow["octets"] += len(packet)
        load = packet[head + 8 :]
        # RFC 7983: 128…191 is RTP or RTCP; RFC 5761: payload types 64…95 are RTCP.
        if kind == 17 and len(load) >= 12 and 128 <= load[0] <= 191 and not 64 <= load[1] & 127 <= 95:
            flow["media"] += 1
            flow["media_octets"] += len(packet)
            ssrc = load[8:12].hex()
            if ssrc in flow["ssrc"] or len(flow["ssrc"]) < 1000:
                flow["ssrc"][ssrc] = flow["ssrc"].get(ssrc, 0) + 1
        self.changed = True
        if self.pcap:
            now = time.time()
            self.pcap.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)

    def record(self, yes):
        if self.pcap:
            self.pcap.close()
        self.pcap = open(os.path.join(folder, "border.pcap"), "wb") if yes else None
        if self.pcap:
            # LINKTYPE_RAW: each packet begins with its IP header.
            self.pcap.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

    def tell(self):
        if self.changed:
            names = ["by", "from", "to", "kind", "source", "target"]
            print(json.dumps({"tap": [dict(zip(names, key)) | flow for key, flow in self.flows.items()]}), flush=True)
        self.changed = False
        if self.pcap:
            self.pcap.flush()


sides = [Side(text) for text in sides]
tap, queue, number = Tap(), [], 0
delay, loss, is_cut = 0.0, 0.0, False


def act(line):
    global delay, loss, is_cut
    verb, _, rest = line.partition(" ")
    match verb:
        case "delay":
            delay = float(rest) / 1000
            kernel_forwards(delay == 0)
        case "loss":
            loss = float(rest) / 100
        case "cut" | "mend":
            is_cut = verb == "cut"
        case "pcap":
            tap.record(rest == "on")
        case "zero":
            tap.flows = {}
    print(json.dumps({"did": line}), flush=True)


def take(side):
    global number
    for _ in range(256):
        try:
            packet, (_, protocol, direction, *_) = side.socket.recvfrom(70_000)
        except BlockingIOError:
            return
        if direction == OUTGOING or protocol not in (ETH_P_IP, ETH_P_IPV6) or len(packet) < 28:
            continue
        target = ipaddress.ip_address(addresses(packet)[1])
        to = next((other for other in sides if other is not side and any(target in n for n in other.networks)), None)
        if to is None or is_cut:
            continue
        tap.count(side, packet)
        if delay and random.random() >= loss:
            number += 1
            heapq.heappush(queue, (time.monotonic() + delay, number, to, protocol, packet))


def send_what_is_due():
    while queue and queue[0][0] <= time.monotonic():
        _, _, to, protocol, packet = heapq.heappop(queue)
        try:
            to.socket.sendto(packet, (to.name, protocol, 0, 0, to.mac))
        except OSError as error:
            print(json.dumps({"error": str(error), "octets": len(packet)}), flush=True)


def main():
    kernel_forwards(True)
    print(json.dumps({"watching": [side.name for side in sides]}), flush=True)
    poll = select.epoll()
    for side in sides:
        poll.register(side.socket, select.EPOLLIN)
    by_number = {side.socket.fileno(): side for side in sides}
    steps, done, looked = os.path.join(folder, "border.do"), 0, 0.0
    while True:
        wait = min(0.02, max(0.0, queue[0][0] - time.monotonic())) if queue else 0.02
        for descriptor, _ in poll.poll(wait):
            take(by_number[descriptor])
        send_what_is_due()
        now = time.monotonic()
        if int(now * 50) != int(looked * 50):
            lines = open(steps, encoding="utf-8").read().split("\n")[:-1] if os.path.exists(steps) else []
            for line in lines[done:]:
                act(line)
            done = len(lines)
            if int(now * 2) != int(looked * 2):
                tap.tell()
            looked = now


main()
