// SPDX-License-Identifier: EUPL-1.2
//! Two phones that talk in the meeting while something else goes on.

use std::time::Duration;

use crate::gateway::{Gateway, MEETING, PIN};
use crate::peers::baresip::{Baresip, Setup};

/// What Alice hums.
pub const ALICE_HZ: f64 = 440.0;
/// What Bob hums.
pub const BOB_HZ: f64 = 1000.0;

/// Alice (PCMA or PCMU) and Bob (Opus) in the test meeting.
pub struct Pair {
    /// Phone 1, humming [`ALICE_HZ`].
    pub alice: Baresip,
    /// Phone 2, humming [`BOB_HZ`].
    pub bob: Baresip,
}

impl Pair {
    /// Brings both into the meeting and waits until they hear each other.
    pub fn join(gateway: &Gateway) -> Pair {
        let uri = format!("sip:{MEETING}*{PIN}@127.0.0.1:5060");
        let mut alice = Setup::new(gateway.folder(), "alice", 1, ALICE_HZ).start();
        alice.call(&uri);
        let mut bob = Setup::new(gateway.folder(), "bob", 2, BOB_HZ).codecs(&["opus"]).start();
        bob.call(&uri);
        gateway.until_people(2, Duration::from_secs(12));
        // The first one is told so; then the room alone is heard.
        std::thread::sleep(Duration::from_secs(5));
        let pair = Pair { alice, bob };
        pair.heard_each_other(Duration::from_secs(2));
        pair
    }

    /// Asserts that in the last `length` each heard the other, without a pause, and not itself.
    pub fn heard_each_other(&self, length: Duration) {
        let all = [ALICE_HZ, BOB_HZ];
        for (phone, who, other) in [(&self.alice, "alice", BOB_HZ), (&self.bob, "bob", ALICE_HZ)] {
            let heard = phone.heard().last(length, Duration::ZERO);
            heard.hears_exactly(who, &[other], &all);
            let gaps = heard.gaps(other);
            assert!(
                gaps <= Duration::from_millis(200),
                "{who} missed {gaps:?} of the last {length:?}"
            );
        }
    }

    /// Waits for two seconds and asserts that both were heard in them.
    pub fn still_talks(&self) {
        std::thread::sleep(Duration::from_secs(2));
        self.heard_each_other(Duration::from_millis(1800));
    }
}
