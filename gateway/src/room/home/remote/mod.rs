// SPDX-License-Identifier: EUPL-1.2
//! A room that lives elsewhere, as this gateway's phones are in it: in LiveKit, or in a meeting of OpenTalk.
//!
//! ```text
//! Input (keys, operator) ─▶ RemoteRoom ─▶ Output::Tell, Media(Mute), Abroad(person, Deed) ─▶ the guest's task
//!                               ▲                                                              │
//!                               └───────────────────── Input::News ◀────────────────────────────┘
//! ```
//! The home elsewhere decides who is in, who may speak and who is told; this core follows, and keeps each microphone
//! closed until it is sure that it may be open. Locks, waiting rooms and moderation are the other home's own.

/// What guests and their conference write to each other.
mod chat;
/// What a guest's conference has to say.
mod conference;
/// Whom a recording may take, of the conference or of a partner.
mod consent;
/// People of partners, and their stand-ins elsewhere.
mod far;
/// One phone in a room that lives elsewhere.
mod guest;
/// What LiveKit has to say about a guest.
mod hall;
/// The partners, and one queue of hands.
mod joint;
/// What such a room does, told as short plays.
#[cfg(test)]
mod tests;
/// What is wanted elsewhere, and what comes back.
mod words;

use std::collections::VecDeque;
use std::time::Instant;

use landbridge_opentalk::{Command, Place};

use super::Home;
use crate::call::{Cause, Floor, LegId, Role, Voices};
use crate::room::chat::Pace;
use crate::room::joint::JointSession;
use crate::room::{By, Denial, Input, MediaOrder, Notice, Output, Person, Residence, RoomConfig, Roster};
pub use conference::refusal;
use far::FarGuest;
use guest::{Consent, EXPLANATION, Guest, Phase, SLOW, TOO_SLOW};
pub use words::{Deed, HallEnd, HallNews, HallPerson, News, OpentalkPapers, Papers};

/// The most ids of former guests that are remembered.
const MOST_DEPARTED: usize = 256;

/// A room that lives elsewhere.
pub(super) struct RemoteRoom {
    config: RoomConfig,
    residence: Residence,
    guests: Vec<Guest>,
    /// Everybody else, as last told.
    others: Vec<Other>,
    /// Who is in LiveKit, as last told there.
    heard: Vec<HallPerson>,
    /// Under which leg each of them is listed and heard.
    voices: Voices,
    /// The conference's ids of guests that are out, or in again under another: it may go on speaking of them.
    departed: VecDeque<String>,
    /// Those in the partners' halves of the joint session.
    far: Vec<FarGuest>,
    /// With whom the room is shared.
    joint: JointSession,
    /// The conference is recorded or streamed.
    recorded: bool,
    /// A partner's half is.
    partners_record: bool,
    /// Raised hands, first come first.
    queue: Vec<LegId>,
    /// Meeting id and PIN, once known.
    way: Option<(String, String)>,
    /// When a stand-in may give way to another.
    look_again: Option<Instant>,
    /// When the last event came.
    clock: Instant,
    outputs: VecDeque<Output>,
    pace: Pace,
    changed: bool,
    closed: bool,
    empty_since: Option<Instant>,
}

/// Somebody who is not a phone of this gateway.
#[derive(Debug)]
struct Other {
    id: String,
    person: Person,
}

/// Opens a room whose home is not the gateway.
pub(super) fn open(now: Instant, config: RoomConfig, residence: Residence) -> Box<dyn Home> {
    Box::new(RemoteRoom {
        config,
        residence,
        guests: Vec::new(),
        others: Vec::new(),
        heard: Vec::new(),
        voices: Voices::default(),
        departed: VecDeque::new(),
        far: Vec::new(),
        joint: JointSession::default(),
        recorded: false,
        partners_record: false,
        queue: Vec::new(),
        way: None,
        look_again: None,
        clock: now,
        outputs: VecDeque::new(),
        pace: Pace::default(),
        changed: false,
        closed: false,
        empty_since: Some(now),
    })
}

