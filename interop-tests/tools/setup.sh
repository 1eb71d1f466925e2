#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# setup.sh demo|check|test|bench|fuzz   install what a target needs; does nothing when it is there already.
# Debian packages come through apt; Python, JavaScript and Cargo tools go to ~/.cache/landbridge and serve every clone.
set -euo pipefail
want=${1:?demo, check, test, bench or fuzz}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/landbridge"
mkdir -p "$cache"

build=(cmake g++ make pkg-config)
phones=(baresip-core sip-tester linphone-cli openssl iproute2 util-linux coreutils curl)
browser=(chromium nodejs npm python3-venv)
rivals=(baresip-core janus sip-tester openssl iproute2 util-linux coreutils)

apt_install() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || missing+=("$name")
  done
  # npm and node may have come from elsewhere than Debian.
  for name in nodejs:node npm:npm cmake:cmake g++:g++ curl:curl make:make; do
    command -v "${name#*:}" >/dev/null && missing=("${missing[@]/#${name%%:*}/}")
  done
  local list=()
  for name in "${missing[@]}"; do [ -n "$name" ] && list+=("$name"); done
  [ ${#list[@]} = 0 ] && return
  echo "setup: installing ${list[*]}"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "${list[@]}" >"$cache/apt.log" 2>&1 || {
    tail -20 "$cache/apt.log"
    echo "setup: apt-get failed; the whole log is $cache/apt.log" >&2
    exit 1
  }
}

rivals_install() {
  local had_janus=yes
  command -v janus >/dev/null || had_janus=no
  apt_install "${build[@]}" "${rivals[@]}"
  # The package starts a server; the bench starts its own.
  if [ $had_janus = no ] && command -v systemctl >/dev/null; then
    systemctl disable --now janus >/dev/null 2>&1 || true
  fi
}

python_install() {
  local wanted="numpy aiortc aiohttp pjsua2-python"
  [ "$(cat "$cache/venv/wanted" 2>/dev/null)" = "$wanted" ] && return
  echo "setup: installing $wanted (PyPI)"
  python3 -m venv "$cache/venv"
  # shellcheck disable=SC2086
  "$cache/venv/bin/pip" install -q $wanted
  echo "$wanted" >"$cache/venv/wanted"
}

javascript_install() {
  local folder="$cache/js"
  mkdir -p "$folder"
  cmp -s interop-tests/page/package.json "$folder/package.json" && [ -d "$folder/node_modules" ] && return
  echo "setup: installing the browser driver (npm)"
  cp interop-tests/page/package.json "$folder/package.json"
  (cd "$folder" && npm install --no-audit --no-fund --silent)
}

cargo_tool() { # NAME VERSION
  "$cache/bin/$1" --version 2>/dev/null | grep -qF " $2" && return
  echo "setup: building $1 $2 with cargo"
  cargo install --quiet --locked --force --root "$cache" "$1" --version "$2"
}

cd "$(dirname "$0")/../.."
case $want in
  demo) apt_install "${build[@]}" curl ;;
  check) apt_install "${build[@]}"; cargo_tool cargo-deny 0.20.2 ;;
  test) apt_install "${build[@]}" "${phones[@]}" "${browser[@]}"; python_install; javascript_install ;;
  bench) rivals_install ;;
  fuzz) apt_install "${build[@]}"; cargo_tool cargo-fuzz 0.13.2 ;;
  *) echo "setup: unknown target $want; one of demo, check, test, bench, fuzz" >&2; exit 2 ;;
esac
