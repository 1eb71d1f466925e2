#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# test.sh [SUITE…]   unit tests, virtual time and the real peers; one line per suite, the log only when one fails.
# Suites: tidy unit page cli dns peers phones browser livekit opentalk opentalk_tenth faults xmpp xmpp_rooms
# xmpp_faults xmpp_hostile joint_border joint joint_cut joint_hostile joint_homes life bad_input load.
# FILTER=name runs the tests whose name holds it.
# Each suite of strangers runs in a network namespace of its own, so two run side by side; those that bound times run alone.
set -uo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/interop-tests/tools
logs=$(mktemp -d -t landbridge-test.XXXXXX)
export LANDBRIDGE_JS="${LANDBRIDGE_JS:-${XDG_CACHE_HOME:-$HOME/.cache}/landbridge/js}"
all=(tidy unit page cli dns peers phones browser livekit opentalk opentalk_tenth faults xmpp xmpp_rooms xmpp_faults xmpp_hostile joint_border joint joint_cut joint_hostile joint_homes life bad_input load)
suites=("${@:-${all[@]}}")
passed=0 failed=0

die() {
  echo "test: $1" >&2
  exit 2
}
for suite in "${suites[@]}"; do
  [[ " ${all[*]} " == *" $suite "* ]] || die "no suite is named $suite; one of ${all[*]}"
done

build() {
  local start=$SECONDS
  if ! cargo test --workspace --no-run --message-format=json 2>"$logs/build" >"$logs/build.json"; then
    tail -n 60 "$logs/build"
    die "the build failed"
  fi
  cargo build --quiet -p landbridge || die "the build failed"
  printf 'ok    %-12s %31d s\n' build $((SECONDS - start))
}

# program SUITE   the path of a suite's test program, as cargo told it; other packages may have tests of that name
program() {
  grep 'interop-tests#' "$logs/build.json" | grep -o '"executable":"[^"]*/deps/'"$1"'-[0-9a-f]*"' | tail -n 1 | cut -d'"' -f4
}

strangers() { # PROGRAM ARGUMENT…   runs a test program in a network namespace of its own
  local test
  test=$(program "$1")
  [ -x "$test" ] || { echo "no test program for suite $1"; return 1; }
  shift
  (cd interop-tests && "$tools/ns.sh" timeout -k 5 900 "$test" --test-threads=1 "$@" ${FILTER:+"$FILTER"})
}

run_suite() { # SUITE
  case $1 in
    unit) cargo test --workspace --exclude landbridge-interop-tests --no-fail-fast -- ${FILTER:+"$FILTER"} &&
          cargo test -p landbridge-interop-tests --lib ;;
    page) timeout -k 5 400 "$tools/ns.sh" env LANDBRIDGE_NAMESPACE=1 node --test-reporter=tap interop-tests/page/page.test.mjs ;;
    # The same program: the scenes at one roomserver take as long as those at the other.
    opentalk) strangers opentalk --skip tenth_generation ;;
    opentalk_tenth) FILTER=${FILTER:-tenth_generation} strangers opentalk ;;
    *) strangers "$1" ;;
  esac
}

report() { # SUITE STATUS SECONDS
  local count bad
  count=$(awk '/^test result:/ { n += $4 } /^# pass / { n += $3 } END { print n + 0 }' "$logs/$1")
  bad=$(awk '/^test result:/ { n += $6 } /^# fail / { n += $3 } END { print n + 0 }' "$logs/$1")
  passed=$((passed + count))
  if [ "$2" = 0 ]; then
    printf 'ok    %-12s %6s tests %18d s\n' "$1" "$count" "$3"
  else
    # A suite that crashed counts as one failure at least.
    failed=$((failed + (bad > 0 ? bad : 1)))
    printf 'FAIL  %-12s %6s passed %17d s   log: %s\n' "$1" "$count" "$3" "$logs/$1"
    grep -nE "panicked at|FAILED|^failures:|not ok|✖" "$logs/$1" | head -n 30
    tail -n 60 "$logs/$1"
  fi
}

timed() { # SUITE
  local start=$SECONDS status=0
  run_suite "$1" >"$logs/$1" 2>&1 </dev/null || status=$?
  echo "$status $((SECONDS - start))" >"$logs/$1.done"
}

finish() { # SUITE
  local status seconds
  read -r status seconds <"$logs/$1.done"
  report "$1" "$status" "$seconds"
}

build
alone=() together=()
for suite in "${suites[@]}"; do
  case $suite in unit | load | xmpp_rooms | joint_cut | joint_hostile | joint_homes) alone+=("$suite") ;; *) together+=("$suite") ;; esac
done
# Two lanes; each takes the next suite as soon as it is free.
running=()
for suite in "${together[@]}"; do
  while [ "${#running[@]}" -ge 2 ]; do
    wait -n || true
    still=()
    for one in "${running[@]}"; do
      if [ -f "$logs/$one.done" ]; then finish "$one"; else still+=("$one"); fi
    done
    running=("${still[@]}")
  done
  timed "$suite" &
  running+=("$suite")
done
wait
for one in "${running[@]}"; do finish "$one"; done
for suite in "${alone[@]}"; do
  timed "$suite"
  finish "$suite"
done
[ "$failed" = 0 ] && rm -rf "$logs"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
