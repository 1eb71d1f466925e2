// SPDX-License-Identifier: EUPL-1.2
//! Checks JSON Web Tokens (RFC 7519, HS256).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;

/// Checks a token's signature: `secret_of` knows the secret of a key id. Returns the claims, or what is wrong.
pub(crate) fn verify(token: &str, secret_of: impl Fn(&str) -> Option<String>) -> Result<Value, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
    let (header, claims) = signed.split_once('.').ok_or("no token")?;
    let read = |part: &str| -> Option<Value> { serde_json::from_slice(&BASE64.decode(part).ok()?).ok() };
    let (header, claims) = (read(header).ok_or("no header")?, read(claims).ok_or("no claims")?);
    if header["alg"] != "HS256" {
        return Err("another algorithm");
    }
    let secret = header["kid"].as_str().and_then(secret_of).ok_or("no such key")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = BASE64.decode(signature).map_err(|_| "no signature")?;
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| "wrong signature")?;
    Ok(claims)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landbridge_interop_tests::peers::token::sign;
    use serde_json::json;

    #[test]
    fn a_token_is_believed_by_those_who_know_its_key() {
        let token = sign(Some("a"), &json!({"iat": 1}), "secret");
        let known = |secret: &'static str| move |id: &str| (id == "a").then(|| secret.to_owned());
        assert_eq!(verify(&token, known("secret")).unwrap()["iat"], 1);
        assert_eq!(verify(&token, known("other")), Err("wrong signature"));
        assert_eq!(verify(&token, |_| None), Err("no such key"));
        assert_eq!(verify("a.b", known("secret")), Err("no token"));
    }
}
