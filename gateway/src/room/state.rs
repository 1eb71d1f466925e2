// SPDX-License-Identifier: EUPL-1.2
//! The core of a room: people come, speak, raise hands and go.
//!
//! ```text
//!            Join                      Admit | moderator | waiting room off
//!   outside ──────▶ waiting (if on) ──────────────▶ present ──▶ Leave · Remove · End
//!                                                    │ attached: Media(Enter) … Media(Leave)
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::chat::{self, Pace, Readers};
use crate::room::federated::{Far, LastTone};
use crate::room::joint::JointSession;
use crate::room::{
    By, Chime, Denial, FarEntrant, Input, MediaOrder, Notice, Output, Papers, Person, Residence, RoomKey, Roster, names,
};

/// Counts the lines that come from elsewhere; nobody has this id.
const ELSEWHERE: LegId = LegId(0);

/// How one room behaves.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// This life of the room.
    pub key: RoomKey,
    /// The meeting id.
    pub id: String,
    /// The meeting's name.
    pub name: String,
    /// The most people present at once; as many again may wait.
    pub max_people: usize,
    /// Whether newcomers wait for a moderator.
    pub waiting_room: bool,
    /// How long an empty room keeps its state.
    pub linger: Duration,
    /// How long somebody may wait to be let in.
    pub longest_wait: Duration,
    /// Up to how many people present a tone tells who comes and goes.
    pub chime_up_to: usize,
    /// Whether people hear that somebody wrote in the chat.
    pub announce_chat: bool,
    /// The most far people who are guests of their own where the room lives at a time.
    pub stand_ins: usize,
    /// When this life of the room begins.
    pub started: SystemTime,
}

/// One live room.
#[derive(Debug)]
pub struct Room {
    pub(super) config: RoomConfig,
    pub(super) locked: bool,
    pub(super) present: Vec<Member>,
    pub(super) waiting: Vec<Member>,
    /// Oldest first.
    pub(super) hands: Vec<LegId>,
    pub(super) changed: bool,
    pub(super) closed: bool,
    /// Who is present, for the chat; nothing once that has changed.
    pub(super) readers: Option<Readers>,
    /// With whom the room is shared.
    pub(super) joint: JointSession,
    pub(super) last_far_tone: LastTone,
    /// When the last event came.
    pub(super) clock: Instant,
    pace: Pace,
    empty_since: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) leg: LegId,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) role: Role,
    pub(super) muted: bool,
    pub(super) muted_by_moderator: bool,
    pub(super) speaking: bool,
    attached: bool,
    /// When the person came.
    since: Instant,
    /// What else there is to know of somebody in a partner's half of a joint session.
    pub(super) far: Option<Far>,
}

impl Room {
    /// Opens an empty room.
    pub fn new(now: Instant, config: RoomConfig) -> Room {
        Room {
            config,
            locked: false,
            present: Vec::new(),
            waiting: Vec::new(),
            hands: Vec::new(),
            changed: false,
            closed: false,
            readers: None,
            joint: JointSession::default(),
            last_far_tone: None,
            clock: now,
            pace: Pace::default(),
            empty_since: Some(now),
            outputs: VecDeque::new(),
        }
    }

