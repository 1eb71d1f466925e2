// SPDX-License-Identifier: EUPL-1.2
//! One hosted chat, and what its occupants are in the meeting.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jid::{BareJid, Jid};
use landbridge_dialplan::{RejectCause, Route, XMPP_TRUNK};
use landbridge_jingle::calls::Taken;
use landbridge_jingle::invites;
use landbridge_jingle::muc::{
    Denial, Language, Muc, MucInput, MucOptions, MucOutput, OccupantId, Refusal, Removal, Target, Wish,
};
use landbridge_jingle::own::{Domain, Own};
use minidom::Element;

use super::super::address;
use super::super::driver::Outside;
use super::guest::{Guest, Place, Told, Wanted};
use super::meeting::{Followed, view};
use crate::call::{Cause, Invitation, Kind, LegId};
use crate::room::{ChatLine, Control};

/// Lines that are remembered, so that none is shown twice: several occupants bring the same.
const REMEMBERED: usize = 64;

/// A hosted chat.
pub(super) struct Chat {
    node: String,
    muc: Muc,
    /// The meeting that the chat belongs to, once somebody was let in.
    pub meeting: Option<String>,
    occupants: HashMap<OccupantId, Occupant>,
    /// The lines of late, and whether each reader is told apart.
    lines: VecDeque<(u64, bool)>,
}

/// One occupant.
struct Occupant {
    user: BareJid,
    nick: String,
    /// The PIN it came with: for its own seat, when its call ends.
    pin: Option<String>,
    guest: Guest,
}

/// What a chat wants of those around it.
pub(super) enum Want {
    /// An occupant wants in: is the same user in a call?
    Enter(OccupantId),
    /// Somebody of ours left a meeting.
    Left(String, LegId),
    /// An occupant called everybody to a group call.
    Follow(invites::Invitation),
}

impl Chat {
    /// Makes the chat at an address; nobody is in it.
    pub(super) fn new(domain: &Domain, room: &Own, now: Instant, out: &Outside) -> Chat {
        let mut options = MucOptions::new(now, SystemTime::now());
        let config = out.house.config();
        options.free_nicks = out.nick_names;
        options.open_addresses = config.xmpp.as_ref().is_some_and(|xmpp| xmpp.shows_addresses);
        if config.lobby.languages.first().is_some_and(|language| language == "de") {
            options.language = Language::German;
        }
        Chat {
            node: room.node().unwrap_or_default().to_owned(),
            muc: Muc::new(domain.clone(), room, rand::random(), options),
            meeting: None,
            occupants: HashMap::new(),
            lines: VecDeque::new(),
        }
    }

    /// Tells whether nobody is in, nor wants to be.
    pub(super) fn is_empty(&self) -> bool {
        self.muc.is_empty()
    }

