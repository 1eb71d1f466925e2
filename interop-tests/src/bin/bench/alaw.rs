// SPDX-License-Identifier: EUPL-1.2
//! ITU-T G.711 A-law, as far as bursts of a tone need it.

/// The two codes of a sample next to zero.
pub(crate) const SILENCE: [u8; 2] = [0xd5, 0x55];

/// Returns the loudest sample of a payload [16-bit sample].
pub(crate) fn peak(payload: &[u8]) -> i16 {
    payload.iter().map(|code| decode(*code).abs()).max().unwrap_or(0)
}

/// Returns the code nearest to a sample.
pub(crate) fn encode(sample: i16) -> u8 {
    (0..=255)
        .min_by_key(|code| (i32::from(decode(*code)) - i32::from(sample)).abs())
        .unwrap_or(SILENCE[0])
}

/// Decodes one code to a 16-bit sample.
pub(crate) fn decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (i16::from(code >> 4 & 7), i16::from(code & 15) << 4);
    let magnitude = if exponent == 0 {
        mantissa + 8
    } else {
        (mantissa + 0x108) << (exponent - 1)
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}
