#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""What every bridge between calls and LiveKit does, with LiveKit's own SDK: livekit_bridges.py URL SOUND SECONDS TRACKS TOKEN…

One client for each call (TOKEN): it subscribes to the TRACKS of everybody whose identity begins with "browser", decodes
and mixes them, and publishes the call's own sound, SOUND (48 kHz, mono, 16 bit), over and over. The telephone's side is
left out. Prints one JSON object a line: {"ready": calls} once all hear all tracks, and then twice a second
{"mixed": frames of 20 ms that were mixed, "tracks": tracks that were heard}."""
import asyncio
import json
import os
import signal
import sys

import numpy
from livekit import rtc

url, sound, seconds, tracks = sys.argv[1:5]
tokens, seconds, tracks = sys.argv[5:], float(seconds), int(tracks)
RATE, FRAME = 48000, 960
speech = numpy.fromfile(sound, numpy.int16)
speech = speech[: len(speech) // FRAME * FRAME]
told = {"mixed": 0, "tracks": 0}
OPTIONS = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
OPTIONS.audio_encoding.max_bitrate = 28000


async def speak(source, at):
    """Feeds the call's sound; the source takes as much as it needs."""
    while True:
        samples = speech[at : at + FRAME]
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, FRAME))
        at = (at + FRAME) % len(speech)


class Call:
    """One call's participant."""

    def __init__(self, number):
        self.room, self.number = rtc.Room(), number
        self.mix, self.parts, self.heard, self.tasks = numpy.zeros(FRAME, numpy.int32), 0, set(), []

    async def join(self, token):
        @self.room.on("track_published")
        def _(publication, participant):
            self.want(publication, participant)

        @self.room.on("track_subscribed")
        def _(track, publication, participant):
            self.tasks.append(asyncio.create_task(self.listen(track)))

        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        for participant in self.room.remote_participants.values():
            for publication in participant.track_publications.values():
                self.want(publication, participant)
        source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("call", source)
        await self.room.local_participant.publish_track(track, OPTIONS)
        self.tasks.append(asyncio.create_task(speak(source, 41 * self.number * FRAME % len(speech))))

    def want(self, publication, participant):
        if participant.identity.startswith("browser"):
            publication.set_subscribed(True)

    async def listen(self, track):
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        async for event in stream:
            self.heard.add(track.sid)
            self.mix += numpy.frombuffer(event.frame.data, numpy.int16)
            self.parts += 1
            if self.parts >= tracks:
                numpy.clip(self.mix, -32768, 32767).astype(numpy.int16)
                self.mix[:] = 0
                self.parts = 0
                told["mixed"] += 1


async def main():
    calls = [Call(number) for number in range(len(tokens))]
    for call, token in zip(calls, tokens):
        await call.join(token)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    ready, end = False, loop.time() + seconds
    while loop.time() < end and not over.is_set():
        await asyncio.sleep(0.5)
        told["tracks"] = sum(len(call.heard) for call in calls)
        if not ready and told["tracks"] >= tracks * len(calls):
            ready = True
            print(json.dumps({"ready": len(calls)}), flush=True)
        print(json.dumps(told), flush=True)
    await asyncio.gather(*(call.room.disconnect() for call in calls))


asyncio.run(main())
os._exit(0)
