// SPDX-License-Identifier: EUPL-1.2
//! The signature over every frame, and the keys that partners are known by.
//!
//! Both XMPP servers on the way, and any third one, see and could change what passes; none of them holds our key. A frame is
//! believed only if the key that its partner is pinned to signed sender, receiver and payload together, so that a frame
//! to one partner is worthless at another, and worthless when sent back to us. Ed25519 (RFC 8032), by aws-lc-rs.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use landbridge_federation::Deployment;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

/// What every signature begins with, so that it can mean nothing else.
const FRAME: &[u8] = b"landbridge federation frame 1\0";
/// What is signed for the secret of the pseudonyms; no frame begins like this.
const PSEUDONYMS: &[u8] = b"landbridge federation pseudonyms 1\0";
/// How a public key is written: the algorithm, then 32 octets in Base64.
const PREFIX: &str = "ed25519:";
/// Length of a signature, in octets.
pub const SEAL_LEN: usize = 64;
/// Most octets that a key file may have.
const LONGEST_FILE: u64 = 16 * 1024;
/// Rights that nobody but the owner and, to read, the owner's group may have.
const OTHERS: u32 = 0o037;

/// Our private key; signs what leaves.
pub struct Seal {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// A partner's public key, written `ed25519:` and 44 characters of Base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// Names a key in few letters: the first 8 octets of its SHA-256 digest, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 8]);

/// The keys one partner is known by; more than one while its key is rolled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinned(Vec<PublicKey>);

/// Why a seal is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// It is by a key that the partner is not pinned to.
    UnknownKey,
    /// The signature is not the key's over this sender, this receiver and this payload.
    Forged,
}

/// Why there is no key.
#[derive(Debug)]
pub enum KeyError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// Others than its owner may read or change the file; its rights.
    Open(u32),
    /// It holds no private Ed25519 key in PKCS #8 (PEM).
    NoKey,
}

impl Seal {
    /// Makes a new key and returns it as PKCS #8 in PEM.
    pub fn generate() -> Result<Zeroizing<String>, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::NoKey)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::NoKey)?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body);
        Ok(Zeroizing::new(pem))
    }

    /// Reads a private key from PEM, as [`Seal::generate`] and `openssl genpkey -algorithm ed25519` write it.
    pub fn from_pem(text: &str) -> Result<Seal, KeyError> {
        let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NoKey)?
        else {
            return Err(KeyError::NoKey);
        };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| KeyError::NoKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::NoKey)?;
        Ok(Seal {
            pair,
            public: PublicKey(public),
        })
    }

    /// Reads a key file that nobody but its owner (and, to read, the owner's group) may touch.
    pub fn load(path: &Path) -> Result<Seal, KeyError> {
        use std::io::Read;
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::File::open(path).map_err(KeyError::Unreadable)?;
        let rights = file.metadata().map_err(KeyError::Unreadable)?.permissions().mode() & 0o7777;
        if rights & OTHERS != 0 {
            return Err(KeyError::Open(rights));
        }
        let mut text = Zeroizing::new(String::new());
        let mut file = file.take(LONGEST_FILE);
        file.read_to_string(&mut text).map_err(KeyError::Unreadable)?;
        Seal::from_pem(&text)
    }

    /// Returns the key that partners pin.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Signs a payload of ours to a partner.
    pub fn sign(&self, from: &Deployment, to: &Deployment, payload: &[u8]) -> (KeyId, [u8; SEAL_LEN]) {
        let mut seal = [0; SEAL_LEN];
        let signature = self.pair.sign(&signed(from, to, payload));
        seal.copy_from_slice(signature.as_ref());
        (self.public.id(), seal)
    }

    /// Returns the secret of our pseudonyms; the same as long as the key is.
    pub fn pseudonym_secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        // An Ed25519 signature is a function of key and text alone (RFC 8032 §5.1.6), and this one is never shown.
        secret.copy_from_slice(digest(&SHA256, self.pair.sign(PSEUDONYMS).as_ref()).as_ref());
        secret
    }
}

impl PublicKey {
    /// Returns the short name of the key.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(digest(&SHA256, &self.0).as_ref()) {
            *to = *from;
        }
        KeyId(id)
    }
}

impl Pinned {
    /// Believes a partner by any of these keys.
    pub fn new(keys: Vec<PublicKey>) -> Pinned {
        Pinned(keys)
    }

    /// Returns the keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Checks that a partner sealed this payload to us; `key` is the key's name as the partner wrote it.
    pub fn verify(
        &self,
        from: &Deployment,
        to: &Deployment,
        key: &str,
        payload: &[u8],
        seal: &[u8],
    ) -> Result<KeyId, Broken> {
        let named = |public: &&PublicKey| public.id().to_string() == key;
        let public = self.0.iter().find(named).ok_or(Broken::UnknownKey)?;
        UnparsedPublicKey::new(&ED25519, public.0)
            .verify(&signed(from, to, payload), seal)
            .map_err(|_| Broken::Forged)?;
        Ok(public.id())
    }
}