impl Home for RemoteRoom {
    fn handle(&mut self, now: Instant, input: Input) {
        let wants_answer = !matches!(input, Input::Speaking(_) | Input::Timeout | Input::News { .. });
        let answer = if self.closed {
            Err(Denial::Refused(Cause::RoomEnded))
        } else {
            self.clock = now;
            let answer = match self.far_concerned(&input) {
                Some(person) => self.of_far(now, person, input),
                None => self.take(now, input),
            };
            self.see_to_stand_ins(now);
            if self.changed {
                self.see_to_queue();
            }
            answer
        };
        if std::mem::take(&mut self.changed) {
            self.say(Output::Roster);
        }
        if wants_answer {
            self.say(Output::Answer(answer));
        }
        if !self.guests.is_empty() || !self.far.is_empty() {
            self.empty_since = None;
        } else if self.empty_since.is_none() {
            self.empty_since = Some(now);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let empty = self.empty_since.map(|since| since + self.config.linger);
        let guests = self.guests.iter().filter_map(Guest::deadline).min();
        let (stand_ins, joint) = (self.stand_ins_deadline(), self.joint.deadline());
        [empty, guests, stand_ins, joint]
            .into_iter()
            .flatten()
            .min()
            .filter(|_| !self.closed)
    }

    fn roster(&self) -> Roster {
        let ours = self.guests.iter().filter(|guest| !guest.is_far);
        let ours = ours.map(|guest| Person {
            leg: guest.leg,
            name: guest.name.clone(),
            kind: guest.kind,
            role: Role::Participant,
            muted: guest.is_silent(),
            muted_by_moderator: guest.muted_by_moderator || guest.is_restricted(),
            hand: self.place_in_queue(guest.leg),
            speaking: guest.speaking,
            waiting: guest.phase != Phase::Inside,
            origin: None,
            away: false,
            consent: guest.consent.answer(),
        });
        let (inside, waiting): (Vec<Person>, Vec<Person>) =
            ours.chain(self.far_people()).partition(|person| !person.waiting);
        let others = self.others.iter().map(|other| Person {
            hand: self.place_in_queue(other.person.leg),
            ..other.person.clone()
        });
        Roster {
            key: self.config.key,
            id: self.config.id.clone(),
            name: self.config.name.clone(),
            home: self.residence.as_str(),
            locked: false,
            waiting_room: false,
            recorded: self.recorded,
            started: self.config.started,
            people: inside.into_iter().chain(others).chain(waiting).collect(),
            joint: self.joint.partners().to_vec(),
        }
    }
}

impl RemoteRoom {
    fn take(&mut self, now: Instant, input: Input) -> Result<(), Denial> {
        match input {
            Input::Join {
                person,
                name,
                kind,
                attached,
                papers,
                ..
            } => self.join(Guest::new(now, person, name, kind, attached), papers),
            Input::Leave { person, cause } => self.part(person, cause),
            Input::Remove { by, person } => {
                operator(by)?;
                self.of_ours(person)?;
                self.part(person, Cause::Removed)
            }
            Input::End { by } => {
                operator(by)?;
                self.close(Cause::RoomEnded);
                Ok(())
            }
            Input::Close(cause) => {
                self.close(cause);
                Ok(())
            }
            Input::SetMuted { by, person, muted } => self.set_muted(by, person, muted),
            Input::RaiseHand { person } => self.raise_hand(person),
            Input::LowerHand { by, person } => self.lower_hand(by, person),
            Input::Consent { person, given } => self.consent(person, given),
            Input::ChangeRoom { person } => self.change_room(person),
            Input::Invitation { person, number, state } => {
                self.guest(person)?;
                self.tell(person, Notice::Invitation { number, state });
                Ok(())
            }
            Input::Say { person, text } => self.write(now, person, &text),
            Input::Relay { .. } | Input::SayUnpaced { .. } | Input::Away { .. } | Input::Introduce { .. } => {
                Err(Denial::NotOffered)
            }
            Input::ArrangeHands(order) => {
                self.arrange_hands(&order);
                Ok(())
            }
            Input::Joint(partners) => {
                self.set_joint(partners);
                Ok(())
            }
            Input::PartnersRecord(recording) => {
                self.set_partners_record(recording);
                Ok(())
            }
            // Moderators would be told, and there are none of ours.
            Input::DeniedBy(deployment) => self.joint.id_of(&deployment).map(drop).ok_or(Denial::NoSuchPerson),
            Input::Key { person, key } => {
                let inside = self.guest(person)?.in_hall;
                if inside && matches!(self.residence, Residence::Livekit { .. }) {
                    self.abroad(person, Deed::Key(key));
                }
                Ok(())
            }
            Input::News { person, news } => {
                match news {
                    News::Conference(event) => self.conference(now, person, *event),
                    News::Hall(news) => self.hall(now, person, news),
                }
                Ok(())
            }
            Input::Timeout => {
                self.timeout(now);
                self.tell_joint();
                Ok(())
            }
            Input::Attached(person) => self.attached(person, true),
            Input::Detached { person, .. } => self.attached(person, false),
            Input::Speaking(speakers) => {
                self.speaking(&speakers);
                self.far_speaking(now, &speakers);
                Ok(())
            }
            Input::Lock { by, .. }
            | Input::WaitingRoom { by, .. }
            | Input::Admit { by, .. }
            | Input::AdmitAll { by } => {
                operator(by)?;
                Err(Denial::NotOffered)
            }
        }
    }

