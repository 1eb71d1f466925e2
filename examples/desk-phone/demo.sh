#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# Builds and starts the gateway of this folder, places a real SIP call into its meeting, and says how to join.
# DEMO_SECONDS=n ends by itself after n seconds; otherwise it runs until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
meeting=1234567890 pin=0987654321 moderator=1111122222
pids=()

stop() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

echo "building (the first time takes some minutes) …"
cargo build --manifest-path "$root/Cargo.toml" -p landbridge
target=${CARGO_TARGET_DIR:-$root/target}
landbridge="$target/debug/landbridge"

"$landbridge" check
log=$(mktemp -t landbridge-demo.XXXXXX.log)
"$landbridge" serve 2>"$log" &
pids+=($!)
for _ in $(seq 100); do
  curl -fs http://127.0.0.1:9090/readyz >/dev/null && break
  if ! kill -0 "${pids[0]}" 2>/dev/null; then
    echo "the gateway did not start:" >&2
    cat "$log" >&2
    exit 1
  fi
  sleep 0.1
done

echo "calling the meeting …"
"$landbridge" call "sip:$meeting*$pin@127.0.0.1" --name "Demo" --from sip:+4936155501@127.0.0.1 \
  --say "$root/gateway/prompts/de/demo-speech.opus" --duration "${DEMO_SECONDS:-86400}" >"$log.call" 2>&1 &
pids+=($!)
for _ in $(seq 50); do
  "$landbridge" rooms --once | grep -q phone && break
  sleep 0.1
done

cat <<TEXT

A telephone is in the meeting "Demo" and speaks. Join it:

  browser     http://127.0.0.1:8080/?meeting=$meeting      PIN $pin (moderator: $moderator)
  softphone   sip:$meeting@127.0.0.1                    then the PIN by keys; any SIP phone on this machine
  in one go   sip:$meeting*$pin@127.0.0.1
  keys        1 mute · 2 raise hand · 0 stop the prompt · * help
  ask why     $landbridge explain sip:me@127.0.0.1 sip:konferenz@127.0.0.1 --config examples/desk-phone/landbridge.toml
  log         $log

TEXT
if [ -n "${DEMO_SECONDS:-}" ]; then
  sleep 2
  "$landbridge" rooms --once
  sleep "$((DEMO_SECONDS > 3 ? DEMO_SECONDS - 2 : 1))"
  wait "${pids[1]}" || true
  echo "the caller's report:"
  cat "$log.call"
elif [ -t 1 ]; then
  "$landbridge" rooms
else
  "$landbridge" rooms --once
  wait "${pids[0]}"
fi
