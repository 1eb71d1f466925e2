// SPDX-License-Identifier: EUPL-1.2
//! The sound of one stream at its codec's rate: a little that was played, and what comes next.

use super::conceal::{Concealer, HISTORY_MS};
use super::noise::Noise;
use super::stretch::{self, Care};
use crate::decode::{Decoder, MAX_PACKET_MS};
use crate::{Codec, CodecError};

/// Sound ahead at most (ms): the longest packet after two ticks' worth, and one stretch.
const AHEAD_MS: usize = MAX_PACKET_MS + 80;
/// libopus mends in units of 2.5 ms; it conceals in them too, but without a click only in whole SILK frames of 10 ms
/// (samples at 48 kHz).
const OPUS_MEND_UNIT: usize = 120;
const OPUS_CONCEAL_UNIT: usize = 480;
const OPUS_PIECE: usize = 960;
/// What Opus imagines after this long is silence, which costs less elsewhere (samples at 48 kHz): 1 s.
const OPUS_FADED: usize = 48_000;
/// After this long what Opus imagines no longer passes for speech (samples at 48 kHz): 100 ms.
const OPUS_QUIET: usize = 4_800;

pub(super) struct Line {
    decoder: Decoder,
    /// `history` samples that were played, then those ahead.
    pcm: Vec<i16>,
    history: usize,
    rate: usize,
    concealer: Concealer,
    noise: Noise,
    /// Samples that Opus imagined since it last decoded; `None` while it decodes.
    opus_imagined: Option<usize>,
    is_opus: bool,
    muted: bool,
}

impl Line {
    pub(super) fn new(codec: Codec) -> Result<Line, CodecError> {
        let rate = codec.sample_rate() as usize;
        let history = rate / 1_000 * HISTORY_MS;
        let mut pcm = Vec::with_capacity(history + rate / 1_000 * AHEAD_MS);
        pcm.resize(history, 0);
        let mut concealer = Concealer::new(codec.sample_rate());
        concealer.begin_silence();
        Ok(Line {
            decoder: Decoder::new(codec)?,
            pcm,
            history,
            rate,
            concealer,
            noise: Noise::new(),
            opus_imagined: Some(OPUS_FADED),
            is_opus: codec == Codec::Opus,
            muted: false,
        })
    }

    /// Returns how many samples are ready.
    pub(super) fn ahead(&self) -> usize {
        self.pcm.len() - self.history
    }

    /// Returns the samples that are ready.
    pub(super) fn sound(&self) -> &[i16] {
        &self.pcm[self.history..]
    }

    /// Lets samples pass: they become history.
    pub(super) fn consume(&mut self, samples: usize, is_speech: bool) {
        let samples = samples.min(self.ahead());
        if is_speech {
            self.noise.listen(&self.pcm[self.history..self.history + samples]);
        }
        self.pcm.drain(..samples);
    }

    /// Tells whether the last sound ahead was decoded rather than imagined.
    pub(super) fn is_sounding(&self) -> bool {
        if self.is_opus {
            self.opus_imagined.is_none()
        } else {
            !self.concealer.is_active()
        }
    }

    /// Tells whether nothing is left of the sound before a gap.
    pub(super) fn is_quiet(&self) -> bool {
        match self.opus_imagined {
            Some(imagined) if self.is_opus => imagined >= OPUS_QUIET,
            _ => !self.is_opus && self.concealer.has_faded(),
        }
    }

    /// Stops or resumes decoding; while it is stopped all sound is zero.
    pub(super) fn mute(&mut self, muted: bool) {
        if self.muted && !muted {
            self.decoder.reset();
            self.concealer.begin_silence();
        }
        self.muted = muted;
    }

    /// Appends a payload of so many samples; returns false where the codec cannot read it.
    pub(super) fn decode(&mut self, payload: &[u8], samples: usize) -> bool {
        let from = self.pcm.len();
        let samples = self.append_zeros(samples);
        if !self.muted {
            let Some(count) = self.decoder.decode(payload, &mut self.pcm[from..]) else {
                self.pcm.truncate(from);
                return false;
            };
            self.pcm.truncate(from + count.min(samples));
            if self.concealer.is_active() && !self.is_opus {
                self.concealer.recover(&mut self.pcm[from..], &mut self.noise);
            }
        }
        self.concealer.end();
        self.noise.release();
        self.opus_imagined = None;
        true
    }

    /// Appends a lost packet of so many samples from the one that follows it; returns how many samples it made.
    pub(super) fn mend(&mut self, successor: &[u8], samples: usize) -> usize {
        let samples = samples / OPUS_MEND_UNIT * OPUS_MEND_UNIT;
        let from = self.pcm.len();
        let samples = self.append_zeros(samples);
        if !self.muted && self.decoder.decode_lost(successor, &mut self.pcm[from..]).is_none() {
            self.pcm.truncate(from);
            return 0;
        }
        samples
    }

    /// Appends at least `samples` of what might have been, fading into the background; returns how many.
    pub(super) fn imagine(&mut self, samples: usize) -> usize {
        if self.muted {
            return self.append_zeros(samples);
        }
        if self.is_opus {
            return self.imagine_opus(samples);
        }
        if !self.concealer.is_active() {
            self.concealer.begin(&self.pcm);
        }
        let from = self.pcm.len();
        let samples = self.append_zeros(samples);
        self.concealer.fill(&mut self.pcm[from..], &mut self.noise);
        samples
    }

    /// Appends digital silence.
    pub(super) fn hush(&mut self, samples: usize) -> usize {
        self.append_zeros(samples)
    }

    /// Sets the level of the noise in a silence, as the sender wishes (-dBov).
    pub(super) fn set_noise(&mut self, level: u8) {
        self.noise.obey(level);
    }

    /// Prepares for sound that does not follow on: it will be faded in.
    pub(super) fn tear(&mut self) {
        if !self.concealer.is_active() {
            self.concealer.begin(&self.pcm);
        }
    }

    /// Prepares for a sender that begins anew.
    pub(super) fn restart(&mut self) {
        self.tear();
        self.decoder.reset();
    }

    /// Leaves out up to `most` samples of those ahead and returns how many.
    pub(super) fn shorten(&mut self, most: usize, care: Care) -> usize {
        stretch::shorten(&mut self.pcm, self.history, most, self.rate, care)
    }

    /// Plays up to `most` samples of the history again and returns how many.
    pub(super) fn lengthen(&mut self, most: usize, care: Care) -> usize {
        stretch::lengthen(&mut self.pcm, self.history, most, self.rate, care)
    }

    fn imagine_opus(&mut self, samples: usize) -> usize {
        let so_far = self.opus_imagined.unwrap_or(0);
        if so_far >= OPUS_FADED {
            return self.append_zeros(samples);
        }
        let from = self.pcm.len();
        let piece = samples.next_multiple_of(OPUS_CONCEAL_UNIT).min(OPUS_PIECE);
        let piece = self.append_zeros(piece);
        if self.decoder.conceal(&mut self.pcm[from..]).is_none() {
            self.pcm[from..].fill(0);
        }
        if so_far + piece >= OPUS_FADED {
            for (at, sample) in self.pcm[from..].iter_mut().enumerate() {
                *sample = (i32::from(*sample) * (piece - at) as i32 / piece as i32) as i16;
            }
        }
        self.opus_imagined = Some(so_far + piece);
        piece
    }

    /// Never grows beyond what was allotted at the start.
    fn append_zeros(&mut self, samples: usize) -> usize {
        let samples = samples.min(self.pcm.capacity() - self.pcm.len());
        self.pcm.resize(self.pcm.len() + samples, 0);
        samples
    }
}
