#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# fuzz.sh [TARGET…]     run fuzz targets, all of them without arguments, each for SECONDS_EACH (default 60)
#   What breaks a target stays in fuzz/artifacts/TARGET, with the command that replays it; what was learnt stays in
#   fuzz/corpus/TARGET and is where the next run begins.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${SECONDS_EACH:-60}
tool="${XDG_CACHE_HOME:-$HOME/.cache}/landbridge/bin/cargo-fuzz"
[ -x "$tool" ] || { echo "fuzz.sh: cargo-fuzz is missing; interop-tests/tools/setup.sh fuzz installs it" >&2; exit 1; }
# Coverage and libFuzzer work on a stable compiler; only the sanitizers would need a nightly one, and our code forbids
# unsafe. Overflow checks and debug assertions are on.
export RUSTC_BOOTSTRAP=1
plain=(--sanitizer none --debug-assertions)
log=$(mktemp "${TMPDIR:-/tmp}/landbridge-fuzz.XXXXXX")
trap 'rm -f "$log"' EXIT

features_of() { # TARGET   the option that its required-features ask for
  awk -v target="\"$1\"" '/^\[\[bin/ {mine = 0} $1 == "name" {mine = $3 == target} mine && /^required-features/ {print "--features=gateway"}' fuzz/Cargo.toml
}

seed() { # writes what every parser should know before it is fed chance
  cargo run --quiet -p landbridge-sip --example write_vectors -- fuzz/corpus || return 1
  mkdir -p fuzz/corpus/dialplan_toml fuzz/corpus/config_toml
  cp docs/dialplan.example.toml fuzz/corpus/dialplan_toml/example
  cp examples/desk-phone/dialplan.toml fuzz/corpus/dialplan_toml/desk-phone
  cp examples/desk-phone/landbridge.toml fuzz/corpus/config_toml/desk-phone
}

mapfile -t known < <(sed -n '/^\[\[bin/,/^$/s/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml)
targets=("$@")
[ $# -gt 0 ] || targets=("${known[@]}")
features=""
for target in "${targets[@]}"; do
  case " ${known[*]} " in
    *" $target "*) features=$features$(features_of "$target") ;;
    *) echo "fuzz.sh: no target is named $target; there are: ${known[*]}" >&2; exit 2 ;;
  esac
done
# One build for all: with the gateway, if any of them needs it.
[ -z "$features" ] || plain+=(--features=gateway)

seed >"$log" 2>&1 && "$tool" fuzz build "${plain[@]}" >>"$log" 2>&1 || {
  tail -n 40 "$log"
  echo "fuzz.sh: the build failed" >&2
  exit 1
}
passed=0 failed=0
for target in "${targets[@]}"; do
  begin=$SECONDS
  folders=("fuzz/corpus/$target")
  mkdir -p "${folders[0]}" "fuzz/artifacts/$target"
  [ -d "fuzz/seeds/$target" ] && folders+=("fuzz/seeds/$target")
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1)
  [ -f "fuzz/dictionaries/${target%%_*}.dict" ] && options+=(-dict="fuzz/dictionaries/${target%%_*}.dict")
  if "$tool" fuzz run "${plain[@]}" "$target" "${folders[@]}" -- "${options[@]}" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf 'ok    %-16s %10s runs %5d s\n' "$target" "${runs:-?}" $((SECONDS - begin))
    passed=$((passed + 1))
  else
    printf 'FAIL  %-16s %27d s\n' "$target" $((SECONDS - begin))
    grep -aE -A3 'panicked at|ERROR: libFuzzer' "$log" | cut -c1-300 | head -n 12 | sed 's/^/    | /'
    artefact=$(grep -aoE "fuzz/artifacts/$target/[a-z]+-[0-9a-f]+" "$log" | tail -n 1)
    if [ -n "$artefact" ]; then
      echo "    kept: $artefact"
      echo "    replay: RUSTC_BOOTSTRAP=1 $tool fuzz run ${plain[*]} $target $artefact"
    else
      tail -n 15 "$log" | cut -c1-300 | sed 's/^/    | /'
    fi
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
