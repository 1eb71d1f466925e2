// SPDX-License-Identifier: EUPL-1.2
//! Identifiers from a seed: the same seed plays the same scene.

/// A source of identifiers (SplitMix64).
#[derive(Debug)]
pub(super) struct Ids(u64);

/// What the ids of our iqs begin with.
pub(super) const IQ: &str = "lbj-";

impl Ids {
    pub(super) fn new(seed: u64) -> Ids {
        Ids(seed)
    }

    /// Makes the id of an iq.
    pub(super) fn iq(&mut self) -> String {
        format!("{IQ}{:016x}", self.next())
    }

    /// Makes the id of a session.
    pub(super) fn session(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