    fn join(&mut self, guest: Guest, papers: Papers) -> Result<(), Denial> {
        let ours = self.guests.iter().filter(|guest| !guest.is_far);
        if ours.count() >= self.config.max_people {
            return Err(Denial::Refused(Cause::Full));
        }
        // Whoever comes without the right papers is not of this home: a browser of the page, or another meeting's phone.
        match (&self.residence, &papers) {
            (Residence::Livekit { .. }, Papers::Livekit(_)) | (Residence::Opentalk, Papers::Opentalk(_)) => {}
            _ => return Err(Denial::Refused(Cause::Forbidden)),
        }
        if let Papers::Opentalk(papers) = &papers {
            self.learn_the_way(papers);
        }
        let person = guest.leg;
        self.guests.push(guest);
        self.changed = true;
        self.abroad(person, Deed::Attend(papers));
        if let Residence::Livekit { .. } = self.residence {
            self.enter_hall(person, None);
            self.without_sound(person);
        }
        Ok(())
    }

    /// Lets a guest who only reads and writes into a room of LiveKit, which has nothing to say to it.
    fn without_sound(&mut self, person: LegId) {
        let first = self.guests.len() <= 1 && self.others.is_empty();
        let Ok(guest) = self.guest(person) else { return };
        if !guest.attached {
            guest.phase = Phase::Inside;
            guest.has_been_inside = true;
            self.tell(person, Notice::Joined { first, muted: false });
            self.tell_partners(person);
        }
    }

    /// Takes a guest's sound up, or down.
    fn attached(&mut self, person: LegId, attached: bool) -> Result<(), Denial> {
        let in_conference = self.residence == Residence::Opentalk;
        let guest = self.guest(person)?;
        let was_attached = std::mem::replace(&mut guest.attached, attached);
        let is_inside = guest.phase == Phase::Inside;
        if attached && !was_attached && is_inside {
            if in_conference {
                self.abroad(person, Deed::Say(Command::NewCredentials));
            } else {
                self.enter_hall(person, None);
            }
        } else if was_attached && !attached && is_inside {
            guest.in_hall = false;
            guest.out_since = None;
            self.abroad(person, Deed::LeaveHall);
        }
        Ok(())
    }

