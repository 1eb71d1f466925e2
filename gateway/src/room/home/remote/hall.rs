// SPDX-License-Identifier: EUPL-1.2
//! What LiveKit has to say about a guest.

use std::time::Instant;

use landbridge_opentalk::{Command, Place};

use super::guest::{OUTAGE, Phase, SECOND_REMOVAL};
use super::{Deed, HallEnd, HallNews, HallPerson, Other, RemoteRoom};
use crate::call::{Cause, Kind, LegId, Role};
use crate::room::{Notice, Person, Residence, names};

impl RemoteRoom {
    /// Follows LiveKit.
    pub(super) fn hall(&mut self, now: Instant, person: LegId, news: HallNews) {
        let is_alone = self.guests.len() <= 1 && self.others.is_empty();
        let in_livekit_alone = self.residence != Residence::Opentalk;
        let Ok(guest) = self.guest(person) else { return };
        match news {
            HallNews::In { may_speak } => {
                guest.in_hall = true;
                guest.on_the_way_since = None;
                guest.unreachable_since = None;
                guest.may_speak = may_speak;
                guest.muted |= !may_speak;
                if in_livekit_alone {
                    guest.phase = Phase::Inside;
                }
                // The media plane may have forgotten on the way.
                let (silent, came) = (guest.is_silent(), !guest.has_been_inside);
                let caught_up = in_livekit_alone && guest.is_far;
                guest.told_silent = !silent;
                guest.has_been_inside = true;
                if came {
                    let (first, muted) = (is_alone, silent);
                    self.tell(person, Notice::Joined { first, muted });
                    if in_livekit_alone {
                        self.tell_partners(person);
                        self.ask_for_partners(person);
                    }
                }
                if caught_up {
                    self.catch_up(person);
                }
                self.regained(person);
            }
            HallNews::MaySpeak(may_speak) => {
                let before = guest.is_restricted();
                guest.may_speak = may_speak;
                self.restriction(person, before);
            }
            HallNews::Muted => {
                // Our own order comes back as well.
                if !guest.is_silent() {
                    self.muted_by_moderator(person);
                }
            }
            HallNews::Reconnecting => {
                let told = guest.is_lost();
                guest.hall_lost = true;
                if !told {
                    self.tell(person, Notice::Reconnecting);
                }
                // What LiveKit said last is not known to hold once nobody hears of it any more.
                if self.guests.iter().all(|guest| guest.hall_lost) {
                    if in_livekit_alone {
                        self.others.clear();
                    }
                    for other in &mut self.others {
                        other.person.speaking = false;
                    }
                }
            }
            HallNews::Restored => self.regained(person),
            // Those of a breakout room are among themselves.
            HallNews::People(people) if guest.place == Place::Main => self.hall_people(people),
            HallNews::People(_) => {}
            HallNews::Out(end) => self.out(now, person, end),
        }
        self.changed = true;
        self.open_or_close(person);
    }

    /// A guest is out of LiveKit and the conference keeps silent about it: asks for the way back in, after a removal
    /// once, while LiveKit is out of reach for some minutes.
    pub(super) fn way_back(&mut self, now: Instant, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        let lasts = |since: &Instant, limit| now.saturating_duration_since(*since) < limit;
        let end = guest.out_since.take().map_or(HallEnd::Removed, |(_, end)| end);
        let cause = match end {
            HallEnd::Unreachable => {
                let since = *guest.unreachable_since.get_or_insert(now);
                (!lasts(&since, OUTAGE)).then_some(Cause::Unreachable)
            }
            _ => {
                let last = guest.last_removal.replace(now);
                last.is_some_and(|last| lasts(&last, SECOND_REMOVAL))
                    .then_some(Cause::Removed)
            }
        };
        if std::mem::take(&mut guest.returning) {
            self.muted_until_key(person, Notice::BreakoutReturned);
        }
        match cause {
            // The guest is there: it was found above.
            Some(cause) => drop(self.part(person, cause)),
            None => self.abroad(person, Deed::Say(Command::NewCredentials)),
        }
    }

    /// Says that the guest may not speak, or may again; OpenTalk and LiveKit both have a say, one after the other.
    pub(super) fn restriction(&mut self, person: LegId, before: bool) {
        let Ok(guest) = self.guest(person) else { return };
        let after = guest.is_restricted();
        // Whoever was kept from speaking opens the microphone itself: nobody is live unawares.
        guest.muted |= after;
        match (before, after) {
            (false, true) => self.tell(person, Notice::MicrophonesRestricted),
            (true, false) => self.tell(person, Notice::MicrophonesFree),
            _ => {}
        }
    }

    fn regained(&mut self, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        if std::mem::take(&mut guest.hall_lost) && !guest.is_lost() {
            self.tell(person, Notice::Reconnected);
        }
    }

    fn out(&mut self, now: Instant, person: LegId, end: HallEnd) {
        let in_conference = self.residence == Residence::Opentalk;
        let Ok(guest) = self.guest(person) else { return };
        guest.in_hall = false;
        let cause = match end {
            // The conference says why, or nobody does.
            HallEnd::Removed | HallEnd::RoomDeleted if in_conference => {
                if guest.phase == Phase::Inside {
                    guest.out_since = Some((now, end));
                }
                return;
            }
            // Whoever heard the room once is kept while the way back is looked for.
            HallEnd::Unreachable if in_conference && guest.on_the_way_since.is_none() => {
                guest.out_since = Some((now, end));
                let told = guest.is_lost();
                guest.hall_lost = true;
                if !told {
                    self.tell(person, Notice::Reconnecting);
                }
                return;
            }
            HallEnd::Removed => Cause::Removed,
            HallEnd::RoomDeleted => Cause::RoomEnded,
            HallEnd::Full => Cause::Full,
            HallEnd::Unreachable => Cause::Unreachable,
        };
        // The guest is there: it was found above.
        let _ = self.part(person, cause);
    }

    fn hall_people(&mut self, people: Vec<HallPerson>) {
        if self.residence == Residence::Opentalk {
            self.heard = people;
            return self.follow_hall();
        }
        let voices = &self.voices;
        let other = |told: HallPerson| Other {
            person: Person {
                leg: voices.leg(&told.identity),
                name: names::clean(&told.name),
                kind: if told.is_phone { Kind::Phone } else { Kind::Browser },
                role: Role::Participant,
                muted: told.muted,
                muted_by_moderator: false,
                hand: None,
                speaking: told.speaking,
                waiting: false,
                origin: None,
                away: false,
                consent: None,
            },
            id: told.identity,
        };
        self.others = people.into_iter().map(other).collect();
    }

    /// OpenTalk says who is there, LiveKit who speaks: its identities begin with OpenTalk's ids.
    pub(super) fn follow_hall(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        for other in &mut self.others {
            let mut heard = self.heard.iter();
            let told = heard.find(|told| told.identity.split(':').next() == Some(&other.id));
            other.person.speaking = told.is_some_and(|told| told.speaking);
            other.person.muted = told.is_none_or(|told| told.muted);
        }
    }
}
