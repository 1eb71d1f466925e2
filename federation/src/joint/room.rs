// SPDX-License-Identifier: EUPL-1.2
//! What all links of a joint room share: our people, the clock, the lock, and what is to be done.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::frame::Locking;
use crate::{Charter, Far, Lamport, Output, Person, PersonId, Recording};

/// Our side of a joint room.
pub(crate) struct Room {
    pub(crate) charter: Charter,
    pub(crate) people: BTreeMap<PersonId, Ours>,
    pub(crate) clock: Lamport,
    /// The lock that counts.
    pub(crate) lock: Locking,
    /// The last lock, or its opposite, by our own people; partners are told of this alone.
    pub(crate) our_lock: Option<Locking>,
    pub(crate) recording: Recording,
    pub(crate) outputs: VecDeque<Output>,
    began: Instant,
    now: Instant,
    far: u64,
}

/// One of our people, and since when the hand is raised.
#[derive(Clone, Debug)]
pub(crate) struct Ours {
    pub(crate) person: Person,
    pub(crate) hand: Option<Lamport>,
}

impl Room {
    pub(crate) fn new(now: Instant, charter: Charter) -> Room {
        Room {
            began: now,
            now,
            clock: Lamport(charter.epoch.0),
            charter,
            people: BTreeMap::new(),
            lock: Locking::default(),
            our_lock: None,
            recording: Recording::default(),
            outputs: VecDeque::new(),
            far: 0,
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Learns that a partner has reached this time. A time that no clock of this life can have reached is not believed:
    /// one partner cannot end the order of hands and locks among the others.
    pub(crate) fn hear(&mut self, time: Lamport) {
        self.clock.hear(self.believed(time));
    }

    fn believed(&self, time: Lamport) -> Lamport {
        let passed = self
            .now
            .saturating_duration_since(self.began)
            .saturating_add(MOST_AHEAD);
        let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        time.min(Lamport(self.charter.epoch.0.saturating_add(passed)))
    }

    /// Says what is to be done.
    pub(crate) fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Returns a key for a far person that nobody had yet.
    pub(crate) fn next_far(&mut self) -> Far {
        self.far += 1;
        Far(self.far)
    }

    /// Takes a new picture of one of our people; says whether the hand went up or down.
    pub(crate) fn seat(&mut self, person: Person) -> bool {
        let before = self.people.get(&person.id).and_then(|ours| ours.hand);
        let hand = match (person.hand, before) {
            (false, _) => None,
            (true, None) => Some(self.clock.tick()),
            (true, before) => before,
        };
        self.people.insert(person.id, Ours { person, hand });
        hand != before
    }

    /// Locks or unlocks by one of our own people.
    pub(crate) fn lock_ourselves(&mut self, locked: bool) -> Locking {
        let at = self.clock.tick();
        let home = if self.charter.home == self.charter.us {
            at
        } else {
            self.lock.home
        };
        let locking = Locking { home, at, locked };
        self.lock = locking;
        self.our_lock = Some(locking);
        locking
    }

    /// Hears of a partner's lock; says whether it counts.
    pub(crate) fn hear_lock(&mut self, theirs: Locking) -> bool {
        let theirs = Locking {
            home: self.believed(theirs.home),
            at: self.believed(theirs.at),
            ..theirs
        };
        self.clock.hear(theirs.at);
        let counts = theirs > self.lock;
        if counts {
            self.lock = theirs;
        }
        counts
    }
}

/// How far the clocks of two deployments may be apart, and how fast one may count besides.
const MOST_AHEAD: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::joint::tests::play::charter;

    #[test]
    fn who_did_not_know_the_homes_last_lock_loses_to_it() {
        let (mut home, mut guest) = (
            Room::new(Instant::now(), charter("th", "th", 10)),
            Room::new(Instant::now(), charter("sh", "th", 9000)),
        );
        let locked = home.lock_ourselves(true);
        assert!(guest.hear_lock(locked));
        let (during_cut, by_home) = (guest.lock_ourselves(false), home.lock_ourselves(true));
        assert!(during_cut.at > by_home.at);
        assert!(!home.hear_lock(during_cut), "the guest's is later, and did not know");
        assert!(guest.hear_lock(by_home));
        assert!(home.lock.locked && guest.lock.locked);
        let knowing = guest.lock_ourselves(false);
        assert!(home.hear_lock(knowing) && !home.lock.locked);
    }

    #[test]
    fn a_hand_keeps_its_time_until_it_goes_down() {
        let mut room = Room::new(Instant::now(), charter("th", "th", 10));
        let ada = |hand| crate::joint::tests::play::person(1, "Ada", hand);
        assert!(room.seat(ada(true)));
        let first = room.people[&PersonId(1)].hand.unwrap();
        assert!(!room.seat(ada(true)));
        assert_eq!(room.people[&PersonId(1)].hand, Some(first));
        assert!(room.seat(ada(false)) && room.seat(ada(true)));
        assert!(room.people[&PersonId(1)].hand.unwrap() > first);
    }
}
