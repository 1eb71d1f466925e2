// SPDX-License-Identifier: EUPL-1.2
//! One partner of the room: how the link stands, its border, and who is carried over it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landbridge_federation::{Epoch, Fingerprint, LinkState, PersonId, Recording};
use tokio::sync::watch;

use super::super::border::Border;
use super::super::numbers::Counted;
use crate::call::bucket::Bucket;
use crate::call::house::now;

/// How long a partner is taken for present after its last frame, whatever bounces.
const HEARD: Duration = Duration::from_millis(1500);
/// The first pause before a session is placed again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A session that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(30);
/// Lines of a partner that are shown at once, beyond the pace of the room, and per second after that: after a cut all
/// of them come together.
const LINES_AT_ONCE: f64 = 300.0;
const LINES_PER_SECOND: f64 = 20.0;

/// One partner.
pub(super) struct Link {
    pub(super) state: LinkState,
    /// The media leg, if there is one or one is on its way.
    pub(super) border: Option<Border>,
    /// A session that the partner wants instead, until its certificate is known to be the partner's.
    pub(super) pending: Option<Border>,
    /// Which of our people may be carried, and under which SSRCs.
    pub(super) streams: BTreeMap<PersonId, u32>,
    /// The partner's certificate, as it was told under seal.
    pub(super) theirs: watch::Sender<Option<Fingerprint>>,
    pub(super) counted: Option<Counted>,
    /// Whether the partner records.
    pub(super) recording: Recording,
    /// The partner's life, once known.
    pub(super) epoch: Option<Epoch>,
    heard: Option<Instant>,
    away_since: Option<Instant>,
    /// When a session may be placed again, after so many that failed.
    next: Instant,
    failed: u32,
    placed: Option<Instant>,
    lines: Bucket,
}

impl Link {
    /// Knows nothing yet.
    pub(super) fn new() -> Link {
        Link {
            state: LinkState::Calling,
            border: None,
            pending: None,
            streams: BTreeMap::new(),
            theirs: watch::Sender::new(None),
            counted: None,
            recording: Recording::Off,
            epoch: None,
            heard: None,
            away_since: None,
            next: now(),
            failed: 0,
            placed: None,
            lines: Bucket::new(now(), LINES_AT_ONCE, LINES_PER_SECOND),
        }
    }

    /// Takes how the link stands; returns how it stood.
    pub(super) fn turn(&mut self, state: LinkState, now: Instant) -> LinkState {
        self.away_since = match state {
            LinkState::Away => self.away_since.or(Some(now)),
            _ => None,
        };
        std::mem::replace(&mut self.state, state)
    }

    /// Returns since when the partner is out of reach, if it is.
    pub(super) fn away_since(&self) -> Option<Instant> {
        self.away_since
    }

    /// Tells whether the link is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, LinkState::Parted(_) | LinkState::Refused(_))
    }

    /// Notes that the partner was heard.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// Tells whether the partner was heard just now.
    pub(super) fn is_heard(&self, now: Instant) -> bool {
        self.heard
            .is_some_and(|heard| now.saturating_duration_since(heard) < HEARD)
    }

    /// Returns when a session may be placed.
    pub(super) fn next_session(&self) -> Instant {
        self.next
    }

    /// Notes that a session is placed.
    pub(super) fn placed(&mut self, now: Instant) {
        self.placed = Some(now);
    }

    /// Notes that a session failed or ended: the next waits longer, unless this one was good.
    pub(super) fn session_over(&mut self, now: Instant) {
        let lasted = self.placed.take().map(|placed| now.saturating_duration_since(placed));
        self.failed = match lasted {
            Some(lasted) if lasted >= GOOD => 0,
            _ => self.failed.saturating_add(1),
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failed.saturating_sub(1).min(6));
        self.next = now + pause.min(LONGEST_PAUSE);
    }

    /// Notes that the partner is back: what failed while it was away says nothing.
    pub(super) fn back(&mut self, now: Instant) {
        self.failed = 0;
        self.next = now;
    }

    /// Counts a line; tells whether it is shown beyond the pace of the room.
    pub(super) fn may_exceed_pace(&mut self, now: Instant) -> bool {
        self.lines.take(now, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_fails_is_placed_again_later_and_later() {
        let (mut link, start) = (Link::new(), now());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            link.placed(start);
            link.session_over(start);
            pauses.push(link.next_session().duration_since(start).as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        link.placed(start);
        link.session_over(start + GOOD);
        assert_eq!(link.next_session(), start + GOOD + FIRST_PAUSE);
        link.back(start);
        assert_eq!(link.next_session(), start);
    }

    #[test]
    fn what_waited_through_a_cut_is_shown_at_once_and_a_flood_is_not() {
        let (mut link, start) = (Link::new(), now());
        assert_eq!((0..10_000).filter(|_| link.may_exceed_pace(start)).count(), 300);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..10_000).filter(|_| link.may_exceed_pace(later)).count(), 20);
    }
}