    /// Takes a snapshot for those who look on.
    pub fn roster(&self) -> Roster {
        let entry = |member: &Member, waiting| Person {
            leg: member.leg,
            name: member.name.clone(),
            kind: member.kind,
            role: member.shown_role(),
            muted: member.muted,
            muted_by_moderator: member.muted_by_moderator,
            hand: self
                .hands
                .iter()
                .position(|leg| *leg == member.leg)
                .map(|place| place + 1),
            speaking: member.speaking,
            waiting,
            origin: member.far.as_ref().map(|far| Arc::clone(&far.entrant.authority)),
            away: member.is_away(),
            consent: None,
        };
        let present = self.present.iter().map(|member| entry(member, false));
        let waiting = self.waiting.iter().map(|member| entry(member, true));
        Roster {
            key: self.config.key,
            id: self.config.id.clone(),
            name: self.config.name.clone(),
            home: Residence::Local.as_str(),
            locked: self.locked,
            waiting_room: self.config.waiting_room,
            recorded: false,
            started: self.config.started,
            people: present.chain(waiting).collect(),
            joint: self.joint.partners().to_vec(),
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.clock = now;
        if self.closed {
            if !matches!(input, Input::Speaking(_) | Input::Timeout | Input::News { .. }) {
                self.say(Output::Answer(Err(Denial::Refused(Cause::RoomEnded))));
            }
            return;
        }
        let answer = match input {
            Input::Speaking(speakers) => {
                self.speaking(&speakers);
                None
            }
            Input::Timeout => {
                self.give_up_waiting(now);
                self.tell_joint(now);
                self.closed = self.empty_until().is_some_and(|end| end <= now);
                None
            }
            Input::Join {
                person,
                name,
                kind,
                role,
                attached,
                papers: Papers::None,
                far,
            } => Some(self.join(person, &name, kind, role, attached, far)),
            // Whoever was let into another home is not let in here.
            Input::Join { .. } => Some(Err(Denial::Refused(Cause::Forbidden))),
            Input::Leave { person, cause } => Some(self.leave(person, cause)),
            Input::Attached(person) => Some(self.attached(person)),
            Input::Detached { person, failed } => Some(self.detached(person, failed)),
            Input::SetMuted { by, person, muted } => Some(self.set_muted(by, person, muted)),
            Input::RaiseHand { person } => Some(self.raise_hand(person)),
            Input::LowerHand { by, person } => Some(self.lower_hand(by, person)),
            Input::Remove { by, person } => Some(self.remove(by, person)),
            Input::Lock { by, locked } => Some(self.lock(by, locked)),
            Input::WaitingRoom { by, enabled } => Some(self.set_waiting_room(by, enabled)),
            Input::Admit { by, person } => Some(self.admit(by, person)),
            Input::AdmitAll { by } => Some(self.admit_all(by)),
            Input::End { by } => Some(self.end(by)),
            Input::Consent { .. } | Input::ChangeRoom { .. } => Some(Err(Denial::NotOffered)),
            Input::Key { .. } => Some(Ok(())),
            Input::Invitation { person, number, state } => Some(
                self.present_member(person)
                    .map(drop)
                    .map(|()| self.tell(person, Notice::Invitation { number, state })),
            ),
            Input::Say { person, text } => Some(self.write(now, person, &text)),
            Input::SayUnpaced { person, text } => Some(self.write_unpaced(person, &text)),
            Input::Away { person, away } => Some(self.set_away(person, away)),
            Input::Introduce {
                person,
                name,
                is_moderator,
            } => Some(self.introduce(person, &name, is_moderator)),
            Input::ArrangeHands(order) => {
                self.arrange_hands(&order);
                Some(Ok(()))
            }
            Input::Joint(partners) => {
                self.set_joint(partners);
                Some(Ok(()))
            }
            Input::PartnersRecord(_) => Some(Err(Denial::NotOffered)),
            Input::DeniedBy(deployment) => Some(self.denied_by(&deployment)),
            Input::Relay { name, text } => Some(self.relay(now, &name, &text)),
            Input::News { .. } => None,
            Input::Close(cause) => {
                self.close(cause);
                Some(Ok(()))
            }
        };
        if std::mem::take(&mut self.changed) {
            self.say(Output::Roster);
        }
        if let Some(answer) = answer {
            self.say(Output::Answer(answer));
        }
        if self.closed {
            self.say(Output::Closed);
        }
        if !self.present.is_empty() || !self.waiting.is_empty() {
            self.empty_since = None;
        } else if self.empty_since.is_none() {
            self.empty_since = Some(now);
        }
    }

    /// Returns the next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when `handle(now, Input::Timeout)` is due: an empty room waits for its end, people for being let in.
    pub fn deadline(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let first_waiting = self
            .waiting
            .first()
            .map(|member| member.since + self.config.longest_wait);
        [self.empty_until(), first_waiting, self.joint.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn empty_until(&self) -> Option<Instant> {
        self.empty_since.map(|since| since + self.config.linger)
    }

    /// Sends those out whom nobody let in for too long.
    fn give_up_waiting(&mut self, now: Instant) {
        while let Some(member) = self
            .waiting
            .first()
            .filter(|member| member.since + self.config.longest_wait <= now)
        {
            let person = member.leg;
            if self.leave(person, Cause::NoAnswer).is_err() {
                return;
            }
        }
    }

    fn join(
        &mut self,
        person: LegId,
        name: &str,
        kind: Kind,
        role: Role,
        attached: bool,
        far: Option<FarEntrant>,
    ) -> Result<(), Denial> {
        if self.member(person).is_some() {
            return Err(Denial::Refused(Cause::Internal));
        }
        let is_far = far.is_some();
        let role = if is_far { Role::Participant } else { role };
        let passes = is_far || role == Role::Moderator;
        if self.locked && !passes {
            return Err(Denial::Refused(Cause::Locked));
        }
        let waits = self.config.waiting_room && !passes;
        let taken = if waits { self.waiting.len() } else { self.ours_present() };
        if !is_far && taken >= self.config.max_people {
            return Err(Denial::Refused(Cause::Full));
        }
        let name = self.free_name(name, kind);
        let member = Member {
            leg: person,
            name,
            kind,
            role,
            muted: false,
            muted_by_moderator: false,
            speaking: false,
            attached,
            since: self.clock,
            far: far.map(Far::from),
        };
        self.changed = true;
        if waits {
            self.waiting.push(member);
            self.tell(person, Notice::Waiting);
        } else {
            let first = self.present.is_empty();
            self.tell(person, Notice::Joined { first, muted: false });
            self.seat(member);
        }
        Ok(())
    }

    /// Lets a person into the room proper; the caller has told the person.
    pub(super) fn seat(&mut self, member: Member) {
        let (leg, attached, muted) = (member.leg, member.attached, member.muted);
        let is_far = member.far.is_some();
        if !self.present.is_empty() && (!is_far || self.may_chime_for_far()) {
            self.chime(Chime::Joined);
        }
        self.present.push(member);
        self.readers = None;
        if attached {
            self.enter(leg, muted);
        }
        if !is_far {
            self.tell_partners(leg);
        }
        self.changed = true;
    }

    /// Takes a person out, who is told `cause`.
    pub(super) fn leave(&mut self, person: LegId, cause: Cause) -> Result<(), Denial> {
        if let Some(place) = self.waiting.iter().position(|member| member.leg == person) {
            self.waiting.remove(place);
        } else if let Some(place) = self.present.iter().position(|member| member.leg == person) {
            let member = self.present.remove(place);
            self.readers = None;
            self.hands.retain(|leg| *leg != person);
            if member.attached {
                self.say(Output::Media(MediaOrder::Leave(person)));
            }
            if !self.present.is_empty() && (member.far.is_none() || self.may_chime_for_far()) {
                self.chime(Chime::Left);
            }
        } else {
            return Err(Denial::NoSuchPerson);
        }
        self.changed = true;
        self.tell(person, Notice::Ended(cause));
        Ok(())
    }

    fn attached(&mut self, person: LegId) -> Result<(), Denial> {
        let member = self.member_mut(person).ok_or(Denial::NoSuchPerson)?;
        let (was_attached, muted) = (member.attached, member.muted);
        member.attached = true;
        if !was_attached && self.is_present(person) {
            self.enter(person, muted);
        }
        Ok(())
    }

    fn detached(&mut self, person: LegId, failed: bool) -> Result<(), Denial> {
        let member = self.member_mut(person).ok_or(Denial::NoSuchPerson)?;
        let was_attached = std::mem::take(&mut member.attached);
        let was_speaking = std::mem::take(&mut member.speaking);
        self.changed |= was_speaking;
        if was_attached && self.is_present(person) {
            self.say(Output::Media(MediaOrder::Leave(person)));
        }
        if was_attached && failed {
            self.tell(person, Notice::MediaFailed);
        }
        Ok(())
    }

    fn raise_hand(&mut self, person: LegId) -> Result<(), Denial> {
        self.present_member(person)?;
        if !self.hands.contains(&person) {
            self.hands.push(person);
            self.tell(person, Notice::HandRaised);
            self.changed = true;
        }
        Ok(())
    }

    fn speaking(&mut self, speakers: &[LegId]) {
        for member in &mut self.present {
            let may_speak = member.attached && !member.muted && !member.is_away();
            let speaks = may_speak && speakers.contains(&member.leg);
            self.changed |= speaks != member.speaking;
            member.speaking = speaks;
        }
    }

    fn enter(&mut self, leg: LegId, muted: bool) {
        self.say(Output::Media(MediaOrder::Enter(leg)));
        if muted {
            self.say(Output::Media(MediaOrder::Mute(leg, true)));
        }
    }

    fn write(&mut self, now: Instant, person: LegId, text: &str) -> Result<(), Denial> {
        let name = self.present_member(person)?.name.clone();
        let text = chat::clean(text)?;
        self.pace.count(now, person)?;
        self.show_line(Some(person), name, text);
        Ok(())
    }

    /// Shows what somebody wrote in a chat elsewhere; all of them together may write as fast as one person here.
    fn relay(&mut self, now: Instant, name: &str, text: &str) -> Result<(), Denial> {
        let (name, text) = (names::clean(name), chat::clean(text)?);
        self.pace.count(now, ELSEWHERE)?;
        self.show_line(None, name, text);
        Ok(())
    }

    pub(super) fn show_line(&mut self, from: Option<LegId>, name: String, text: String) {
        let readers = self.readers.get_or_insert_with(|| {
            let mut readers: Vec<LegId> = self.present.iter().map(|member| member.leg).collect();
            readers.sort_unstable();
            readers.into()
        });
        let readers = Arc::clone(readers);
        self.say(Output::Chat {
            from,
            name,
            text,
            readers,
        });
    }

    fn chime(&mut self, chime: Chime) {
        if self.present.len() <= self.config.chime_up_to {
            self.say(Output::Media(MediaOrder::Chime(chime)));
        }
    }

    fn free_name(&self, wished: &str, kind: Kind) -> String {
        self.free_name_but_for(wished, kind, None)
    }

    /// Finds a name that nobody has but, perhaps, this person.
    pub(super) fn free_name_but_for(&self, wished: &str, kind: Kind, person: Option<LegId>) -> String {
        let mut name = names::clean(wished);
        if name.is_empty() {
            match kind {
                Kind::Phone => "Tel.",
                Kind::Browser => "Web",
                Kind::Xmpp => "XMPP",
                Kind::Federated => "Gast",
            }
            .clone_into(&mut name);
        }
        names::unique(&name, |name| {
            self.present
                .iter()
                .chain(&self.waiting)
                .any(|member| Some(member.leg) != person && member.name.eq_ignore_ascii_case(name))
        })
    }

    pub(super) fn is_present(&self, person: LegId) -> bool {
        self.present.iter().any(|member| member.leg == person)
    }

    pub(super) fn member(&self, person: LegId) -> Option<&Member> {
        self.present
            .iter()
            .chain(&self.waiting)
            .find(|member| member.leg == person)
    }

    pub(super) fn member_mut(&mut self, person: LegId) -> Option<&mut Member> {
        self.present
            .iter_mut()
            .chain(&mut self.waiting)
            .find(|member| member.leg == person)
    }

    /// Finds a person in the room proper.
    pub(super) fn present_member(&mut self, person: LegId) -> Result<&mut Member, Denial> {
        if self.waiting.iter().any(|member| member.leg == person) {
            return Err(Denial::Waiting);
        }
        self.present
            .iter_mut()
            .find(|member| member.leg == person)
            .ok_or(Denial::NoSuchPerson)
    }

    pub(super) fn require_moderator(&self, by: By) -> Result<(), Denial> {
        match by {
            By::Operator => Ok(()),
            By::Person(leg) => self
                .present
                .iter()
                .any(|member| member.leg == leg && member.role == Role::Moderator)
                .then_some(())
                .ok_or(Denial::NotModerator),
        }
    }

    pub(super) fn tell(&mut self, person: LegId, notice: Notice) {
        self.say(Output::Tell(person, notice));
    }

    pub(super) fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

impl Member {
    /// Whether the media plane knows this person's leg.
    pub(super) fn is_attached(&self) -> bool {
        self.attached
    }
}
