#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# setup.sh demo|session|check|test|bench|fuzz   install what a target needs; does nothing when it is there already.
# Debian packages come through apt; Python, JavaScript and Cargo tools go to ~/.cache/landbridge and serve every clone.
set -euo pipefail
want=${1:?demo, session, check, test, bench or fuzz}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/landbridge"
peers="$cache/peers"
mkdir -p "$cache"

build=(cmake g++ make pkg-config)
phones=(baresip-core sip-tester linphone-cli openssl iproute2 util-linux coreutils curl)
meetings=(redis-server faketime)
browser=(chromium nodejs npm python3-venv)
messengers=(dino-im gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-pulseaudio xvfb xdotool pulseaudio pulseaudio-utils dbus dbus-daemon at-spi2-core gir1.2-atspi-2.0 python3-gi sqlite3 libglib2.0-bin nftables)
prosody=(prosody lua-event lua-sec lua-unbound)
rivals=(baresip-core janus sip-tester openssl iproute2 util-linux coreutils python3-venv)

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

# apt_install_idle PROGRAM SERVICE PACKAGE…   the package starts a server at once; the tests start their own.
apt_install_idle() {
  local program=$1 service=$2 had=yes
  shift 2
  command -v "$program" >/dev/null || had=no
  apt_install "$@"
  if [ $had = no ] && command -v systemctl >/dev/null; then
    systemctl disable --now "$service" >/dev/null 2>&1 || true
  fi
}

python_install() {
  local wanted="numpy aiortc aiohttp pjsua2-python livekit slixmpp"
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
  cmp -s interop-tests/page/package.json "$folder/package.json" && [ -f "$folder/stanza.bundle.js" ] && return
  echo "setup: installing the browser driver (npm)"
  cp interop-tests/page/package.json "$folder/package.json"
  (cd "$folder" && npm install --no-audit --no-fund --silent)
  # stanza has no file that a page could load.
  (cd "$folder" && printf "import * as XMPP from 'stanza'; window.XMPP = XMPP;\n" |
    node_modules/.bin/esbuild --bundle --format=iife --platform=browser --define:global=globalThis --log-level=error --outfile=stanza.bundle.js)
}

cargo_tool() { # NAME VERSION
  "$cache/bin/$1" --version 2>/dev/null | grep -qF " $2" && return
  echo "setup: building $1 $2 with cargo"
  cargo install --quiet --locked --force --root "$cache" "$1" --version "$2"
}

# built PROGRAM WHAT REMEDY CMD…   runs CMD, which shall leave PROGRAM; quiet when PROGRAM is there.
built() {
  local program=$1 what=$2 remedy=$3
  shift 3
  [ -x "$program" ] && return
  echo "setup: building $what"
  mkdir -p "$(dirname "$program")"
  "$@" >"$cache/peer.log" 2>&1 && [ -x "$program" ] && return
  tail -20 "$cache/peer.log"
  echo "setup: $what could not be built; $remedy; the whole log is $cache/peer.log" >&2
  exit 1
}

# LiveKit's media server. v1.8.4 is the one OpenTalk ships with. v1.13.5 is the newest that the Go module proxy delivers
# whole: later ones replace modules by copies that only a code host has, and `go install` takes no replacements.
livekit_server_install() { # VERSION
  local folder="$peers/livekit-server-$1"
  local remedy="it needs the Go module proxy and Go 1.21 or later (go.dev/dl), which fetches the release that the server asks for"
  [ -x "$folder/livekit-server" ] || command -v go >/dev/null || apt_install golang-go
  built "$folder/livekit-server" "livekit-server $1 with go, about 5 minutes" "$remedy" livekit_server_build "$folder" "$1"
}

livekit_server_build() { # FOLDER VERSION
  GOBIN="$1" go install "github.com/livekit/livekit-server/cmd/server@$2" && mv "$1/server" "$1/livekit-server"
}

