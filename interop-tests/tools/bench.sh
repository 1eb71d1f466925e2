#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# bench.sh [MEASUREMENT…]   measure the release build beside its rivals, and write docs/bench.md (idle setup rate delay room
# listeners), docs/bench-meetings.md (sfu sfu-delay joins leak) and docs/bench-xmpp.md (jingle jingle-setup), each when all of
# it was measured; `joint` stands for joint-delay joint-join joint-listeners joint-cut joint-hostile, which write
# docs/bench-joint.md; `federation` plays a million schedules of joint rooms in virtual time. Each load is bounded; the whole takes about 20 minutes after the build.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
if [ "${1:-federation}" = federation ]; then
  SCHEDULES="${SCHEDULES:-1000000}" cargo test --quiet --release -p landbridge-federation --test simulation schedules -- --nocapture
  if [ $# -gt 0 ]; then exit; fi
fi
if [ -z "${LANDBRIDGE:-}" ]; then
  cargo build --release -p landbridge -p landbridge-interop-tests --bin landbridge --bin bench
fi
export LANDBRIDGE="${LANDBRIDGE:-$(realpath "$target/release/landbridge")}"
bench="${BENCH:-$target/release/bench}"
REVISION="$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
export REVISION
# A call has two sockets at each end.
ulimit -n "$(ulimit -Hn)"
# Programs and client alike go before other work on this machine, where that is allowed.
first=(chrt -r 1)
"${first[@]}" true 2>/dev/null || first=()
measurements=()
for name in "$@"; do
  case $name in
    joint) measurements+=(joint-delay joint-join joint-listeners joint-cut joint-hostile) ;;
    *) measurements+=("$name") ;;
  esac
done
exec "${first[@]}" timeout -k 5 1800 interop-tests/tools/ns.sh "$bench" "${measurements[@]}"
