#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""LiveKit's own Python SDK in a room: livekit_room.py FOLDER NAME URL TOKEN HZ SECONDS

Hums HZ into the room (0 = publishes nothing). Prints one JSON object a line: events as they come, and twice a second
{"people": …, "hears": {identity: [{"hz", "db"}…]}}. Lines appended to FOLDER/NAME.do steer it: "mute", "unmute",
"digit 5", "leave". DEAF=1 subscribes to nobody; SINGLE_PEER_CONNECTION=1 uses one connection for both ways."""
import asyncio
import json
import os
import sys

import numpy
from livekit import rtc

folder, name, url, token, hz, seconds = sys.argv[1:7]
hz, seconds = float(hz), float(seconds)
RATE, FRAME, WINDOW = 48000, 480, 24000
KEYS = "0123456789*#ABCD"
heard = {}


def say(**what):
    print(json.dumps(what), flush=True)


async def hum(source):
    """Feeds a sine; the source takes as much as it needs."""
    n = 0
    while True:
        t = (numpy.arange(FRAME) + n) / RATE
        samples = (9000 * numpy.sin(2 * numpy.pi * hz * t)).astype(numpy.int16)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, FRAME))
        n += FRAME


async def listen(identity, track):
    """Keeps the last half second of a track."""
    kept = numpy.zeros(0, numpy.int16)
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    async for event in stream:
        new = numpy.frombuffer(event.frame.data, numpy.int16)
        kept = numpy.concatenate([kept, new])[-WINDOW:]
        heard[identity] = (asyncio.get_running_loop().time(), kept)
    heard.pop(identity, None)


def peaks(samples, count=6):
    """Returns the strongest frequencies [dBFS of a sine], the strongest first."""
    if len(samples) < WINDOW:
        return []
    window = numpy.hanning(WINDOW)
    spectrum = numpy.abs(numpy.fft.rfft(samples / 32768 * window)) * 4 / WINDOW
    inner = (spectrum[1:-1] >= spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]) & (spectrum[1:-1] > 10 ** (-60 / 20))
    found = sorted(numpy.nonzero(inner)[0] + 1, key=lambda bin: -spectrum[bin])[:count]
    return [{"hz": int(bin) * RATE / WINDOW, "db": round(20 * float(numpy.log10(spectrum[bin])), 1)} for bin in found]


def person(participant, speaking):
    tracks = [
        {"sid": p.sid, "kind": int(p.kind), "source": int(p.source), "muted": p.muted, "name": p.name}
        for p in participant.track_publications.values()
    ]
    return {
        "identity": participant.identity,
        "name": participant.name,
        "kind": rtc.ParticipantKind.Name(participant.kind).removeprefix("PARTICIPANT_KIND_"),
        "attributes": dict(participant.attributes),
        "speaking": participant.identity in speaking,
        "tracks": tracks,
    }


async def main():
    room, speaking, tasks, over = rtc.Room(), set(), [], asyncio.Event()

    @room.on("track_subscribed")
    def _(track, publication, participant):
        say(event="subscribed", identity=participant.identity, track=publication.sid)
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            tasks.append(asyncio.create_task(listen(participant.identity, track)))

    @room.on("active_speakers_changed")
    def _(speakers):
        # The SDK tells only of whom the server's newest message tells, so nobody is ever seen to fall silent.
        speaking.update(s.identity for s in speakers)

    @room.on("sip_dtmf_received")
    def _(digit):
        say(event="digit", identity=digit.participant and digit.participant.identity, code=digit.code, digit=digit.digit)

    @room.on("disconnected")
    def _(reason):
        say(event="disconnected", reason=int(reason))
        over.set()

    for change in ["participant_connected", "participant_disconnected"]:
        room.on(change, lambda p, change=change: say(event=change, identity=p.identity, name=p.name))
    for change in ["reconnecting", "reconnected"]:
        room.on(change, lambda change=change: say(event=change))
    for change in ["track_muted", "track_unmuted"]:
        room.on(change, lambda p, pub, change=change: say(event=change, identity=p.identity))

    hears = os.environ.get("DEAF") != "1"
    single = os.environ.get("SINGLE_PEER_CONNECTION") == "1"
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=hears, single_peer_connection=single))
    say(event="joined", identity=room.local_participant.identity, room=room.name)
    track = None
    if hz > 0:
        source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("hum", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await room.local_participant.publish_track(track, options)
        tasks.append(asyncio.create_task(hum(source)))
        say(event="published")

    done, steps, clock = 0, os.path.join(folder, name + ".do"), asyncio.get_running_loop().time
    end = clock() + seconds
    while clock() < end and not over.is_set():
        await asyncio.sleep(0.5)
        recent = {who: peaks(kept) for who, (at, kept) in heard.items() if clock() - at < 0.5}
        say(people=[person(p, speaking) for p in room.remote_participants.values()], hears=recent)
        lines = open(steps).read().splitlines() if os.path.exists(steps) else []
        for line in lines[done:]:
            verb, _, rest = line.partition(" ")
            if verb == "mute":
                track.mute()
            elif verb == "unmute":
                track.unmute()
            elif verb == "digit":
                await room.local_participant.publish_dtmf(code=KEYS.index(rest), digit=rest)
            elif verb == "leave":
                end = 0
            say(did=line)
        done = len(lines)
    await room.disconnect()
    say(event="left")


asyncio.run(main())
os._exit(0)
