// SPDX-License-Identifier: EUPL-1.2
//! Ids for stanzas: not to be repeated, and hard enough to guess for a chat.

#[derive(Debug)]
pub(crate) struct Ids(u64, u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Ids {
        Ids(seed, 0)
    }

    /// Makes the next id.
    pub(crate) fn next(&mut self) -> String {
        self.1 = self.1.wrapping_add(1);
        // splitmix64 over the seed: every counter gives another number
        let mut x = self.0.wrapping_add(self.1.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:016x}{:x}", x ^ (x >> 31), self.1)
    }
}
