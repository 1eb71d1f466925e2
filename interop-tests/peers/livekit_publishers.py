#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Browsers that speak, made of LiveKit's own SDK: livekit_publishers.py URL SOUND SECONDS TOKEN…

One client for each TOKEN publishes SOUND (48 kHz, mono, 16 bit), over and over, each half a second further on than the
one before, and hears nothing. Prints {"ready": clients} once all publish."""
import asyncio
import json
import os
import signal
import sys
import time

import numpy
from livekit import rtc

url, sound, seconds = sys.argv[1:4]
tokens, seconds = sys.argv[4:], float(seconds)
RATE, FRAME = 48000, 960
speech = numpy.fromfile(sound, numpy.int16)
speech = speech[: len(speech) // FRAME * FRAME]
OPTIONS = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
OPTIONS.audio_encoding.max_bitrate = 28000


async def speak(source, at):
    while True:
        samples = speech[at : at + FRAME]
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, FRAME))
        at = (at + FRAME) % len(speech)


async def main():
    kept = []
    for number, token in enumerate(tokens):
        room, source = rtc.Room(), rtc.AudioSource(RATE, 1, queue_size_ms=60)
        await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await room.local_participant.publish_track(track, OPTIONS)
        # By the clock, so that clients take turns however long they took to come in.
        start = (int(time.time() * RATE) + number * RATE // 2) % len(speech) // FRAME * FRAME
        kept.append((room, asyncio.create_task(speak(source, start))))
    print(json.dumps({"ready": len(kept)}), flush=True)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.call_later(seconds, over.set)
    await over.wait()
    await asyncio.gather(*(room.disconnect() for room, _ in kept))


asyncio.run(main())
os._exit(0)