/// Puts together what is signed: names go with their lengths, so that no other names and payload read the same.
fn signed(from: &Deployment, to: &Deployment, payload: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(FRAME.len() + 4 + 2 * 253 + payload.len());
    text.extend_from_slice(FRAME);
    for name in [from, to] {
        // A DNS name has at most 253 octets.
        text.extend_from_slice(&(name.as_str().len() as u16).to_be_bytes());
        text.extend_from_slice(name.as_str().as_bytes());
    }
    text.extend_from_slice(payload);
    text
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<PublicKey, KeyError> {
        let body = text.strip_prefix(PREFIX).ok_or(KeyError::NoKey)?;
        let octets = STANDARD.decode(body).map_err(|_| KeyError::NoKey)?;
        octets.try_into().map(PublicKey).map_err(|_| KeyError::NoKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shows no secret.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Two seals are the same if their keys are.
impl PartialEq for Seal {
    fn eq(&self, other: &Seal) -> bool {
        self.public == other.public
    }
}

impl Eq for Seal {}

impl Broken {
    /// Returns the reason as it goes to the partner, to logs and to metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Broken::UnknownKey => "unknown-key",
            Broken::Forged => "bad-seal",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Broken {}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Unreadable(error) => write!(f, "cannot be read: {error}"),
            KeyError::Open(rights) => write!(f, "others may read or change it (its rights are {rights:04o})"),
            KeyError::NoKey => f.write_str("holds no Ed25519 key"),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KeyError::Unreadable(error) => Some(error),
            KeyError::Open(_) | KeyError::NoKey => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names() -> [Deployment; 3] {
        ["th.example", "sh.example", "by.example"].map(|name| name.parse().unwrap())
    }

    fn seal() -> Seal {
        Seal::from_pem(&Seal::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_frame_is_believed_at_the_one_partner_it_was_sealed_to_and_nowhere_else() {
        let [th, sh, by] = names();
        let ours = seal();
        let pinned = Pinned::new(vec![ours.public_key()]);
        let (key, sealed) = ours.sign(&th, &sh, b"a frame");
        let key = key.to_string();
        let check = |from, to, payload: &[u8], seal: &[u8]| pinned.verify(from, to, &key, payload, seal);
        assert_eq!(check(&th, &sh, b"a frame", &sealed), Ok(ours.public_key().id()));
        for (from, to, payload) in [
            (&th, &by, &b"a frame"[..]),
            (&sh, &th, b"a frame"),
            (&by, &sh, b"a frame"),
            (&th, &sh, b"another"),
        ] {
            assert_eq!(check(from, to, payload, &sealed), Err(Broken::Forged));
        }
        for cut in 0..sealed.len() {
            assert_eq!(check(&th, &sh, b"a frame", &sealed[..cut]), Err(Broken::Forged));
            let mut changed = sealed;
            changed[cut] ^= 1;
            assert_eq!(check(&th, &sh, b"a frame", &changed), Err(Broken::Forged));
        }
    }

    #[test]
    fn names_and_payload_cannot_change_places() {
        let name = |text: &str| text.parse::<Deployment>().unwrap();
        let a = signed(&name("a.b"), &name("c"), b"d");
        assert_ne!(a, signed(&name("a.bc"), &name("d"), b""));
        assert_ne!(a, signed(&name("a"), &name("b.c"), b"d"));
    }

    #[test]
    fn both_keys_are_believed_while_a_key_is_rolled_and_the_old_one_not_after() {
        let [th, sh, _] = names();
        let (old, new) = (seal(), seal());
        let rolling = Pinned::new(vec![old.public_key(), new.public_key()]);
        let after = Pinned::new(vec![new.public_key()]);
        for (by, still) in [(&old, false), (&new, true)] {
            let (key, sealed) = by.sign(&th, &sh, b"a frame");
            let check = |pinned: &Pinned| pinned.verify(&th, &sh, &key.to_string(), b"a frame", &sealed);
            assert!(check(&rolling).is_ok());
            assert_eq!(check(&after).is_ok(), still);
            assert_eq!(check(&Pinned::default()), Err(Broken::UnknownKey));
        }
        let (_, sealed) = old.sign(&th, &sh, b"a frame");
        let claimed = new.public_key().id().to_string();
        assert_eq!(
            rolling.verify(&th, &sh, &claimed, b"a frame", &sealed),
            Err(Broken::Forged)
        );
    }

    #[test]
    fn a_public_key_reads_as_it_is_written_and_nothing_else_is_one() {
        let key = seal().public_key();
        let text = key.to_string();
        assert!(text.starts_with("ed25519:") && text.len() == 52, "{text}");
        assert_eq!(text.parse::<PublicKey>().unwrap(), key);
        for text in ["", "ed25519:", "ed25519:AAAA", &text[1..], &text[8..], "rsa:AAAA"] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn pseudonyms_keep_their_secret_as_long_as_the_key_lives() {
        let pem = Seal::generate().unwrap();
        let [a, b] = [&pem, &pem].map(|pem| Seal::from_pem(pem).unwrap().pseudonym_secret());
        assert_eq!(a, b);
        assert_ne!(a, seal().pseudonym_secret());
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let file = std::env::temp_dir().join(format!("landbridge-seal-{}.key", std::process::id()));
        std::fs::write(&file, Seal::generate().unwrap().as_bytes()).unwrap();
        for (rights, fine) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o644, false),
            (0o660, false),
        ] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(rights)).unwrap();
            assert_eq!(Seal::load(&file).is_ok(), fine, "{rights:o}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, "no key").unwrap();
        assert!(matches!(Seal::load(&file), Err(KeyError::NoKey)));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(Seal::load(&file), Err(KeyError::Unreadable(_))));
        let shown = format!("{:?}", seal());
        assert!(shown.contains("ed25519:") && !shown.contains("pair"));
    }
}