    /// Returns when [`MucInput::Timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.muc.deadline()
    }

    /// Returns the chat's title for an occupant.
    pub(super) fn title(&self, asker: &Jid) -> Option<&str> {
        self.muc.title(asker)
    }

    /// Takes a stanza.
    pub(super) fn stanza(&mut self, now: Instant, stanza: &Element) -> Taken {
        self.muc.handle(now, MucInput::Stanza(stanza))
    }

    /// Takes the clock, or the end of all.
    pub(super) fn told(&mut self, now: Instant, input: MucInput<'_>) {
        let _ = self.muc.handle(now, input);
    }

    /// Shows who is in the meeting.
    pub(super) fn roster(&mut self, now: Instant, followed: &Followed, talks: impl Fn(LegId) -> bool) {
        let of_leg: HashMap<LegId, OccupantId> = self.occupants.iter().map(|(id, o)| (o.guest.leg, *id)).collect();
        let view = view(&followed.roster, |leg| of_leg.get(&leg).copied(), talks);
        let _ = self.muc.handle(now, MucInput::Roster(&view));
    }

    /// Lists the occupants of a user, with their seats.
    pub(super) fn of_user(&self, user: &BareJid) -> Vec<OccupantId> {
        let of = |(id, occupant): (&OccupantId, &Occupant)| (occupant.user == *user).then_some(*id);
        self.occupants.iter().filter_map(of).collect()
    }

    /// Counts a user's occupants who are not in yet.
    pub(super) fn pending(&self, user: &BareJid) -> usize {
        let ids = self.of_user(user);
        ids.into_iter().filter(|id| !self.is_in(*id)).count()
    }

    /// Lists the occupants who use the seat of a call.
    pub(super) fn of_call(&self, leg: LegId) -> Vec<OccupantId> {
        let of = |(id, o): (&OccupantId, &Occupant)| (o.guest.is_lent && o.guest.leg == leg).then_some(*id);
        self.occupants.iter().filter_map(of).collect()
    }

    /// Returns the person that a user's occupant is.
    pub(super) fn person_of(&self, user: &BareJid) -> Option<LegId> {
        let of = |occupant: &&Occupant| occupant.user == *user;
        self.occupants.values().find(of).map(|occupant| occupant.guest.leg)
    }

    /// Returns the user of an occupant.
    pub(super) fn user(&self, id: OccupantId) -> Option<&BareJid> {
        self.occupants.get(&id).map(|occupant| &occupant.user)
    }

    /// Lets an occupant use the seat of the same user's call; returns its own, if it had one.
    pub(super) fn lend(&mut self, now: Instant, id: OccupantId, control: Control, out: &Outside) -> Option<LegId> {
        let place = self.place(id, out);
        let occupant = self.occupants.get_mut(&id)?;
        let before = (!occupant.guest.is_lent).then_some(occupant.guest.leg);
        occupant.guest = Guest::borrow(control, place);
        let _ = self.muc.handle(now, MucInput::Admitted(id));
        before
    }

    /// Sends an occupant through the door of the meeting on its own.
    pub(super) fn enter(&mut self, now: Instant, id: OccupantId, out: &Outside) {
        let place = self.place(id, out);
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        let invitation = Invitation {
            leg: LegId::next(),
            trunk: Some(XMPP_TRUNK.to_owned()),
            from: format!("xmpp:{}", occupant.user),
            from_name: if out.nick_names {
                occupant.nick.clone()
            } else {
                String::new()
            },
            to: address::called(self.muc.room()).uri,
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            kind: Kind::Xmpp,
            pin: None,
        };
        let came_along = address::called(self.muc.room()).pin;
        let refusal = match out.house.route(&invitation).route {
            _ if out.house.is_draining() => Refusal::Busy,
            Route::Enter { meeting, pin, .. } => {
                let pin = occupant.pin.clone().or(pin).or(came_along);
                occupant.guest = Guest::enter(Arc::clone(&out.house), invitation, (meeting, pin), place);
                return;
            }
            Route::Collect {
                meeting: Some(meeting), ..
            } => {
                let pin = occupant.pin.clone().or(came_along);
                occupant.guest = Guest::enter(Arc::clone(&out.house), invitation, (meeting, pin), place);
                return;
            }
            Route::Collect { meeting: None, .. } | Route::Dial { .. } => Refusal::NoSuchRoom,
            Route::Reject { cause, .. } => match cause {
                RejectCause::Busy | RejectCause::Unavailable => Refusal::Busy,
                RejectCause::NotFound => Refusal::NoSuchRoom,
                RejectCause::Declined | RejectCause::Forbidden | RejectCause::Emergency => Refusal::Forbidden,
            },
        };
        if self.is_in(id) {
            let _ = self.muc.handle(now, MucInput::Removed(id, Removal::Ended));
            return;
        }
        self.occupants.remove(&id);
        let _ = self.muc.handle(now, MucInput::Refused(id, refusal));
    }

    /// Puts those out who use the seat of a call that is out of the room.
    pub(super) fn unseated(&mut self, now: Instant, leg: LegId) {
        for id in self.of_call(leg) {
            let _ = self.muc.handle(now, MucInput::Removed(id, Removal::Kicked));
        }
    }

    /// Takes what an occupant's task tells; returns the seat that it has now.
    pub(super) fn guest(&mut self, now: Instant, id: OccupantId, told: Told) -> Option<Control> {
        match told {
            Told::Seated(control) => {
                // A task that was replaced meanwhile speaks for nobody.
                let is_current = |o: &Occupant| !o.guest.is_lent && o.guest.leg == control.person();
                return self.occupants.get(&id).is_some_and(is_current).then_some(control);
            }
            Told::Ended(cause) if self.muc_has(id) => {
                match refusal(cause) {
                    Some(refusal) if !self.is_in(id) => {
                        self.occupants.remove(&id);
                        let _ = self.muc.handle(now, MucInput::Refused(id, refusal));
                    }
                    // That it left gives its seat back.
                    _ => {
                        let _ = self.muc.handle(now, MucInput::Removed(id, removal(cause)));
                    }
                }
            }
            // Its call had a seat, and its own is before the door.
            Told::Waiting if self.is_in(id) => {
                let _ = self.muc.handle(now, MucInput::Removed(id, Removal::Ended));
            }
            Told::Waiting => {}
            Told::Ended(_) => {}
            Told::Denied(denial) => {
                let _ = self.muc.handle(now, MucInput::Denied(id, of_denial(&denial)));
            }
            Told::News(text) => {
                let input = MucInput::Chat {
                    to: Some(id),
                    person: None,
                    // What nobody wrote, the room says.
                    name: "",
                    text: &text,
                };
                let _ = self.muc.handle(now, input);
            }
            Told::Line(line) => self.line(now, id, &line),
        }
        None
    }

    /// Lets an occupant in whose own seat the room has given.
    pub(super) fn admit(&mut self, now: Instant, id: OccupantId) {
        let _ = self.muc.handle(now, MucInput::Admitted(id));
    }

    fn muc_has(&self, id: OccupantId) -> bool {
        self.occupants.get(&id).is_some_and(|occupant| !occupant.guest.is_lent)
    }

    fn is_in(&self, id: OccupantId) -> bool {
        let of = |occupant: &Occupant| self.muc.occupant_of_user(&Jid::from(occupant.user.clone()));
        self.occupants.get(&id).and_then(of) == Some(id)
    }

    /// Shows a line that the occupant `reader` may read. Where all of ours may, it is shown to all at once.
    fn line(&mut self, now: Instant, reader: OccupantId, line: &ChatLine) {
        let apart = match self.lines.iter().find(|(id, _)| *id == line.id) {
            Some((_, false)) => return,
            Some((_, true)) => true,
            None => {
                let apart = !self.occupants.values().all(|occupant| line.is_for(occupant.guest.leg));
                self.lines.push_back((line.id, apart));
                if self.lines.len() > REMEMBERED {
                    self.lines.pop_front();
                }
                apart
            }
        };
        let is_writers = |(_, occupant): &(&OccupantId, &Occupant)| Some(occupant.guest.leg) == line.from;
        let writer = self.occupants.iter().find(is_writers).map(|(id, _)| *id);
        let text = line.text.as_str();
        let input = match writer.filter(|writer| !apart || *writer == reader) {
            Some(occupant) => MucInput::Shown { occupant, text, apart },
            None => MucInput::Chat {
                to: apart.then_some(reader),
                person: line.from.map(|leg| leg.0),
                name: &line.name,
                text,
            },
        };
        let _ = self.muc.handle(now, input);
    }

    /// Does what the chat asks for; what it cannot do alone it wants.
    pub(super) fn drain(&mut self, out: &Outside) -> Vec<Want> {
        let mut wants = Vec::new();
        while let Some(output) = self.muc.poll() {
            match output {
                MucOutput::Send(packet) => out.send_later(packet),
                MucOutput::Entering {
                    occupant,
                    jid,
                    nick,
                    password,
                } => {
                    let entering = Occupant {
                        user: jid.to_bare(),
                        nick,
                        pin: password.filter(|pin| !pin.is_empty()),
                        guest: Guest::nobody(),
                    };
                    self.occupants.insert(occupant, entering);
                    wants.push(Want::Enter(occupant));
                }
                MucOutput::Left(id) => {
                    if let Some(occupant) = self.occupants.remove(&id)
                        && !occupant.guest.is_lent
                        && let Some(meeting) = &self.meeting
                    {
                        wants.push(Want::Left(meeting.clone(), occupant.guest.leg));
                    }
                }
                MucOutput::Said { occupant, text } => self.want(occupant, Wanted::Say(text)),
                MucOutput::Wish(id, wish) => self.wish(id, &wish),
                MucOutput::Invited(invitation) => wants.push(Want::Follow(invitation)),
            }
        }
        wants
    }

    fn wish(&self, id: OccupantId, wish: &Wish) {
        let leg = |target: Target| match target {
            Target::Person(person) => Some(LegId(person)),
            Target::Occupant(other) => self.occupants.get(&other).map(|occupant| occupant.guest.leg),
        };
        let wanted = match wish {
            Wish::Mute => Some(Wanted::Muted(true)),
            Wish::Unmute => Some(Wanted::Muted(false)),
            Wish::Hand(raised) => Some(Wanted::Hand(*raised)),
            Wish::Remove(target) => leg(*target).map(Wanted::Remove),
            Wish::Silence(target) => leg(*target).map(Wanted::Silence),
            // Nobody opens another person's microphone.
            Wish::Voice(_) => None,
        };
        if let Some(wanted) = wanted {
            self.want(id, wanted);
        }
    }

    fn want(&self, id: OccupantId, wanted: Wanted) {
        if let Some(occupant) = self.occupants.get(&id) {
            occupant.guest.want(wanted);
        }
    }

    fn place(&self, occupant: OccupantId, out: &Outside) -> Place {
        Place {
            post: out.legs.post.clone(),
            node: self.node.clone(),
            occupant,
        }
    }
}

/// Says to the chat why a line is not shown.
fn of_denial(denial: &crate::room::Denial) -> Denial {
    use crate::room::Denial as Room;
    match denial {
        Room::TooFast | Room::NotNow => Denial::Busy,
        Room::Unfit => Denial::Unfit,
        _ => Denial::Forbidden,
    }
}

/// Says why somebody may not come in; nothing if that is how something ends that was.
fn refusal(cause: Cause) -> Option<Refusal> {
    match cause {
        Cause::WrongCredentials | Cause::NotFound | Cause::TooManyTries => Some(Refusal::Password),
        Cause::Forbidden | Cause::Declined | Cause::Banned | Cause::EncryptedRoom | Cause::CallInDisabled => {
            Some(Refusal::Forbidden)
        }
        Cause::Full | Cause::Locked => Some(Refusal::Full),
        Cause::Throttled | Cause::Overloaded | Cause::Draining | Cause::Unreachable | Cause::Internal => {
            Some(Refusal::Busy)
        }
        _ => None,
    }
}

fn removal(cause: Cause) -> Removal {
    match cause {
        Cause::Removed => Removal::Kicked,
        Cause::Banned => Removal::Banned,
        _ => Removal::Ended,
    }
}
