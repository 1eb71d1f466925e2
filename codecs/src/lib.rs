// SPDX-License-Identifier: EUPL-1.2
//! From RTP payload to 20 ms of sound and back, and the mixing in between.
//!
//! One tick of a room, read downwards:
//!
//! ```text
//! Playout::insert   a packet arrives: place it on the sender's time line, keep it
//! Playout::pull     every 20 ms: decode | FEC | conceal → stretch → resample → Frame
//! Level::of         how loud is it
//! Mix::add          the loudest speakers make the floor
//! Mix::heard_by     one frame for each distinct ear; everyone who is silent shares one
//! Encoder::encode   one payload of 20 ms
//! ```
//!
//! Nothing here knows a socket, a clock or a thread: time is an argument. After the first seconds of a stream,
//! none of these calls allocates.
//!
//! # Modules
//! - [`frame`]: the only PCM shape inside a room.
//! - [`codec`]: which codecs there are, and their names and rates in SDP.
//! - [`encode`]: a frame becomes a payload.
//! - `decode`: a payload becomes samples at the codec's own rate.
//! - [`resample`]: between 8, 16, 24 and 48 kHz.
//! - [`level`]: loudness as RFC 6464 tells it.
//! - [`mix`]: who has the floor, and what each ear hears.
//! - [`playout`]: the adaptive jitter buffer.
//! - [`tone`]: test tones, chimes, and the spectrum of what is heard.
//!
//! # What is not implemented
//! - RFC 3389: the level of a comfort noise frame is used, its spectral coefficients are not.
//! - RFC 7587: no DRED or other deep redundancy; stereo streams are heard in mono.
//! - RFC 2198 redundant audio, G.729, iLBC, AMR, EVS.
//! - ITU-T G.711 Appendix I and II are followed in spirit, not bit by bit.
//! - G.722 at 56 and 48 kbit/s.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests choose their start"))]

pub mod codec;
pub mod encode;
pub mod frame;
pub mod level;
pub mod mix;
pub mod playout;
pub mod resample;
pub mod tone;

mod decode;

pub use codec::{Codec, CodecError};
pub use decode::decode_opus_packets;
pub use encode::{Encoder, EncoderOptions, MAX_PAYLOAD};
pub use frame::{FRAME_SAMPLES, Frame, SAMPLE_RATE};
pub use level::Level;
pub use mix::{Ear, Mix, SourceId};
pub use playout::{Playout, PlayoutOptions, PlayoutStats, Pulled, RtpPayload};
pub use resample::Resampler;
