// SPDX-License-Identifier: EUPL-1.2
//! People of partners in a room that lives elsewhere, and their stand-ins there.
//!
//! ```text
//!   listed, heard by our phones ── speaks · raises a hand · writes ──▶ stand-in: a guest of LiveKit or OpenTalk
//!              ▲                                                          │ quiet for long · others are louder
//!              └──────────────────────────────────────────────────────────┘
//! ```
//! A far person is in our roster, and heard by our phones, at once. Those elsewhere see and hear it by a stand-in, a
//! guest like a phone's, which comes when there is something to hear or see and goes after a quiet while. What the
//! conference's moderators do to the stand-in is told to the far person's seat. While no phone of ours listens, one
//! stand-in stays for that: by it the far people hear the conference.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use landbridge_opentalk::{Command, Name};

use super::guest::{CHAT_PACE, Consent, Guest, Phase};
use super::{Deed, OpentalkPapers, Papers, RemoteRoom, operator};
use crate::call::{Cause, Kind, LegId, Role};
use crate::room::chat::clean;
use crate::room::{By, Denial, FarEntrant, Input, MediaOrder, Notice, Output, Person, Residence, names};

/// A stand-in goes when its person was quiet for this long.
const QUIET: Duration = Duration::from_secs(5 * 60);
/// A stand-in whose person spoke within this time gives way to nobody.
const LOUD: Duration = Duration::from_secs(3);
/// The pauses between tries to get in.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Lines that wait for a stand-in to be in.
const WAITING_LINES: usize = 20;

/// Somebody in a partner's half of the joint session.
#[derive(Debug)]
pub(super) struct FarGuest {
    pub(super) leg: LegId,
    pub(super) name: String,
    entrant: FarEntrant,
    muted: bool,
    muted_by_moderator: bool,
    pub(super) hand: bool,
    speaking: bool,
    away: bool,
    attached: bool,
    /// When it last spoke, raised a hand, or wrote.
    active: Instant,
    /// What it wrote and those elsewhere have not read.
    lines: VecDeque<String>,
    /// What it said to being recorded.
    consent: Option<bool>,
    tries: u32,
    retry_at: Option<Instant>,
}

impl FarGuest {
    /// Follows what the stand-in is told; returns what of it concerns the person itself.
    fn told(&mut self, notice: Notice) -> Option<Notice> {
        match notice {
            Notice::Muted { by_moderator } => {
                (self.muted, self.muted_by_moderator) = (true, by_moderator);
                Some(notice)
            }
            // Whoever may not speak is as good as muted by a moderator, and unmutes itself when it may again.
            Notice::MicrophonesRestricted => {
                (self.muted, self.muted_by_moderator) = (true, true);
                Some(Notice::Muted { by_moderator: true })
            }
            Notice::Unmuted => {
                (self.muted, self.muted_by_moderator) = (false, false);
                Some(notice)
            }
            Notice::HandsDisabled | Notice::HandLowered { by_moderator: true } => {
                let was_up = std::mem::take(&mut self.hand);
                was_up.then_some(Notice::HandLowered { by_moderator: true })
            }
            Notice::SentToWaitingRoom
            | Notice::ConsentAsked
            | Notice::ConsentGiven { .. }
            | Notice::ConsentRefused
            | Notice::RecordingStopped { .. } => Some(notice),
            _ => None,
        }
    }

    /// Who goes first where there is not room for all: whoever speaks, then whoever waits to, then the latest.
    fn rank(&self) -> (bool, bool, Instant) {
        (self.speaking, self.hand, self.active)
    }

    /// Its name elsewhere, where only the name can tell whose it is.
    fn name_abroad(&self) -> String {
        self.entrant.name_abroad(&self.name)
    }
}

