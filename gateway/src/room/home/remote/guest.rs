// SPDX-License-Identifier: EUPL-1.2
//! One phone in a room that lives elsewhere: what it may do, and when its microphone is open.
//!
//! ```text
//!   Arriving ──▶ Waiting ⇄ Inside ──▶ gone
//!       └──────────────────▲  Joined: EnterHall
//! ```
//! The microphone is open only inside, when neither the guest nor a moderator closed it, when OpenTalk and LiveKit
//! both let it speak, and when a recording that asks for consent has got it.

use std::time::{Duration, Instant};

use landbridge_opentalk::Place;

use super::HallEnd;
use crate::call::{Kind, LegId};

/// LiveKit's removal wants a word of the conference that explains it; so long it is waited for.
pub(super) const EXPLANATION: Duration = Duration::from_secs(3);
/// How long the way back into LiveKit is asked for.
pub(super) const OUTAGE: Duration = Duration::from_secs(5 * 60);
/// A second unexplained removal within this time ends the call.
pub(super) const SECOND_REMOVAL: Duration = Duration::from_secs(60);
/// A way in that takes longer is spoken of.
pub(super) const SLOW: Duration = Duration::from_secs(4);
/// A way in that takes longer has no end.
pub(super) const TOO_SLOW: Duration = Duration::from_secs(45);
/// The least time between two words about the chat.
pub(super) const CHAT_PACE: Duration = Duration::from_secs(60);

/// How far a guest has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// On the way in; `admitted` from the waiting room.
    Arriving { admitted: bool },
    /// In the waiting room.
    Waiting,
    /// In the conference.
    Inside,
}

/// Whether a recording may take the guest's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// Nobody asked.
    NotAsked,
    /// The guest has not answered yet.
    Asked,
    /// Yes.
    Given,
    /// No.
    Refused,
}

/// One phone in a room that lives elsewhere.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) leg: LegId,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it stands in for somebody in a partner's half of a joint session.
    pub(super) is_far: bool,
    /// Whether the guest has sound; without it, it is in the conference alone.
    pub(super) attached: bool,
    /// The participant id of the conference, once known.
    pub(super) id: Option<String>,
    pub(super) phase: Phase,
    pub(super) muted: bool,
    pub(super) muted_by_moderator: bool,
    /// The media plane hears the guest.
    pub(super) speaking: bool,
    /// LiveKit's grant.
    pub(super) may_speak: bool,
    /// OpenTalk's restriction.
    pub(super) restricted: bool,
    pub(super) consent: Consent,
    pub(super) hand: bool,
    /// The hand is asked for and not yet up.
    pub(super) hand_asked: bool,
    /// The operator takes it down.
    pub(super) hand_taken: bool,
    pub(super) hands_enabled: bool,
    pub(super) place: Place,
    /// On the way back to the breakout room that an outage took the guest out of.
    pub(super) returning: bool,
    /// The breakout room that is open for the guest.
    pub(super) breakout: Option<u32>,
    pub(super) in_hall: bool,
    /// The guest was inside before.
    pub(super) has_been_inside: bool,
    /// On the way in since; nothing once the guest heard the room for the first time, or waits.
    pub(super) on_the_way_since: Option<Instant>,
    /// The guest was told that it takes its time.
    pub(super) told_slow: bool,
    /// The conference's signalling is lost.
    pub(super) conference_lost: bool,
    /// LiveKit is lost.
    pub(super) hall_lost: bool,
    /// The guest is out of LiveKit and nobody said why; the way back is asked for after a while.
    pub(super) out_since: Option<(Instant, HallEnd)>,
    /// LiveKit is out of reach since.
    pub(super) unreachable_since: Option<Instant>,
    pub(super) last_removal: Option<Instant>,
    pub(super) last_chat: Option<Instant>,
    /// What the media plane and LiveKit were last told.
    pub(super) told_silent: bool,
}

impl Consent {
    /// Returns the answer, if there is one.
    pub(super) fn answer(self) -> Option<bool> {
        match self {
            Consent::Given => Some(true),
            Consent::Refused => Some(false),
            Consent::NotAsked | Consent::Asked => None,
        }
    }
}

impl Guest {
    /// Makes a guest that is on its way in, with an open microphone.
    pub(super) fn new(now: Instant, leg: LegId, name: String, kind: Kind, attached: bool) -> Guest {
        Guest {
            leg,
            name,
            kind,
            is_far: false,
            attached,
            id: None,
            phase: Phase::Arriving { admitted: false },
            muted: false,
            muted_by_moderator: false,
            speaking: false,
            may_speak: true,
            restricted: false,
            consent: Consent::NotAsked,
            hand: false,
            hand_asked: false,
            hand_taken: false,
            hands_enabled: true,
            place: Place::Main,
            returning: false,
            breakout: None,
            in_hall: false,
            has_been_inside: false,
            on_the_way_since: Some(now),
            told_slow: false,
            conference_lost: false,
            hall_lost: false,
            out_since: None,
            unreachable_since: None,
            last_removal: None,
            last_chat: None,
            told_silent: false,
        }
    }

    /// Tells whether nothing of the guest may be heard now. Our phones hear a far person while its stand-in is on the
    /// way, too.
    pub(super) fn is_silent(&self) -> bool {
        let is_out = match self.is_far {
            true => self.phase == Phase::Waiting,
            false => self.phase != Phase::Inside,
        };
        self.is_closed() || is_out
    }

    /// Tells whether the microphone is closed, by whomever.
    pub(super) fn is_closed(&self) -> bool {
        self.muted
            || self.returning
            || self.is_restricted()
            || matches!(self.consent, Consent::Asked | Consent::Refused)
    }

    /// Tells whether others keep the microphone closed, so that the guest cannot open it.
    pub(super) fn is_restricted(&self) -> bool {
        self.restricted || !self.may_speak
    }

    /// Tells whether anything is lost and being restored.
    pub(super) fn is_lost(&self) -> bool {
        self.conference_lost || self.hall_lost
    }

    /// Returns when the guest wants to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let explanation = self.out_since.map(|(since, _)| since + EXPLANATION);
        let patience = if self.told_slow { TOO_SLOW } else { SLOW };
        let way = self.on_the_way_since.map(|since| since + patience);
        [explanation, way].into_iter().flatten().min()
    }
}
