#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# check.sh   format, lints, docs, licences, the rules of the house; one line each, the log only when one fails.
set -uo pipefail
cd "$(dirname "$0")/../.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/landbridge"
log=$(mktemp -t landbridge-check.XXXXXX)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

step() { # NAME CMD…
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok    %-12s %4d s\n' "$name" $((SECONDS - start))
  else
    failed=$((failed + 1))
    printf 'FAIL  %-12s %4d s\n' "$name" $((SECONDS - start))
    tail -n 60 "$log"
  fi
}

# The test crate has no readers of its docs but its own.
docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude landbridge-interop-tests --no-deps; }

step format cargo fmt --all --check
step lints cargo clippy --workspace --all-targets --quiet -- -D warnings
step docs docs
step licences "$cache/bin/cargo-deny" --log-level warn check -A unused-wrapper bans licenses sources
step tidy cargo test --quiet -p landbridge-interop-tests --test tidy
echo "check: $passed passed, $failed failed"
[ "$failed" = 0 ]
