// SPDX-License-Identifier: EUPL-1.2
//! JSON web tokens (RFC 7519, HS256), as LiveKit and OpenTalk take them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Signs claims; `key_id` goes into the header where a service asks for it.
pub fn sign(key_id: Option<&str>, claims: &Value, secret: &str) -> String {
    let mut header = json!({ "alg": "HS256", "typ": "JWT" });
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let part = |value: &Value| base64_url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", base64_url(tag.as_ref()))
}

/// Reads the claims without asking who signed them.
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("a token has three parts");
    serde_json::from_slice(&from_base64_url(part)).expect("claims are JSON")
}

/// Returns the time as tokens tell it [s since 1970].
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock stands after 1970").as_secs()
}

fn base64_url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * n)) as usize & 63]));
        }
    }
    text
}

fn from_base64_url(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|l| *l == letter).expect("base64url letters");
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_signed_as_others_sign_it() {
        let token = sign(None, &json!({ "sub": "1234567890" }), "secret");
        assert_eq!(claims(&token)["sub"], "1234567890");
        // `printf %s HEADER.CLAIMS | openssl dgst -sha256 -hmac secret -binary | basenc --base64url`
        assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."), "{token}");
        for text in ["", "a", "ab", "abc", "abcd"] {
            assert_eq!(from_base64_url(&base64_url(text.as_bytes())), text.as_bytes());
        }
    }
}
