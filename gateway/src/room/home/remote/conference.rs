// SPDX-License-Identifier: EUPL-1.2
//! What a guest's conference has to say: OpenTalk's signalling.

use std::time::{Duration, Instant};

use landbridge_opentalk::{
    Breakout, Command, Ending, Event, Joined, PersonKind, Place, Role as ConferenceRole, StartError,
};

use super::guest::{Consent, Guest, Phase};
use super::{Deed, HallEnd, Other, RemoteRoom};
use crate::call::{Cause, Kind, LegId, Role};
use crate::room::{Notice, Person, names};

/// A room that closes within this time says so.
const SOON: Duration = Duration::from_secs(10 * 60);

impl RemoteRoom {
    /// Follows OpenTalk.
    pub(super) fn conference(&mut self, now: Instant, person: LegId, event: Event) {
        let Ok(guest) = self.guest(person) else { return };
        match event {
            Event::Waiting => {
                if guest.phase != Phase::Waiting || guest.conference_lost {
                    self.waits(person, Notice::Waiting);
                }
            }
            Event::SentToWaitingRoom => self.waits(person, Notice::SentToWaitingRoom),
            Event::Accepted => guest.phase = Phase::Arriving { admitted: true },
            Event::Joined(joined) => self.joined(person, joined),
            Event::Restored(joined) => self.restored(person, joined),
            Event::Credentials(credentials) => {
                if guest.phase == Phase::Inside && !guest.in_hall {
                    self.enter_hall(person, Some(credentials));
                }
            }
            Event::CredentialsUnavailable => {
                if guest.phase == Phase::Inside && !guest.in_hall && guest.attached {
                    guest.out_since = Some((now, HallEnd::Unreachable));
                }
            }
            Event::SwitchRefused => self.stays(person),
            Event::Switched {
                to,
                credentials,
                microphone_restricted,
                ..
            } => {
                let before = guest.is_restricted();
                guest.place = to;
                guest.returning = false;
                guest.restricted = microphone_restricted;
                guest.in_hall = false;
                let notice = match to {
                    Place::Main => Notice::BreakoutReturned,
                    Place::Breakout(_) => Notice::BreakoutEntered,
                };
                self.tell(person, notice);
                self.restriction(person, before);
                self.enter_hall_by(person, credentials);
            }
            Event::MutedByModerator => self.muted_by_moderator(person),
            Event::HandRaised => {
                guest.hand_asked = false;
                guest.hand_taken = false;
                guest.hand = true;
                self.tell(person, Notice::HandRaised);
                self.follow_far_hand(person);
            }
            Event::HandLowered { by_moderator } => {
                guest.hand = false;
                let by_moderator = std::mem::take(&mut guest.hand_taken) || by_moderator;
                self.tell(person, Notice::HandLowered { by_moderator });
            }
            Event::HandsEnabled(enabled) => {
                let was_up = guest.hand || std::mem::take(&mut guest.hand_asked);
                guest.hands_enabled = enabled;
                guest.hand &= enabled;
                if !enabled && was_up {
                    self.tell(person, Notice::HandsDisabled);
                }
            }
            Event::MicrophoneRestricted(restricted) => {
                let before = guest.is_restricted();
                guest.restricted = restricted;
                self.restriction(person, before);
            }
            Event::BreakoutOpened(breakout) => self.breakout_opened(person, &breakout),
            Event::BreakoutClosing { .. } => {
                if guest.place != Place::Main {
                    self.tell(person, Notice::BreakoutClosing);
                }
            }
            Event::BreakoutClosed => guest.breakout = None,
            Event::ConsentAsked(_) => {
                guest.consent = Consent::Asked;
                self.recorded = true;
                self.tell(person, Notice::ConsentAsked);
            }
            // An answer that comes after the recording is none to the next one.
            Event::ConsentStored(_) if guest.consent == Consent::NotAsked => {}
            Event::ConsentStored(given) => {
                let before = std::mem::replace(
                    &mut guest.consent,
                    if given { Consent::Given } else { Consent::Refused },
                );
                guest.muted |= !given;
                let muted = guest.is_closed();
                match given {
                    true => self.tell(person, Notice::ConsentGiven { muted }),
                    // The key said so already.
                    false if before == Consent::Refused => {}
                    false => self.tell(person, Notice::ConsentRefused),
                }
            }
            Event::RecordingStopped => {
                self.recorded = false;
                let goes_on = self.partners_record;
                let Ok(guest) = self.guest(person) else { return };
                if guest.consent != Consent::NotAsked && (guest.is_far || !goes_on) {
                    guest.consent = Consent::NotAsked;
                    let muted = guest.is_closed();
                    self.tell(person, Notice::RecordingStopped { muted });
                }
            }
            Event::Chat { by, from, text } => self.wrote(now, person, &by, &from, &text),
            Event::TimeLimit { left } => {
                if left <= SOON {
                    self.tell(person, Notice::TimeLimitSoon);
                }
            }
            Event::People(people) => self.people(people),
            Event::Reconnecting => {
                let told = guest.is_lost();
                guest.conference_lost = true;
                if !told {
                    self.tell(person, Notice::Reconnecting);
                }
            }
            Event::Ended(ending) => {
                // The guest is there: it was found above.
                let _ = self.part(person, cause(&ending));
            }
        }
        self.changed = true;
        self.open_or_close(person);
    }

