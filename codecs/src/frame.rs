// SPDX-License-Identifier: EUPL-1.2
//! The only PCM shape inside a room: 20 ms, 48 kHz, mono.

/// Sample rate inside a room (Hz).
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a [`Frame`]: 20 ms at [`SAMPLE_RATE`].
pub const FRAME_SAMPLES: usize = 960;

/// Holds 20 ms of mono sound at 48 kHz, signed 16 bit.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(pub [i16; FRAME_SAMPLES]);

impl Frame {
    /// The frame of digital silence.
    pub const SILENCE: Frame = Frame([0; FRAME_SAMPLES]);
}

impl Default for Frame {
    fn default() -> Self {
        Frame::SILENCE
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({:?})", crate::Level::of(self))
    }
}