# OpenTalk's roomserver, the newest that is published as a program. A build script of it wants to download the pages of
# its API documentation; the crate utoipa-swagger-ui-vendored brings them along.
roomserver_install() { # VERSION
  local folder="$peers/roomserver-$1"
  built "$folder/bin/opentalk-roomserver" "opentalk-roomserver $1 with cargo, about 10 minutes" \
    "it needs cargo's registry and 3 GB of disk" roomserver_build "$folder" "$1"
}

roomserver_build() { # FOLDER VERSION
  local scratch="$1/build" pages
  mkdir -p "$scratch/pages/src"
  touch "$scratch/pages/src/lib.rs"
  printf '[package]\nname = "pages"\nversion = "0.0.0"\n[dependencies]\nutoipa-swagger-ui-vendored = "=0.1.2"\n[workspace]\n' \
    >"$scratch/pages/Cargo.toml"
  (cd "$scratch/pages" && cargo fetch) || return
  pages=$(ls "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/utoipa-swagger-ui-vendored-0.1.2/res/v5.17.14.zip | head -n 1) || return
  SWAGGER_UI_DOWNLOAD_URL="file://$pages" CARGO_TARGET_DIR="$scratch/target" CARGO_PROFILE_DEV_DEBUG=false \
    cargo install --locked --debug --root "$1" --version "$2" opentalk-roomserver || return
  rm -rf "$scratch"
}

# The next generation of it is published as libraries alone; the program around them is ours.
roomserver_libraries_install() { # VERSION
  local folder="$peers/roomserver-$1" sources
  sources=$(cat interop-tests/roomserver-0-10/Cargo.* interop-tests/roomserver-0-10/src/* | sha256sum)
  # What was built of other sources judges nothing.
  [ "$(cat "$folder/sources" 2>/dev/null)" = "$sources" ] || rm -f "$folder/bin/opentalk-roomserver-0-10"
  built "$folder/bin/opentalk-roomserver-0-10" "a roomserver of generation $1 with cargo, about 10 minutes" \
    "it needs cargo's registry and 3 GB of disk" roomserver_libraries_build "$folder"
  echo "$sources" >"$folder/sources"
}

roomserver_libraries_build() { # FOLDER
  CARGO_TARGET_DIR="$1/build" cargo install --locked --debug --root "$1" --path interop-tests/roomserver-0-10 || return
  rm -rf "$1/build"
}

cd "$(dirname "$0")/../.."
case $want in
  demo) apt_install "${build[@]}" curl ;;
  session)
    apt_install_idle prosody prosody "${prosody[@]}"
    apt_install "${build[@]}" curl baresip-core openssl iproute2 util-linux coreutils nftables python3-venv
    python_install
    ;;
  check) apt_install "${build[@]}"; cargo_tool cargo-deny 0.20.2 ;;
  test)
    apt_install "${build[@]}" "${phones[@]}" "${browser[@]}"
    apt_install_idle redis-server redis-server "${meetings[@]}"
    apt_install_idle prosody prosody "${prosody[@]}"
    apt_install_idle ejabberdctl ejabberd ejabberd
    apt_install_idle knotd knot knot
    apt_install "${messengers[@]}"
    python_install
    javascript_install
    livekit_server_install v1.13.5
    livekit_server_install v1.8.4
    roomserver_install 0.1.5
    roomserver_libraries_install 0.10.3
    ;;
  bench)
    apt_install_idle janus janus "${build[@]}" "${rivals[@]}"
    apt_install_idle prosody prosody "${prosody[@]}"
    python_install
    livekit_server_install v1.13.5
    roomserver_libraries_install 0.10.3
    ;;
  fuzz) apt_install "${build[@]}"; cargo_tool cargo-fuzz 0.13.2 ;;
  *) echo "setup: unknown target $want; one of demo, session, check, test, bench, fuzz" >&2; exit 2 ;;
esac