    fn set_muted(&mut self, by: By, person: LegId, muted: bool) -> Result<(), Denial> {
        let of_own_will = by == By::Person(person);
        if !of_own_will {
            operator(by)?;
            if !muted {
                return Err(Denial::MayNotUnmuteOthers);
            }
            self.of_ours(person)?;
        }
        let guest = self.guest(person)?;
        if !muted {
            let notice = match guest.consent {
                Consent::Asked => Some(Notice::ConsentAsked),
                Consent::Refused => Some(Notice::ConsentRefused),
                _ if guest.is_restricted() => Some(Notice::MicrophonesRestricted),
                _ => None,
            };
            if let Some(notice) = notice {
                self.tell(person, notice);
                return Ok(());
            }
        }
        guest.muted = muted;
        guest.muted_by_moderator = muted && !of_own_will;
        self.changed = true;
        self.open_or_close(person);
        let notice = if muted {
            Notice::Muted {
                by_moderator: !of_own_will,
            }
        } else {
            Notice::Unmuted
        };
        self.tell(person, notice);
        Ok(())
    }

    fn raise_hand(&mut self, person: LegId) -> Result<(), Denial> {
        let in_conference = self.residence == Residence::Opentalk;
        let guest = self.guest(person)?;
        if guest.phase != Phase::Inside {
            return Err(Denial::Waiting);
        }
        if guest.conference_lost {
            self.tell(person, Notice::Reconnecting);
            return Ok(());
        }
        // LiveKit alone knows no hands.
        if !in_conference || !guest.hands_enabled {
            self.tell(person, Notice::HandsDisabled);
            return Ok(());
        }
        guest.hand_asked = true;
        self.abroad(person, Deed::Say(Command::RaiseHand));
        Ok(())
    }

    fn lower_hand(&mut self, by: By, person: LegId) -> Result<(), Denial> {
        if by != By::Person(person) {
            operator(by)?;
            self.of_ours(person)?;
        }
        let guest = self.guest(person)?;
        if guest.hand {
            guest.hand_taken = by != By::Person(person);
            self.abroad(person, Deed::Say(Command::LowerHand));
        }
        Ok(())
    }

    fn change_room(&mut self, person: LegId) -> Result<(), Denial> {
        let guest = self.guest(person)?;
        if guest.conference_lost {
            self.tell(person, Notice::Reconnecting);
            return Ok(());
        }
        let to = match (guest.place, guest.breakout) {
            (Place::Breakout(_), _) => Place::Main,
            (Place::Main, Some(room)) => Place::Breakout(room),
            (Place::Main, None) => return Err(Denial::NotOffered),
        };
        self.abroad(person, Deed::Say(Command::Switch(to)));
        Ok(())
    }

    /// Brings a guest into LiveKit, with its microphone as it has to be there.
    fn enter_hall(&mut self, person: LegId, credentials: Option<landbridge_opentalk::Credentials>) {
        self.open_or_close(person);
        let Ok(guest) = self.guest(person) else { return };
        guest.in_hall = false;
        guest.out_since = None;
        if !guest.attached {
            guest.on_the_way_since = None;
            return;
        }
        let (muted, in_main) = (guest.is_closed(), guest.place == Place::Main);
        let floor = in_main.then(|| Floor {
            room: self.config.key,
            voices: self.voices.clone(),
        });
        let deed = Deed::EnterHall {
            credentials,
            muted,
            floor,
        };
        self.abroad(person, deed);
    }

    /// Learns whom of our guests the media plane hears.
    fn speaking(&mut self, speakers: &[LegId]) {
        for guest in &mut self.guests {
            let speaking = guest.phase == Phase::Inside && !guest.is_silent() && speakers.contains(&guest.leg);
            self.changed |= std::mem::replace(&mut guest.speaking, speaking) != speaking;
        }
    }

