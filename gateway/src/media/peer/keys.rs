// SPDX-License-Identifier: EUPL-1.2
//! The keys that DTLS agrees upon for SRTP (RFC 5764 §4.2).
//!
//! COMPAT(webrtc 0.21): the engine keeps them to itself. So the crypto provider that it is given listens to the one
//! computation that exports them, and to which cipher is made of them next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rtc::crypto::providers::AwsLcRsProvider;
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto, RTCCryptoProvider,
    RTCRandom, SignatureScheme, SigningKey, StreamCipher, StreamCipherAlgorithm,
};

use crate::media::sdp::Suite;
use crate::media::sdp::negotiate::Keys;

/// What the engine exported so far.
#[derive(Clone, Default)]
pub(super) struct Exported(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    material: Vec<u8>,
    suite: Option<Suite>,
}

/// RFC 5764 §4.2: "EXTRACTOR-dtls_srtp".
const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// More than any suite needs [bytes].
const MOST: usize = 256;

impl Exported {
    /// Takes the keys, seen from the DTLS client or from the server; call it when the engine has verified the peer.
    pub(super) fn keys(&self, client: bool) -> Option<Keys> {
        let heard = self.heard();
        let suite = heard.suite?;
        // RFC 5764 §4.2: client key, server key, client salt, server salt.
        let (key, salt) = (suite.key_len(), suite.salt_len());
        let (client_key, rest) = heard.material.split_at_checked(key)?;
        let (server_key, rest) = rest.split_at_checked(key)?;
        let (client_salt, rest) = rest.split_at_checked(salt)?;
        let (server_salt, _) = rest.split_at_checked(salt)?;
        let of_client = [client_key, client_salt].concat();
        let of_server = [server_key, server_salt].concat();
        let (local, remote) = if client {
            (of_client, of_server)
        } else {
            (of_server, of_client)
        };
        Some(Keys { suite, local, remote })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cipher(&self, suite: Suite) {
        let mut heard = self.heard();
        if !heard.material.is_empty() && heard.suite.is_none() {
            heard.suite = Some(suite);
        }
    }
}

/// The crypto provider that listens.
pub(super) struct Listening {
    inner: AwsLcRsProvider,
    crypto: Crypto,
}

impl Listening {
    /// Makes the provider of one connection.
    pub(super) fn new(exported: Exported) -> Listening {
        Listening {
            inner: AwsLcRsProvider::new(),
            crypto: Crypto {
                inner: AwsLcRsProvider::new(),
                exported,
            },
        }
    }
}

impl RTCCryptoProvider for Listening {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        &self.crypto
    }

    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

struct Crypto {
    inner: AwsLcRsProvider,
    exported: Exported,
}

impl RTCCrypto for Crypto {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner.crypto().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.crypto().hash(algorithm, data)
    }

    fn block_encrypt(&self, algorithm: BlockCipherAlgorithm, key: &[u8], block: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.crypto().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let inner = self.inner.crypto().new_hmac(algorithm, key)?;
        Ok(match algorithm {
            HmacAlgorithm::Sha256 => Box::new(ListeningMac {
                inner,
                exported: self.exported.clone(),
            }),
            _ => inner,
        })
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        if algorithm == StreamCipherAlgorithm::Aes128Ctr {
            self.exported.cipher(Suite::AesCm128HmacSha1_80);
        }
        self.inner.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => self.exported.cipher(Suite::AeadAes128Gcm),
            AeadAlgorithm::Aes256Gcm => self.exported.cipher(Suite::AeadAes256Gcm),
            _ => {}
        }
        self.inner.crypto().new_aead(algorithm, key)
    }

    fn new_cbc(&self, algorithm: CbcAlgorithm, key: &[u8]) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner.crypto().new_cbc(algorithm, key)
    }

    fn start_key_exchange(&self, algorithm: KeyExchangeAlgorithm) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner.crypto().start_key_exchange(algorithm)
    }

    fn generate_signing_key(&self, scheme: SignatureScheme) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().generate_signing_key(scheme)
    }

    fn import_signing_key(&self, scheme: SignatureScheme, der: &[u8]) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().import_signing_key(scheme, der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.crypto().verify_signature(scheme, key, message, signature)
    }
}

struct ListeningMac {
    inner: Box<dyn Mac>,
    exported: Exported,
}

impl Mac for ListeningMac {
    fn output_len(&self) -> usize {
        self.inner.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.sign(input, output)?;
        // RFC 5246 §5: P_hash hands out HMAC(secret, A(i) + seed), and the seed begins with the label.
        if let [_, seed] = input
            && seed.starts_with(LABEL)
        {
            let mut heard = self.exported.heard();
            if heard.suite.is_none() && heard.material.len() < MOST {
                heard.material.extend_from_slice(output);
            }
        }
        Ok(())
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify(input, expected)
    }
}