    fn joined(&mut self, person: LegId, joined: Joined) {
        let Ok(guest) = self.guest(person) else { return };
        let admitted = matches!(guest.phase, Phase::Arriving { admitted: true } | Phase::Waiting);
        guest.has_been_inside = true;
        guest.conference_lost = false;
        let consent_wanted = self.settle(person, &joined);
        let Ok(guest) = self.guest(person) else { return };
        // Why the microphone is closed is said next.
        let (first, muted) = (joined.alone, guest.is_closed() && !consent_wanted && !guest.restricted);
        let notice = if admitted {
            Notice::Admitted { first, muted }
        } else {
            Notice::Joined { first, muted }
        };
        self.tell(person, notice);
        self.tell_partners(person);
        self.announce(person, &joined, consent_wanted);
        self.people(joined.people);
        self.enter_hall_by(person, joined.credentials);
        self.catch_up(person);
    }

    /// Comes in again as a new participant, after the signalling was lost. A hand that was up is raised again by the
    /// attendee.
    fn restored(&mut self, person: LegId, joined: Joined) {
        let Ok(guest) = self.guest(person) else { return };
        let (hand, place, consent) = (guest.hand, guest.place, guest.consent);
        guest.conference_lost = false;
        let still_lost = guest.hall_lost;
        let consent_wanted = self.settle(person, &joined);
        let Ok(guest) = self.guest(person) else { return };
        guest.hand = hand && joined.hands_enabled;
        // Back to where the caller believes to be; until it is there nobody hears it.
        let open = joined.breakout.iter().flat_map(|breakout| &breakout.rooms);
        let back = open
            .map(|room| Place::Breakout(room.id))
            .find(|room| *room == place && joined.place != place);
        guest.returning = back.is_some();
        let muted = guest.is_closed();
        if !still_lost {
            self.tell(person, Notice::Reconnected);
        }
        if joined.recorded.is_none() && consent != Consent::NotAsked {
            self.tell(person, Notice::RecordingStopped { muted });
        }
        self.announce(person, &joined, consent_wanted);
        self.people(joined.people);
        match back {
            Some(back) => self.abroad(person, Deed::Say(Command::Switch(back))),
            None if place != joined.place => {
                self.muted_until_key(person, Notice::BreakoutReturned);
                self.enter_hall_by(person, joined.credentials);
            }
            None => self.enter_hall_by(person, joined.credentials),
        }
    }

