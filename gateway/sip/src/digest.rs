// SPDX-License-Identifier: EUPL-1.2
//! Answers Digest challenges (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! A [`Login`] answers only the realm it was made for: a stranger that challenges in the middle of
//! a call learns nothing. Binding it to the next hop is left to who holds the login.

use crate::message::{Method, Uri};
use crate::parse::ValueError;
use crate::parse::scan::Scan;
use md5::Digest as _;
use std::fmt::{self, Write as _};

/// Names a hash, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// `MD5`, also when a challenge names none.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512_256,
}

/// Holds a Digest challenge that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    session: bool,
    protects: bool,
    stale: bool,
}

impl Challenge {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate.
    ///
    /// Fails for other schemes, for algorithms we do not know and for a `qop` without `auth`:
    /// such a challenge must be passed over (RFC 7616 §3.7).
    pub fn parse(text: &str) -> Result<Challenge, ValueError> {
        let mut scan = Scan::new(text);
        scan.skip_space();
        if !scan.token("no scheme")?.eq_ignore_ascii_case("Digest") {
            return Err(scan.error("not a Digest challenge"));
        }
        if !scan.skip_space() {
            return Err(scan.error("Digest without parameters"));
        }
        let fields = Fields::scan(&mut scan)?;
        let need = |name, what| fields.get(name).ok_or(ValueError { what, at: 0 });
        let (algorithm, session) = match fields.get("algorithm") {
            None => (Algorithm::Md5, false),
            Some(name) => algorithm(name).ok_or(ValueError {
                what: "unknown algorithm",
                at: 0,
            })?,
        };
        let protects = match fields.get("qop") {
            None => false,
            Some(list) if list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => {
                return Err(ValueError {
                    what: "qop without auth",
                    at: 0,
                });
            }
        };
        Ok(Challenge {
            realm: need("realm", "challenge without realm")?.to_owned(),
            nonce: need("nonce", "challenge without nonce")?.to_owned(),
            opaque: fields.get("opaque").map(str::to_owned),
            algorithm,
            session,
            protects,
            stale: fields.get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }

    /// Gives the realm as it was spelt between its quotes.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Gives the nonce.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Gives the hash asked for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Tells whether only the nonce was too old: the same login may be tried once more.
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

/// Holds a user name and a password for one realm; prints neither.
#[derive(Clone)]
pub struct Login {
    username: String,
    password: String,
    realm: Option<String>,
}

impl Login {
    /// Makes a login; `realm` `None` answers any realm and is only for a next hop that is trusted.
    ///
    /// Fails when the name holds a quote, a backslash or a control character, which no header can carry.
    pub fn new(username: &str, password: &str, realm: Option<&str>) -> Result<Login, ValueError> {
        let odd = |c: char| c.is_control() || matches!(c, '"' | '\\');
        if let Some(at) = username.find(odd) {
            return Err(ValueError {
                what: "character that no user name may hold",
                at,
            });
        }
        Ok(Login {
            username: username.to_owned(),
            password: password.to_owned(),
            realm: realm.map(str::to_owned),
        })
    }

    /// Answers the strongest challenge of our realm; `None` when there is none.
    ///
    /// `cnonce` must be fresh and unguessable; `count` tells how often its nonce was used, from 1.
    pub fn answer(
        &self,
        challenges: &[Challenge],
        method: &Method,
        uri: &Uri,
        cnonce: &str,
        count: u32,
    ) -> Option<Credentials> {
        let ours = |c: &&Challenge| self.realm.as_ref().is_none_or(|realm| *realm == c.realm);
        // RFC 8760 §2.4 lets the server order them; the strongest is ours to choose.
        let challenge = challenges.iter().filter(ours).max_by_key(|c| c.algorithm)?;
        Some(self.respond(challenge, method, uri, cnonce, count))
    }

    /// RFC 7616 §3.4.
    fn respond(&self, challenge: &Challenge, method: &Method, uri: &Uri, cnonce: &str, count: u32) -> Credentials {
        let cnonce: String = cnonce.chars().filter(char::is_ascii_alphanumeric).collect();
        let hash = |text: &str| hash(challenge.algorithm, text);
        let Challenge { realm, nonce, .. } = challenge;
        let mut a1 = hash(&format!("{}:{realm}:{}", self.username, self.password));
        if challenge.session {
            a1 = hash(&format!("{a1}:{nonce}:{cnonce}"));
        }
        let a2 = hash(&format!("{method}:{uri}"));
        let response = if challenge.protects {
            hash(&format!("{a1}:{nonce}:{count:08x}:{cnonce}:auth:{a2}"))
        } else {
            hash(&format!("{a1}:{nonce}:{a2}"))
        };
        let mut out = format!(
            "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            self.username,
            name(challenge.algorithm, challenge.session),
        );
        if challenge.protects {
            out.push_str(&format!(", qop=auth, nc={count:08x}"));
        }
        if challenge.protects || challenge.session {
            out.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &challenge.opaque {
            out.push_str(&format!(", opaque=\"{opaque}\""));
        }
        Credentials(out)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Holds the value of an Authorization or Proxy-Authorization.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Holds `name=value` pieces between commas, values as they stand between their quotes.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    const MOST: usize = 32;

    fn scan(scan: &mut Scan<'a>) -> Result<Fields<'a>, ValueError> {
        let mut fields = Fields(Vec::with_capacity(8));
        loop {
            while scan.eat_spaced(b',') {}
            scan.skip_space();
            if scan.done() {
                return Ok(fields);
            }
            let name = scan.token("parameter without a name")?;
            if !scan.eat_spaced(b'=') {
                return Err(scan.error("parameter without a value"));
            }
            let value = if scan.peek() == Some(b'"') {
                scan.raw_quoted()?
            } else {
                scan.take_while(|b| b.is_ascii_graphic() && b != b',')
            };
            if fields.get(name).is_some() || fields.0.len() >= Self::MOST {
                return Err(scan.error("parameter given twice, or too many"));
            }
            fields.0.push((name, value));
            scan.skip_space();
            if !scan.done() && scan.peek() != Some(b',') {
                return Err(scan.error("expected a comma"));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| *v)
    }
}

fn algorithm(name: &str) -> Option<(Algorithm, bool)> {
    let (base, session) = match name.len().checked_sub(5).and_then(|at| name.split_at_checked(at)) {
        Some((base, tail)) if tail.eq_ignore_ascii_case("-sess") => (base, true),
        _ => (name, false),
    };
    [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256]
        .into_iter()
        .find(|a| self::name(*a, false).eq_ignore_ascii_case(base))
        .map(|a| (a, session))
}

const fn name(algorithm: Algorithm, session: bool) -> &'static str {
    match (algorithm, session) {
        (Algorithm::Md5, false) => "MD5",
        (Algorithm::Md5, true) => "MD5-sess",
        (Algorithm::Sha256, false) => "SHA-256",
        (Algorithm::Sha256, true) => "SHA-256-sess",
        (Algorithm::Sha512_256, false) => "SHA-512-256",
        (Algorithm::Sha512_256, true) => "SHA-512-256-sess",
    }
}

fn hash(algorithm: Algorithm, text: &str) -> String {
    match algorithm {
        Algorithm::Md5 => hex(&md5::Md5::digest(text)),
        Algorithm::Sha256 => hex(&sha2::Sha256::digest(text)),
        Algorithm::Sha512_256 => hex(&sha2::Sha512_256::digest(text)),
    }
}

fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn field(credentials: &Credentials, name: &str) -> String {
        let text = credentials.to_string();
        let start = text.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        text[start..].split('"').next().unwrap().to_owned()
    }

    #[test]
    fn the_example_of_rfc_2617_section_3_5_is_answered_as_printed_there() {
        let challenge = Challenge::parse(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        )
        .unwrap();
        let login = Login::new("Mufasa", "Circle Of Life", Some("testrealm@host.com")).unwrap();
        let method = Method::parse("GET").unwrap();
        let a1 = hash(Algorithm::Md5, "Mufasa:testrealm@host.com:Circle Of Life");
        let a2 = hash(Algorithm::Md5, "GET:/dir/index.html");
        let whole = format!("{a1}:{}:00000001:0a4f113b:auth:{a2}", challenge.nonce);
        assert_eq!(hash(Algorithm::Md5, &whole), "6629fae49393a05397450978507c4ef1");
        let uri = Uri::parse("sip:host.com").unwrap();
        let answer = login.answer(&[challenge], &method, &uri, "0a4f113b", 1).unwrap();
        assert_eq!(field(&answer, "opaque"), "5ccc069c403ebaf9f0171e9517f40e41");
        assert!(answer.to_string().contains("nc=00000001"));
    }

    #[test]
    fn the_hashes_of_rfc_7616_section_3_9_1_come_out_as_printed_there() {
        let (realm, nonce) = ("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let expected = [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ];
        for (algorithm, response) in expected {
            let a1 = hash(algorithm, &format!("Mufasa:{realm}:Circle of Life"));
            let a2 = hash(algorithm, "GET:/dir/index.html");
            assert_eq!(
                hash(algorithm, &format!("{a1}:{nonce}:00000001:{cnonce}:auth:{a2}")),
                response
            );
        }
    }

    #[test]
    fn the_strongest_challenge_of_our_realm_is_answered() {
        let challenges: Vec<_> = [
            "Digest realm=\"a\", nonce=\"1\", algorithm=MD5, qop=\"auth\"",
            "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"",
            "Digest realm=\"b\", nonce=\"3\", algorithm=SHA-512-256, qop=\"auth\"",
        ]
        .map(|c| Challenge::parse(c).unwrap())
        .into();
        let login = Login::new("bob", "secret", Some("a")).unwrap();
        let uri = Uri::parse("sip:example.org").unwrap();
        let answer = login.answer(&challenges, &Method::Invite, &uri, "c", 1).unwrap();
        assert_eq!(field(&answer, "nonce"), "2");
        let stranger = Login::new("bob", "secret", Some("elsewhere")).unwrap();
        assert_eq!(stranger.answer(&challenges, &Method::Bye, &uri, "c", 1), None);
    }

    #[test]
    fn schemes_and_algorithms_we_do_not_know_are_passed_over() {
        for text in [
            "NoOneKnowsThisScheme opaque-data=here",
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA3",
            "Digest realm=\"a\", nonce=\"1\", qop=\"auth-int\"",
            "Digest realm=\"a\"",
            "Digest realm=\"a, nonce=\"1\"",
            "Basic realm=\"a\"",
            "",
        ] {
            assert!(Challenge::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn neither_login_nor_credentials_print_their_secret() {
        let login = Login::new("bob", "secret", None).unwrap();
        assert!(!format!("{login:?}").contains("secret"));
        assert!(Login::new("b\"ob", "x", None).is_err());
        assert!(Login::new("b\r\nob", "x", None).is_err());
    }
}
