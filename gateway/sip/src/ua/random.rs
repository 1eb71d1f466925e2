// SPDX-License-Identifier: EUPL-1.2
//! Tags, branches and Call-IDs: unguessable for peers, repeatable from a seed for tests.

use std::hash::{DefaultHasher, Hash, Hasher};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Draws identifiers.
#[derive(Debug)]
pub(super) struct Random {
    rng: ChaCha12Rng,
    secret: [u64; 2],
    hop_token: u32,
}

impl Random {
    pub(super) fn new(seed: [u8; 32]) -> Random {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let secret = [rng.next_u64(), rng.next_u64()];
        let hop_token = rng.next_u32();
        Random { rng, secret, hop_token }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Draws a tag: RFC 3261 §19.3 asks for at least 32 random bits, this has 64.
    pub(super) fn tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }

    /// Draws a Call-ID with 128 random bits and no trace of the host (RFC 3261 §8.1.1.4).
    pub(super) fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64())
    }

    /// Draws a branch that also tells us, if it ever comes back, that we sent a request for `request_uri` before
    /// (RFC 5393 §4.2).
    pub(super) fn branch(&mut self, request_uri: &str) -> String {
        format!(
            "{}{:08x}.{:016x}",
            crate::message::via::BRANCH_COOKIE,
            self.hop_token,
            self.rng.next_u64()
        ) + &self.loop_part(request_uri)
    }

    /// Tells whether `branch` is ours and was made for `request_uri`.
    pub(super) fn is_own_loop(&self, branch: &str, request_uri: &str) -> bool {
        let mark = format!("{}{:08x}.", crate::message::via::BRANCH_COOKIE, self.hop_token);
        branch.starts_with(&mark) && branch.ends_with(&self.loop_part(request_uri))
    }

    /// Hashes `parts` so that a stateless answer repeats its tag (RFC 3261 §8.2.7).
    pub(super) fn keyed(&self, parts: &[&str]) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.secret.hash(&mut hasher);
        parts.hash(&mut hasher);
        hasher.finish()
    }

    fn loop_part(&self, request_uri: &str) -> String {
        format!(".{:08x}", self.keyed(&[request_uri]) & 0xffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_seed_differs() {
        let draw = |seed| {
            let mut random = Random::new([seed; 32]);
            (random.tag(), random.call_id(), random.branch("sip:a@b"))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn an_own_branch_is_known_again_only_for_the_same_request_uri() {
        let mut random = Random::new([7; 32]);
        let branch = random.branch("sip:a@b");
        assert!(random.is_own_loop(&branch, "sip:a@b"));
        assert!(!random.is_own_loop(&branch, "sip:c@b"));
        assert!(!Random::new([8; 32]).is_own_loop(&branch, "sip:a@b"));
    }
}