    /// Stays in the room that it wanted to leave.
    fn stays(&mut self, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        if std::mem::take(&mut guest.returning) {
            self.muted_until_key(person, Notice::BreakoutReturned);
            self.abroad(person, Deed::Say(Command::NewCredentials));
        } else {
            guest.breakout = None;
            self.tell(person, Notice::BreakoutClosing);
        }
    }

    /// Puts a caller where it does not expect to be, with a closed microphone.
    pub(super) fn muted_until_key(&mut self, person: LegId, notice: Notice) {
        let Ok(guest) = self.guest(person) else { return };
        guest.muted = true;
        self.tell(person, notice);
        self.tell(person, Notice::Muted { by_moderator: false });
    }

    /// Waits outside: nothing of the meeting is heard, and nothing of the guest.
    fn waits(&mut self, person: LegId, notice: Notice) {
        let Ok(guest) = self.guest(person) else { return };
        guest.phase = Phase::Waiting;
        guest.on_the_way_since = None;
        guest.conference_lost = false;
        guest.in_hall = false;
        guest.hall_lost = false;
        guest.out_since = None;
        guest.hand = false;
        guest.hand_asked = false;
        guest.returning = false;
        guest.breakout = None;
        guest.place = Place::Main;
        let was_inside = guest.has_been_inside;
        self.tell(person, notice);
        if was_inside {
            self.abroad(person, Deed::LeaveHall);
        }
    }

    /// Takes over what a room says of itself on entry; returns whether the caller has to be asked for consent.
    fn settle(&mut self, person: LegId, joined: &Joined) -> bool {
        let Ok(guest) = self.guest(person) else { return false };
        let former = guest.id.replace(joined.id.clone());
        self.departs(former.filter(|former| *former != joined.id));
        self.recorded = joined.recorded.is_some();
        let is_asked_for_partners = self.partners_record && !self.recorded;
        let Ok(guest) = self.guest(person) else { return false };
        guest.phase = Phase::Inside;
        guest.restricted = joined.microphone_restricted;
        guest.muted |= joined.microphone_restricted;
        guest.hands_enabled = joined.hands_enabled;
        guest.hand = false;
        guest.place = joined.place;
        guest.in_hall = false;
        guest.hand_asked = false;
        guest.consent = match (joined.recorded, joined.consent, guest.consent) {
            (None, _, Consent::NotAsked) if is_asked_for_partners && !guest.is_far => Consent::Asked,
            (None, _, answer) if is_asked_for_partners && !guest.is_far => answer,
            (None, ..) => Consent::NotAsked,
            (Some(_), Some(false), _) | (Some(_), None, Consent::Refused) => Consent::Refused,
            (Some(_), Some(true), _) => Consent::Given,
            (Some(_), None, _) => Consent::Asked,
        };
        guest.muted |= guest.consent == Consent::Refused;
        guest.consent == Consent::Asked
    }

    fn announce(&mut self, person: LegId, joined: &Joined, consent_wanted: bool) {
        if consent_wanted {
            self.tell(person, Notice::ConsentAsked);
        } else if joined.microphone_restricted {
            self.tell(person, Notice::MicrophonesRestricted);
        }
        match &joined.breakout {
            Some(breakout) => self.breakout_opened(person, breakout),
            None => {
                if let Ok(guest) = self.guest(person) {
                    guest.breakout = None;
                }
            }
        }
        if joined.closes_in.is_some_and(|left| left <= SOON) {
            self.tell(person, Notice::TimeLimitSoon);
        }
    }

    fn breakout_opened(&mut self, person: LegId, breakout: &Breakout) {
        let Ok(guest) = self.guest(person) else { return };
        let first = breakout.rooms.first().map(|room| room.id);
        let open = breakout.mine.or(first);
        let is_news = open.is_some() && guest.breakout != open && guest.place == Place::Main;
        guest.breakout = open;
        if is_news {
            self.tell(person, Notice::BreakoutOpened);
        }
    }

