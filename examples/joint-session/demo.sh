#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Brings up two deployments, each with a network, a name server, Prosody, a gateway and a phone, and a border that can be
# watched and cut; runs a short session, tells what crossed the border and how to join, and waits.
# DEMO_SECONDS=n ends by itself n seconds after that; otherwise it runs until Ctrl-C, or for an hour.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "building (the first time takes some minutes) …"
cargo build --quiet -p landbridge -p landbridge-interop-tests --bin landbridge --bin joint-session
target=${CARGO_TARGET_DIR:-$PWD/target}
export LANDBRIDGE="$target/debug/landbridge"
exec interop-tests/tools/ns.sh "$target/debug/joint-session"
