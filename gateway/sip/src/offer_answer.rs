// SPDX-License-Identifier: EUPL-1.2
//! Who may offer and who must answer now: RFC 3264 §4 as explained by RFC 6337.
//!
//! The descriptions themselves are opaque here; this machine only keeps the turns.

use std::time::Duration;

/// Names the turns of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No description has been exchanged yet.
    #[default]
    Initial,
    /// We offered and wait for the answer.
    LocalOffer,
    /// The peer offered and waits for our answer.
    RemoteOffer,
    /// The last offer was answered; either side may offer.
    Stable,
}

/// Says why an offer cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Our own offer is open: the peer gets 491 (RFC 3261 §14.2).
    Glare,
    /// The peer's last offer is not answered yet: it gets 500 with Retry-After (RFC 3261 §14.2, RFC 3311 §5.2).
    Unanswered,
}

/// Keeps the turns of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferAnswer {
    state: State,
    settled: bool,
}

impl OfferAnswer {
    /// Returns whose turn it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Tells whether a session was ever agreed.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Notes that we offer; refused while any offer is open.
    pub fn offer(&mut self) -> Result<(), Conflict> {
        self.check()?;
        self.state = State::LocalOffer;
        Ok(())
    }

    /// Notes the peer's offer; refused while any offer is open.
    pub fn receive_offer(&mut self) -> Result<(), Conflict> {
        self.check()?;
        self.state = State::RemoteOffer;
        Ok(())
    }

    /// Notes our answer; false if there was nothing to answer.
    pub fn answer(&mut self) -> bool {
        self.close(State::RemoteOffer)
    }

    /// Notes the peer's answer; false if we had not offered.
    pub fn receive_answer(&mut self) -> bool {
        self.close(State::LocalOffer)
    }

    /// Drops an offer that was refused: RFC 3264 §4: the session stays as it was before.
    pub fn withdraw(&mut self) {
        self.state = if self.settled { State::Stable } else { State::Initial };
    }

    fn check(&self) -> Result<(), Conflict> {
        match self.state {
            State::Initial | State::Stable => Ok(()),
            // RFC 3264 §4: "It MUST NOT generate a new offer if it has received an offer which it has not yet answered
            // or rejected" and "MUST NOT … if it has generated a prior offer for which it has not yet received an answer"
            State::LocalOffer => Err(Conflict::Glare),
            State::RemoteOffer => Err(Conflict::Unanswered),
        }
    }

    fn close(&mut self, expected: State) -> bool {
        let fits = self.state == expected;
        if fits {
            self.state = State::Stable;
            self.settled = true;
        }
        fits
    }
}

/// Returns how long to wait after a 491 before offering again (RFC 3261 §14.1); `random` is any evenly spread number.
pub fn glare_delay(owns_call_id: bool, random: u64) -> Duration {
    let steps = if owns_call_id {
        // "between 2.1 and 4 seconds in units of 10 ms"
        210 + random % 191
    } else {
        // "between 0 and 2 seconds in units of 10 ms"
        random % 201
    };
    Duration::from_millis(steps * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_waits_for_the_answer_of_the_one_before() {
        let mut turns = OfferAnswer::default();
        assert_eq!(turns.offer(), Ok(()));
        assert_eq!(turns.offer(), Err(Conflict::Glare));
        assert_eq!(turns.receive_offer(), Err(Conflict::Glare));
        assert!(turns.receive_answer());
        assert_eq!(turns.receive_offer(), Ok(()));
        assert_eq!(turns.receive_offer(), Err(Conflict::Unanswered));
        assert!(turns.answer());
        assert_eq!(turns.state(), State::Stable);
    }

    #[test]
    fn a_refused_offer_leaves_the_session_as_it_was() {
        let mut turns = OfferAnswer::default();
        assert_eq!(turns.receive_offer(), Ok(()));
        turns.withdraw();
        assert_eq!(turns.state(), State::Initial);
        assert_eq!(turns.offer(), Ok(()));
        assert!(turns.receive_answer());
        assert_eq!(turns.offer(), Ok(()));
        turns.withdraw();
        assert_eq!(turns.state(), State::Stable);
        assert!(turns.is_settled());
    }

    #[test]
    fn an_answer_without_an_offer_is_refused() {
        let mut turns = OfferAnswer::default();
        assert!(!turns.answer());
        assert!(!turns.receive_answer());
    }

    #[test]
    fn after_glare_the_owner_of_the_call_id_waits_longer() {
        for random in [0, 1, 190, 191, 200, 201, u64::MAX] {
            let owner = glare_delay(true, random);
            let other = glare_delay(false, random);
            assert!((2_100..=4_000).contains(&owner.as_millis()), "{owner:?}");
            assert!(other.as_millis() <= 2_000, "{other:?}");
            assert_eq!(owner.as_millis() % 10, 0);
        }
    }
}
