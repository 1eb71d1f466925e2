# SPDX-License-Identifier: EUPL-1.2
"""What somebody with aiortc says and hears: a sine out, a recording and a spectrum in."""
import asyncio
import fractions
import struct
import time

import av
import numpy
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

RATE, FRAME, WINDOW = 48000, 960, 24000


class Hum(MediaStreamTrack):
    """A sine of 20 ms frames in real time."""

    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz, self.frames, self.begin = hz, 0, None

    async def recv(self):
        if self.begin is None:
            self.begin = time.monotonic()
        wait = self.begin + self.frames * FRAME / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        at = numpy.arange(FRAME) + self.frames * FRAME
        samples = (9000 * numpy.sin(2 * numpy.pi * self.hz * at / RATE)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.frames * FRAME, fractions.Fraction(1, RATE)
        self.frames += 1
        return frame


class Ear:
    """Listens to one call: the last half second, all of it in a WAV file (mono), and the longest time without a frame."""

    def __init__(self, path, first):
        self.kept, self.frames, self.last, self.worst, self.first = numpy.zeros(0, numpy.int16), 0, None, 0.0, first
        self.file = open(path, "wb")
        size = 0x7FFFFFFF  # the writer still runs when it is read
        head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", size)
        self.file.write(head)

    async def listen(self, track):
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                break
            now = time.monotonic()
            if self.last is None:
                self.first()
            else:
                self.worst = max(self.worst, now - self.last)
            self.last, self.frames = now, self.frames + 1
            samples = frame.to_ndarray().reshape(-1)
            if len(frame.layout.channels) == 2:
                samples = samples[::2]
            self.file.write(samples.astype("<i2").tobytes())
            self.file.flush()
            self.kept = numpy.concatenate([self.kept, samples])[-WINDOW:]
        self.file.close()

    def told(self):
        """Returns what there is to say of it; the longest pause begins anew."""
        pause = self.worst if self.last is None else max(self.worst, time.monotonic() - self.last)
        self.worst = 0.0
        return {"hears": self.peaks(), "frames": self.frames, "pause_ms": round(1000 * pause)}

    def peaks(self, count=6):
        """Returns the strongest frequencies [dBFS of a sine] of the last half second, the strongest first."""
        if len(self.kept) < WINDOW or time.monotonic() - self.last > 0.4:
            return []
        window = numpy.hanning(WINDOW)
        spectrum = numpy.abs(numpy.fft.rfft(self.kept / 32768 * window)) * 4 / WINDOW
        inner = (spectrum[1:-1] >= spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]) & (spectrum[1:-1] > 10 ** (-60 / 20))
        found = sorted(numpy.nonzero(inner)[0] + 1, key=lambda at: -spectrum[at])[:count]
        return [{"hz": int(at) * RATE / WINDOW, "db": round(20 * float(numpy.log10(spectrum[at])), 1)} for at in found]
