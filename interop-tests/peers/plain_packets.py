#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Has an interface send packets as they go over a wire: plain_packets.py IFACE

Without segments larger than a packet, and with checksums that are filled in; who forwards packets by hand needs that."""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL, CHECKSUMS, SCATTER, TCP_SEGMENTS, SEGMENTS, RECEIVED = 0x8946, 0x17, 0x19, 0x1F, 0x24, 0x2C
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
    for option in [TCP_SEGMENTS, SEGMENTS, RECEIVED, CHECKSUMS, SCATTER]:
        value = array.array("B", struct.pack("II", option, 0))
        request = struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0])
        try:
            fcntl.ioctl(door, SIOCETHTOOL, request + b"\0" * 16)
        except OSError as error:
            print(f"{sys.argv[1]}: {option:#x}: {error}", file=sys.stderr)
