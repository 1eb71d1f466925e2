// SPDX-License-Identifier: EUPL-1.2
//! One crypto line (RFC 4568): suites, keys, and which parameters are refused.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The SRTP crypto suites we speak (RFC 4568 §6.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    AeadAes256Gcm,
    AeadAes128Gcm,
    AesCm128HmacSha1_80,
}

impl Suite {
    /// All suites, strongest first: the order of our own offers.
    pub(crate) const ALL: [Suite; 3] = [Suite::AeadAes256Gcm, Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80];

    /// Returns the name registered for SDP.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }

    /// Returns the length of the master key [bytes].
    pub(crate) fn key_len(self) -> usize {
        match self {
            Suite::AeadAes256Gcm => 32,
            Suite::AeadAes128Gcm | Suite::AesCm128HmacSha1_80 => 16,
        }
    }

    /// Returns the length of the master salt [bytes].
    pub(crate) fn salt_len(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 12,
            Suite::AesCm128HmacSha1_80 => 14,
        }
    }

    fn from_name(name: &str) -> Option<Suite> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }
}

/// A crypto line that we can use.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CryptoLine {
    pub(crate) tag: u32,
    pub(crate) suite: Suite,
    /// Master key followed by master salt.
    pub(crate) key_and_salt: Vec<u8>,
}

impl std::fmt::Debug for CryptoLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CryptoLine({} {}, key hidden)", self.tag, self.suite.name())
    }
}

impl CryptoLine {
    /// Parses the value of one `a=crypto` attribute; `None` when the line must not or cannot be used.
    pub(crate) fn parse(value: &str) -> Option<CryptoLine> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= 9)?.parse().ok()?;
        let suite = Suite::from_name(words.next()?)?;
        let key_params = words.next()?;
        if !words.all(is_harmless_session_parameter) {
            return None;
        }
        // Several keys need an MKI to tell them apart, and an MKI is refused.
        if key_params.contains(';') {
            return None;
        }
        let (method, key_info) = key_params.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") {
            return None;
        }
        let mut parts = key_info.split('|');
        let key_and_salt = LENIENT.decode(parts.next()?).ok()?;
        if key_and_salt.len() != suite.key_len() + suite.salt_len() {
            return None;
        }
        // What is left is the lifetime ("2^20" or a number) and, told apart by its colon, an MKI.
        if !parts.all(is_lifetime) {
            return None;
        }
        Some(CryptoLine {
            tag,
            suite,
            key_and_salt,
        })
    }

    /// Writes the value of an `a=crypto` attribute.
    pub(crate) fn write(tag: u32, suite: Suite, key_and_salt: &[u8]) -> String {
        let key = base64::engine::general_purpose::STANDARD.encode(key_and_salt);
        format!("{tag} {} inline:{key}", suite.name())
    }
}

/// Our own master keys of one leg: one for each suite, so that no key ever serves two suites.
#[derive(Clone)]
pub(crate) struct LocalKeys([[u8; 44]; 3]);

impl LocalKeys {
    /// Takes fresh random bytes as keys.
    pub(crate) fn new(random: [[u8; 44]; 3]) -> LocalKeys {
        LocalKeys(random)
    }

    /// Returns master key and master salt for a suite.
    pub(crate) fn of(&self, suite: Suite) -> &[u8] {
        let row = match suite {
            Suite::AeadAes256Gcm => &self.0[0],
            Suite::AeadAes128Gcm => &self.0[1],
            Suite::AesCm128HmacSha1_80 => &self.0[2],
        };
        &row[..suite.key_len() + suite.salt_len()]
    }
}

/// RFC 4568 §6.3: unknown parameters make a line unusable unless marked optional with `-`; so do those that weaken it.
fn is_harmless_session_parameter(parameter: &str) -> bool {
    let upper = parameter.to_ascii_uppercase();
    upper.starts_with("WSH=") || upper == "KDR=0" || parameter.starts_with('-')
}

fn is_lifetime(text: &str) -> bool {
    let digits = text.strip_prefix("2^").unwrap_or(text);
    !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Phones disagree about the padding of 28 and 44 byte keys.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_30: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    #[test]
    fn a_line_with_a_lifetime_is_taken() {
        let line = CryptoLine::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20")).expect("usable");
        assert_eq!(
            (line.tag, line.suite, line.key_and_salt.len()),
            (1, Suite::AesCm128HmacSha1_80, 30)
        );
        assert!(CryptoLine::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1048576 WSH=64")).is_some());
    }

    #[test]
    fn a_line_with_an_mki_two_keys_or_weakening_parameters_is_refused() {
        for line in [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30};inline:{KEY_30}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} KDR=5"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY_30}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".to_owned(),
            "".to_owned(),
            "99999999999 AES_CM_128_HMAC_SHA1_80 inline:x".to_owned(),
        ] {
            assert_eq!(CryptoLine::parse(&line), None, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_for_every_suite() {
        let keys = LocalKeys::new([[7; 44], [8; 44], [9; 44]]);
        for suite in Suite::ALL {
            let line = CryptoLine::parse(&CryptoLine::write(4, suite, keys.of(suite))).expect("own line");
            assert_eq!(
                (line.tag, line.suite, line.key_and_salt.as_slice()),
                (4, suite, keys.of(suite))
            );
            let unpadded = CryptoLine::write(4, suite, keys.of(suite)).replace('=', "");
            assert!(CryptoLine::parse(&unpadded).is_some());
        }
    }
}
