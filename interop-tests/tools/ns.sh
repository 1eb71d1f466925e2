#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# ns.sh CMD…   run CMD in a private network namespace: loopback, and 10.55.0.1 and 10.55.0.2 on a pair of interfaces.
# Peers that gather addresses (browsers, ICE) find nothing else there, and every port is free.
set -euo pipefail
user=()
[ "$(id -u)" = 0 ] || user=(--user --map-root-user)
exec unshare "${user[@]}" --net bash -c '
ip link set lo up
ip link add lb0 type veth peer name lb1 2>/dev/null || ip link add lb0 type dummy
ip addr add 10.55.0.1/24 dev lb0
ip addr add 10.55.0.2/24 dev lb0
ip link set lb0 up
ip link set lb1 up 2>/dev/null || true
exec "$@"' -- "$@"
