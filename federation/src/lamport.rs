// SPDX-License-Identifier: EUPL-1.2
//! A clock that all deployments of a room agree about (Lamport 1978): whoever hears of an event is later than it.

/// Counts events; it begins at the epoch of a room's life, so that a restart does not turn it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lamport(pub u64);

/// The latest time that is believed: what a partner claims beyond it counts as this.
pub const LATEST: Lamport = Lamport(1 << 53);

impl Lamport {
    /// Returns the time of the next event of ours, and goes on to it.
    pub fn tick(&mut self) -> Lamport {
        self.0 = self.0.saturating_add(1).min(LATEST.0);
        *self
    }

    /// Learns that an event has this time.
    pub fn hear(&mut self, other: Lamport) {
        *self = (*self).max(other.min(LATEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_heard_of_an_event_is_later() {
        let (mut th, mut sh) = (Lamport(10), Lamport(3));
        sh.hear(th.tick());
        assert!(sh.tick() > th);
    }

    #[test]
    fn an_absurd_time_does_not_overflow() {
        let mut ours = Lamport(3);
        ours.hear(Lamport(u64::MAX));
        assert_eq!(ours.tick(), LATEST);
    }
}