    /// Enters LiveKit, or asks for what is needed to.
    fn enter_hall_by(&mut self, person: LegId, credentials: Option<landbridge_opentalk::Credentials>) {
        match credentials {
            Some(credentials) => self.enter_hall(person, Some(credentials)),
            None => {
                self.open_or_close(person);
                match self.guest(person) {
                    Ok(guest) if !guest.attached => guest.on_the_way_since = None,
                    _ => self.abroad(person, Deed::Say(Command::NewCredentials)),
                }
            }
        }
    }

    /// Closes a microphone on a moderator's word, which comes by the conference, by LiveKit, or by both.
    pub(super) fn muted_by_moderator(&mut self, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        if guest.muted && guest.muted_by_moderator {
            return;
        }
        guest.muted = true;
        guest.muted_by_moderator = true;
        self.tell(person, Notice::Muted { by_moderator: true });
    }

    /// Lists everybody else. Whoever of them is a guest of ours is not: also one whose own entry is under way, and one
    /// that has just left.
    fn people(&mut self, people: Vec<landbridge_opentalk::Person>) {
        let before = std::mem::take(&mut self.others);
        let ours = |id: &String| {
            let mut guests = self.guests.iter();
            guests.any(|guest| guest.id.as_ref() == Some(id)) || self.departed.contains(id)
        };
        let on_the_way = |guest: &Guest| matches!(guest.phase, Phase::Arriving { .. }) || guest.conference_lost;
        let may_be_ours = self.guests.iter().any(on_the_way);
        let mut hands = 0;
        let mut others = Vec::new();
        for told in people {
            let known = before.iter().find(|other| other.id == told.id);
            let unsure = known.is_none() && may_be_ours && told.kind == PersonKind::Phone;
            if unsure || ours(&told.id) || told.kind == PersonKind::Recorder {
                continue;
            }
            hands += usize::from(told.hand);
            let known = known.map(|other| &other.person);
            others.push(Other {
                person: Person {
                    leg: self.voices.leg(&told.id),
                    name: names::clean(&told.name),
                    kind: match told.kind {
                        PersonKind::Phone => Kind::Phone,
                        _ => Kind::Browser,
                    },
                    role: match told.role {
                        ConferenceRole::Moderator => Role::Moderator,
                        _ => Role::Participant,
                    },
                    muted: known.is_some_and(|person| person.muted),
                    muted_by_moderator: false,
                    hand: told.hand.then_some(hands),
                    speaking: known.is_some_and(|person| person.speaking),
                    waiting: false,
                    origin: None,
                    away: false,
                    consent: None,
                },
                id: told.id,
            });
        }
        self.others = others;
        self.follow_hall();
        self.changed = true;
    }
}

fn cause(ending: &Ending) -> Cause {
    match ending {
        Ending::Left => Cause::Left,
        Ending::Kicked => Cause::Removed,
        Ending::Banned => Cause::Banned,
        Ending::Debriefed => Cause::Debriefed,
        Ending::RoomFull => Cause::Full,
        Ending::RoomDeleted | Ending::SessionEnded | Ending::IdleTimeout => Cause::RoomEnded,
        Ending::TimeLimit => Cause::TimeLimit,
        Ending::EndToEndEncrypted => Cause::EncryptedRoom,
        Ending::GuestsExcluded => Cause::CallInDisabled,
        Ending::Refused(error) => refusal(error),
        Ending::Blocked(_) | Ending::Lost(_) => Cause::Unreachable,
    }
}

/// Says in our words why a controller lets nobody in.
pub fn refusal(error: &StartError) -> Cause {
    match error {
        StartError::WrongCredentials => Cause::WrongCredentials,
        StartError::EncryptedRoom => Cause::EncryptedRoom,
        StartError::NoGuests | StartError::CallInDisabled => Cause::CallInDisabled,
        StartError::Unauthorised(_)
        | StartError::Clock
        | StartError::Busy { .. }
        | StartError::Unreachable(_)
        | StartError::Tls(_)
        | StartError::Bad(_) => Cause::Unreachable,
    }
}