    /// Remembers an id under which the conference may still speak of a guest.
    fn departs(&mut self, id: Option<String>) {
        if self.departed.len() >= MOST_DEPARTED {
            self.departed.pop_front();
        }
        self.departed.extend(id);
    }

    /// Opens or closes a microphone where that has changed.
    fn open_or_close(&mut self, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        let silent = guest.is_silent();
        if guest.told_silent == silent {
            return;
        }
        guest.told_silent = silent;
        let (in_hall, attached) = (guest.in_hall, guest.attached);
        self.changed = true;
        if attached {
            self.say(Output::Media(MediaOrder::Mute(person, silent)));
        }
        if in_hall {
            self.abroad(person, Deed::MuteHall(silent));
        }
    }

    /// Ends one guest's stay.
    fn part(&mut self, person: LegId, cause: Cause) -> Result<(), Denial> {
        let guest = self.guest(person)?;
        if guest.is_far {
            self.stand_in_over(person, cause);
            return Ok(());
        }
        let id = guest.id.take();
        self.departs(id);
        self.guests.retain(|guest| guest.leg != person);
        if self.guests.is_empty() {
            // Nobody tells any more who else is there.
            self.others.clear();
            self.heard.clear();
        }
        self.changed = true;
        self.abroad(person, Deed::Leave);
        self.tell(person, Notice::Ended(cause));
        Ok(())
    }

    fn close(&mut self, cause: Cause) {
        let far: Vec<LegId> = self.far.iter().map(|far| far.leg).collect();
        for person in far {
            self.far_part(person, cause);
        }
        let people: Vec<LegId> = self.guests.iter().map(|guest| guest.leg).collect();
        for person in people {
            // Each of them is there: the list was just made.
            let _ = self.part(person, cause);
        }
        self.closed = true;
        self.say(Output::Closed);
    }

    fn timeout(&mut self, now: Instant) {
        let due = |guest: &&Guest| guest.deadline().is_some_and(|deadline| deadline <= now);
        let people: Vec<LegId> = self.guests.iter().filter(due).map(|guest| guest.leg).collect();
        for person in people {
            self.look_after(now, person);
        }
        if self.empty_since.is_some_and(|since| since + self.config.linger <= now) {
            self.closed = true;
            self.say(Output::Closed);
        }
    }

    fn look_after(&mut self, now: Instant, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        if guest.out_since.is_some_and(|(since, _)| since + EXPLANATION <= now) {
            return self.way_back(now, person);
        }
        let Some(since) = guest.on_the_way_since else { return };
        if since + TOO_SLOW <= now {
            // The guest is there: it was found above.
            let _ = self.part(person, Cause::Unreachable);
        } else if since + SLOW <= now && !std::mem::replace(&mut guest.told_slow, true) {
            self.tell(person, Notice::Connecting);
        }
    }

    fn guest(&mut self, person: LegId) -> Result<&mut Guest, Denial> {
        self.guests
            .iter_mut()
            .find(|guest| guest.leg == person)
            .ok_or(Denial::NoSuchPerson)
    }

    fn abroad(&mut self, person: LegId, deed: Deed) {
        self.say(Output::Abroad(person, deed));
    }

    fn tell(&mut self, person: LegId, notice: Notice) {
        if !self.tell_far(person, notice) {
            self.say(Output::Tell(person, notice));
        }
    }

    /// What participants elsewhere do is none of ours to command.
    fn of_ours(&self, person: LegId) -> Result<(), Denial> {
        let is_other = self.others.iter().any(|other| other.person.leg == person);
        if is_other { Err(Denial::NotOffered) } else { Ok(()) }
    }

    fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

fn operator(by: By) -> Result<(), Denial> {
    match by {
        By::Operator => Ok(()),
        By::Person(_) => Err(Denial::NotModerator),
    }
}
