// SPDX-License-Identifier: EUPL-1.2
//! What a payload type means in a session.

use landbridge_codecs::Codec;

use crate::media::sdp::Session;

/// What a packet carries.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Sound(Codec),
    Digit,
    Noise,
}

/// Finds what a session says of a payload type.
pub(super) fn meaning_of(session: &Session, payload_type: u8) -> Option<Meaning> {
    if let Some((_, codec)) = session.receive.iter().find(|(pt, _)| *pt == payload_type) {
        return Some(Meaning::Sound(*codec));
    }
    if session.digits.iter().any(|(pt, _)| *pt == payload_type) {
        return Some(Meaning::Digit);
    }
    // COMPAT(many phones): comfort noise arrives whether it was negotiated or not.
    (payload_type == 13 || session.comfort_noise.contains(&payload_type)).then_some(Meaning::Noise)
}