impl RemoteRoom {
    /// Lists those of the partners.
    pub(super) fn far_people(&self) -> impl Iterator<Item = Person> + '_ {
        self.far.iter().map(|far| {
            let stand_in = self.guests.iter().find(|guest| guest.leg == far.leg);
            Person {
                leg: far.leg,
                name: far.name.clone(),
                kind: Kind::Federated,
                role: if far.entrant.is_moderator {
                    Role::Moderator
                } else {
                    Role::Participant
                },
                muted: far.muted || stand_in.is_some_and(Guest::is_closed),
                muted_by_moderator: far.muted_by_moderator,
                hand: self.place_in_queue(far.leg),
                speaking: far.speaking && !far.away,
                waiting: stand_in.is_some_and(|guest| guest.phase == Phase::Waiting),
                origin: Some(far.entrant.authority.clone()),
                away: far.away,
                consent: far.consent,
            }
        })
    }

    /// Finds the far person whom an event concerns, if it concerns one.
    pub(super) fn far_concerned(&mut self, input: &Input) -> Option<LegId> {
        match input {
            Input::Join {
                person, far: Some(_), ..
            } => Some(*person),
            Input::Leave { person, .. }
            | Input::Attached(person)
            | Input::Detached { person, .. }
            | Input::SetMuted { person, .. }
            | Input::RaiseHand { person }
            | Input::LowerHand { person, .. }
            | Input::Remove { person, .. }
            | Input::Consent { person, .. }
            | Input::ChangeRoom { person }
            | Input::Key { person, .. }
            | Input::Say { person, .. }
            | Input::SayUnpaced { person, .. }
            | Input::Away { person, .. }
            | Input::Introduce { person, .. }
            | Input::Invitation { person, .. } => self.far_guest(*person).map(|far| far.leg),
            _ => None,
        }
    }

    /// Takes an event that concerns a far person.
    pub(super) fn of_far(&mut self, now: Instant, person: LegId, input: Input) -> Result<(), Denial> {
        match input {
            Input::Join {
                name,
                attached,
                papers,
                far: Some(entrant),
                ..
            } => return self.far_join(now, person, &name, attached, papers, entrant),
            Input::Leave { cause, .. } => self.far_part(person, cause),
            Input::Remove { by, .. } => {
                operator(by)?;
                self.far_part(person, Cause::Removed);
            }
            Input::Attached(_) => return self.far_attached(person, true),
            Input::Detached { .. } => return self.far_attached(person, false),
            Input::SetMuted { by, muted, .. } => return self.far_set_muted(by, person, muted),
            Input::RaiseHand { .. } => self.far_raise_hand(now, person),
            Input::LowerHand { by, .. } => {
                if by != By::Person(person) {
                    operator(by)?;
                }
                self.far_lower_hand(person, by != By::Person(person));
            }
            Input::Consent { given, .. } => {
                if let Some(far) = self.far_guest(person) {
                    far.consent = Some(given);
                }
                self.changed = true;
                if self.guest(person).is_ok_and(|guest| guest.consent != Consent::NotAsked) {
                    return self.consent(person, given);
                }
            }
            Input::ChangeRoom { .. } => return Err(Denial::NotOffered),
            Input::Say { text, .. } => {
                let text = clean(&text)?;
                self.pace.count(now, person)?;
                self.far_write(now, person, text);
            }
            Input::SayUnpaced { text, .. } => {
                let text = clean(&text)?;
                self.far_write(now, person, text);
            }
            Input::Away { away, .. } => {
                if let Some(far) = self.far_guest(person) {
                    far.away = away;
                }
                self.changed = true;
            }
            Input::Introduce { name, is_moderator, .. } => {
                if let Some(far) = self.far_guest(person) {
                    far.name = shown(&name);
                    far.entrant.is_moderator = is_moderator;
                }
                self.changed = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn far_join(
        &mut self,
        now: Instant,
        person: LegId,
        name: &str,
        attached: bool,
        papers: Papers,
        entrant: FarEntrant,
    ) -> Result<(), Denial> {
        match (&self.residence, papers) {
            (_, Papers::None) | (Residence::Livekit { .. }, Papers::Livekit(_)) => {}
            (Residence::Opentalk, Papers::Opentalk(papers)) => self.learn_the_way(&papers),
            _ => return Err(Denial::Refused(Cause::Forbidden)),
        }
        self.far.push(FarGuest {
            leg: person,
            name: shown(name),
            entrant,
            muted: false,
            muted_by_moderator: false,
            hand: false,
            speaking: false,
            away: false,
            attached,
            active: now,
            lines: VecDeque::new(),
            consent: None,
            tries: 0,
            retry_at: None,
        });
        self.changed = true;
        let (first, muted) = (false, false);
        self.say(Output::Tell(person, Notice::Joined { first, muted }));
        if attached {
            self.say(Output::Media(MediaOrder::Enter(person)));
        }
        Ok(())
    }

    /// Ends a far person's stay.
    pub(super) fn far_part(&mut self, person: LegId, cause: Cause) {
        self.dismiss(person);
        let Some(place) = self.far.iter().position(|far| far.leg == person) else {
            return;
        };
        let far = self.far.remove(place);
        if far.attached {
            self.say(Output::Media(MediaOrder::Leave(person)));
        }
        self.changed = true;
        self.say(Output::Tell(person, Notice::Ended(cause)));
    }

    fn far_attached(&mut self, person: LegId, attached: bool) -> Result<(), Denial> {
        let Some(far) = self.far_guest(person) else {
            return Ok(());
        };
        let was_attached = std::mem::replace(&mut far.attached, attached);
        let muted = far.muted;
        if was_attached == attached {
            return Ok(());
        }
        if attached {
            let stand_in = self.guest(person).ok();
            let silent = stand_in.map_or(muted, |guest| guest.told_silent);
            self.say(Output::Media(MediaOrder::Enter(person)));
            if silent {
                self.say(Output::Media(MediaOrder::Mute(person, true)));
            }
        } else {
            self.say(Output::Media(MediaOrder::Leave(person)));
        }
        if self.stands_in(person) {
            return self.attached(person, attached);
        }
        Ok(())
    }

    fn far_set_muted(&mut self, by: By, person: LegId, muted: bool) -> Result<(), Denial> {
        if self.stands_in(person) {
            return self.set_muted(by, person, muted);
        }
        let by_moderator = by != By::Person(person);
        if by_moderator {
            operator(by)?;
            if !muted {
                return Err(Denial::MayNotUnmuteOthers);
            }
        }
        let Some(far) = self.far_guest(person) else {
            return Ok(());
        };
        if far.muted == muted {
            return Ok(());
        }
        far.speaking = false;
        let attached = far.attached;
        if attached {
            self.say(Output::Media(MediaOrder::Mute(person, muted)));
        }
        let notice = if muted {
            Notice::Muted { by_moderator }
        } else {
            Notice::Unmuted
        };
        self.tell(person, notice);
        self.changed = true;
        Ok(())
    }

    fn far_raise_hand(&mut self, now: Instant, person: LegId) {
        let Some(far) = self.far_guest(person) else { return };
        if std::mem::replace(&mut far.hand, true) {
            return;
        }
        far.active = now;
        self.changed = true;
        self.say(Output::Tell(person, Notice::HandRaised));
        if self.stands_in(person) && self.residence == Residence::Opentalk {
            // Whoever is on the way catches up.
            let _ = self.raise_hand(person);
        }
    }

    fn far_lower_hand(&mut self, person: LegId, by_moderator: bool) {
        let Some(far) = self.far_guest(person) else { return };
        if !std::mem::take(&mut far.hand) {
            return;
        }
        self.changed = true;
        self.say(Output::Tell(person, Notice::HandLowered { by_moderator }));
        if self.guest(person).is_ok_and(|guest| guest.hand) {
            self.abroad(person, Deed::Say(Command::LowerHand));
        }
    }

    /// Shows a far person's line to our own guests at once, and to those elsewhere by the stand-in.
    fn far_write(&mut self, now: Instant, person: LegId, text: String) {
        let in_conference = self.residence == Residence::Opentalk;
        let announce = self.config.announce_chat;
        let is_in = self
            .guest(person)
            .is_ok_and(|guest| guest.phase == Phase::Inside && !guest.conference_lost);
        let Some(far) = self.far_guest(person) else { return };
        far.active = now;
        let name = far.name.clone();
        if in_conference && !is_in {
            if far.lines.len() >= WAITING_LINES {
                far.lines.pop_front();
            }
            far.lines.push_back(text.clone());
        }
        let (mut readers, mut called) = (Vec::new(), Vec::new());
        let ours = |guest: &&mut Guest| !guest.is_far && guest.phase == Phase::Inside;
        for guest in self.guests.iter_mut().filter(ours) {
            if guest.kind != Kind::Phone {
                readers.push(guest.leg);
            } else if announce && guest.last_chat.is_none_or(|last| last + CHAT_PACE <= now) {
                guest.last_chat = Some(now);
                called.push(guest.leg);
            }
        }
        for phone in called {
            self.tell(phone, Notice::ChatMessage);
        }
        readers.sort_unstable();
        if is_in && in_conference {
            self.abroad(person, Deed::Say(Command::Chat(text.clone())));
        }
        self.say(Output::Chat {
            from: Some(person),
            name,
            text,
            readers: readers.into(),
        });
    }

    /// Tells a far person's seat what concerns it; returns whether it was one.
    pub(super) fn tell_far(&mut self, person: LegId, notice: Notice) -> bool {
        let Some(far) = self.far_guest(person) else {
            return false;
        };
        if let (Notice::ConsentAsked, Some(given)) = (notice, far.consent) {
            // It said so before: the guest is there, for it was asked.
            let _ = self.consent(person, given);
        } else if let Some(notice) = far.told(notice) {
            self.changed = true;
            self.say(Output::Tell(person, notice));
        }
        true
    }

    /// Learns which of the far people the media plane hears.
    pub(super) fn far_speaking(&mut self, now: Instant, speakers: &[LegId]) {
        for far in &mut self.far {
            let speaking = far.attached && !far.muted && !far.away && speakers.contains(&far.leg);
            if speaking {
                far.active = now;
            }
            self.changed |= std::mem::replace(&mut far.speaking, speaking) != speaking;
        }
    }

    /// Remembers how a phone comes into the meeting: stand-ins come the same way.
    pub(super) fn learn_the_way(&mut self, papers: &OpentalkPapers) {
        self.way = Some((papers.meeting.clone(), papers.pin.clone()));
    }

    /// Does in the conference what the person did while its stand-in was on the way.
    pub(super) fn catch_up(&mut self, person: LegId) {
        let Some(far) = self.far_guest(person) else { return };
        (far.tries, far.retry_at) = (0, None);
        let (hand, lines) = (far.hand, std::mem::take(&mut far.lines));
        if hand && self.residence == Residence::Opentalk {
            // It is in: the conference said so.
            let _ = self.raise_hand(person);
        }
        for line in lines {
            self.abroad(person, Deed::Say(Command::Chat(line)));
        }
    }

    /// Takes a hand down that came up after the person had taken its own down.
    pub(super) fn follow_far_hand(&mut self, person: LegId) {
        if self.far_guest(person).is_some_and(|far| !far.hand) {
            self.abroad(person, Deed::Say(Command::LowerHand));
        }
    }

    /// Sees who needs a stand-in and whose may go.
    pub(super) fn see_to_stand_ins(&mut self, now: Instant) {
        self.look_again = None;
        if self.far.is_empty() || self.closed {
            return;
        }
        let keeper = self.keeper();
        let is_over =
            |far: &&FarGuest| Some(far.leg) != keeper && !far.speaking && !far.hand && far.active + QUIET <= now;
        let over: Vec<LegId> = self.far.iter().filter(is_over).map(|far| far.leg).collect();
        for person in over {
            self.dismiss(person);
        }
        for far in &mut self.far {
            far.retry_at = far.retry_at.filter(|at| *at > now);
        }
        while let Some(person) = self.next_to_come() {
            if self.stand_ins() >= self.config.stand_ins && !self.make_room(now, person) {
                break;
            }
            self.send_stand_in(now, person);
        }
    }

    /// Returns when that is due again.
    pub(super) fn stand_ins_deadline(&self) -> Option<Instant> {
        let keeper = self.keeper();
        let quiet = self
            .far
            .iter()
            .filter(|far| Some(far.leg) != keeper && !far.speaking && !far.hand && self.stands_in(far.leg));
        let quiet = quiet.map(|far| far.active + QUIET).min();
        let retry = self.far.iter().filter_map(|far| far.retry_at).min();
        [quiet, retry, self.look_again].into_iter().flatten().min()
    }

    /// A stand-in is out: removed with its person, or for a cause that passes.
    pub(super) fn stand_in_over(&mut self, person: LegId, cause: Cause) {
        if matches!(cause, Cause::Removed | Cause::Banned | Cause::Debriefed) {
            return self.far_part(person, Cause::Removed);
        }
        self.dismiss(person);
        let clock = self.clock;
        if let Some(far) = self.far_guest(person) {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(far.tries.min(8));
            far.tries = far.tries.saturating_add(1);
            far.retry_at = Some(clock + pause.min(LONGEST_PAUSE));
        }
    }

    /// Finds the stand-in that listens, while no phone of ours does.
    fn keeper(&self) -> Option<LegId> {
        let far = self.far.iter().filter(|far| self.stands_in(far.leg));
        far.max_by_key(|far| far.rank())
            .map(|far| far.leg)
            .filter(|_| self.nobody_listens())
    }

    fn nobody_listens(&self) -> bool {
        !self.guests.iter().any(|guest| !guest.is_far && guest.attached)
    }

    fn next_to_come(&self) -> Option<LegId> {
        let in_conference = self.residence == Residence::Opentalk;
        let has_way = !in_conference || self.way.is_some();
        // One comes to listen.
        let none_listens = self.nobody_listens() && self.stand_ins() == 0;
        let wants = |far: &&FarGuest| {
            let silently = in_conference && (far.hand || !far.lines.is_empty());
            let may = has_way && far.retry_at.is_none() && (in_conference || far.attached);
            may && (far.speaking || silently || none_listens) && !self.stands_in(far.leg)
        };
        let waiting = self.far.iter().filter(wants);
        waiting.max_by_key(|far| far.rank()).map(|far| far.leg)
    }

    /// Sends away whoever has been quiet the longest, if it matters less.
    fn make_room(&mut self, now: Instant, person: LegId) -> bool {
        let Some(rank) = self.far_guest(person).map(|far| far.rank()) else {
            return false;
        };
        let standing = self.far.iter().filter(|far| self.stands_in(far.leg));
        let Some(least) = standing.min_by_key(|far| far.rank()) else {
            return false;
        };
        if least.rank() >= rank || least.speaking {
            return false;
        }
        if least.active + LOUD > now {
            self.look_again = Some(least.active + LOUD);
            return false;
        }
        let least = least.leg;
        self.dismiss(least);
        true
    }

    fn send_stand_in(&mut self, now: Instant, person: LegId) {
        let papers = match (&self.residence, &self.way) {
            (Residence::Opentalk, Some((meeting, pin))) => {
                let (meeting, pin) = (meeting.clone(), pin.clone());
                let Some(far) = self.far_guest(person) else { return };
                Papers::Opentalk(OpentalkPapers {
                    admission: None,
                    meeting,
                    pin,
                    name: Name::new(&far.name_abroad(), ""),
                })
            }
            _ => Papers::Livekit(Vec::new()),
        };
        let Some(far) = self.far_guest(person) else { return };
        let mut guest = Guest::new(now, person, far.name.clone(), Kind::Federated, far.attached);
        guest.is_far = true;
        guest.muted = far.muted;
        guest.muted_by_moderator = far.muted_by_moderator;
        guest.told_silent = far.muted;
        self.guests.push(guest);
        self.abroad(person, Deed::Attend(papers));
        if let Residence::Livekit { .. } = self.residence {
            self.enter_hall(person, None);
        }
    }

    /// Takes a stand-in back; the person stays.
    fn dismiss(&mut self, person: LegId) {
        let Some(place) = self.guests.iter().position(|guest| guest.is_far && guest.leg == person) else {
            return;
        };
        let guest = self.guests.remove(place);
        self.departs(guest.id);
        self.abroad(person, Deed::Leave);
        let far = self.far.iter().find(|far| far.leg == person);
        if let Some((attached, muted)) = far.map(|far| (far.attached, far.muted))
            && attached
            && guest.told_silent != muted
        {
            self.say(Output::Media(MediaOrder::Mute(person, muted)));
        }
        self.changed = true;
    }

    fn stand_ins(&self) -> usize {
        self.guests.iter().filter(|guest| guest.is_far).count()
    }

    fn stands_in(&self, person: LegId) -> bool {
        self.guests.iter().any(|guest| guest.is_far && guest.leg == person)
    }

    fn far_guest(&mut self, person: LegId) -> Option<&mut FarGuest> {
        self.far.iter_mut().find(|far| far.leg == person)
    }
}

fn shown(name: &str) -> String {
    let name = names::clean(name);
    if name.is_empty() { "Gast".to_owned() } else { name }
}
