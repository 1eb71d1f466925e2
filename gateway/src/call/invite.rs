// SPDX-License-Identifier: EUPL-1.2
//! A call out of a meeting: a moderator or the operator names an address, and whoever answers takes a seat.
//!
//! ```text
//! invite ─▶ allowed? not too many? ─▶ place ─▶ ringing ─▶ answered ─▶ seat, as for any caller
//!                                               └─▶ declined · busy · no answer: a notice to the inviter
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ear::Ear;
use super::house::{House, now};
use super::line::{Event, Events, Line};
use super::phone::refusal_cause;
use super::ringing::Place;
use super::room_talk;
use super::sound::Terms;
use super::{Cause, Kind, LegId, Role};
use crate::config::NotInvited;
use crate::legs::Placing;
use crate::lobby::{Language, Prompt};
use crate::media::LegEvents;
use crate::room::directory::Entry;
use crate::room::{By, Control, Entrant, Input, InviteState, Papers, Residence, Roster, names};

/// How long it rings.
const PATIENCE: Duration = Duration::from_secs(60);
/// Hops of a call that begins here (RFC 3261 §8.1.1.6).
const HOPS: u8 = 70;

/// Why nobody is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteRefusal {
    /// The address is none.
    BadAddress,
    /// The configuration does not let this address be called.
    NotAllowed,
    /// Too many calls out of this room, or to this address, at once or in a while.
    TooMany,
    /// There is no such live room.
    NoSuchRoom,
    /// The room is locked.
    Locked,
    /// Nobody can be called into such a room, or only moderators may.
    NotOffered,
    /// Only moderators may.
    NotModerator,
    /// The gateway is shutting down.
    Draining,
}

/// Calls people into meetings. Cheap to clone.
#[derive(Clone)]
pub struct Invites {
    house: Arc<House>,
    count: Arc<AtomicU64>,
}

impl Invites {
    /// Makes the door out of all meetings.
    pub fn new(house: Arc<House>) -> Invites {
        Invites {
            house,
            count: Arc::default(),
        }
    }

    /// Tells whether anybody at all may be called.
    pub fn is_open(&self) -> bool {
        let config = self.house.config();
        config.xmpp.as_ref().is_some_and(|xmpp| !xmpp.invite.is_empty())
    }

    /// Calls an address into a live meeting; the inviter, if there is one, is told by notices what becomes of it.
    /// Returns the number of the call.
    ///
    /// # Errors
    /// Nobody is called, and why.
    pub fn invite(&self, meeting: &str, address: &str, inviter: Option<Control>) -> Result<u64, InviteRefusal> {
        if inviter
            .as_ref()
            .is_some_and(|control| control.role() != Role::Moderator)
        {
            return Err(InviteRefusal::NotModerator);
        }
        let config = self.house.config();
        let xmpp = config.xmpp.as_ref().ok_or(InviteRefusal::NotOffered)?;
        let roster = self.house.rooms.roster(meeting).ok_or(InviteRefusal::NoSuchRoom)?;
        if self.house.is_draining() {
            return Err(InviteRefusal::Draining);
        }
        if roster.borrow().locked {
            return Err(InviteRefusal::Locked);
        }
        let entry = self.house.meetings.entry(meeting).ok_or(InviteRefusal::NotOffered)?;
        let address = xmpp.invite.allows(address).map_err(|not| match not {
            NotInvited::BadAddress => InviteRefusal::BadAddress,
            NotInvited::NotAllowed => InviteRefusal::NotAllowed,
        })?;
        let address = address.to_string();
        let place = self.account(meeting, &address)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let call = Call {
            house: Arc::clone(&self.house),
            entry,
            number,
            to: format!("xmpp:{address}"),
            from: format!("xmpp:{meeting}@{}", xmpp.component.as_str()),
            inviter,
            is_admitted: true,
        };
        tokio::spawn(call.walk(place));
        Ok(number)
    }

    /// Calls a member of a group call whom somebody in the meeting has brought along, at its client's address; `from` is our
    /// address in the group call. Unless a moderator did (`is_trusted`), the member has to be one who may be invited. A locked
    /// meeting calls nobody, and whoever answers goes to the waiting room, if there is one.
    ///
    /// # Errors
    /// Nobody is called, and why.
    pub fn bring(&self, meeting: &str, to: &str, from: String, is_trusted: bool) -> Result<(), InviteRefusal> {
        if self.house.is_draining() {
            return Err(InviteRefusal::Draining);
        }
        let config = self.house.config();
        let xmpp = config.xmpp.as_ref().ok_or(InviteRefusal::NotOffered)?;
        let bare = to.split('/').next().unwrap_or_default();
        if !is_trusted && xmpp.invite.allows(bare).is_err() {
            return Err(InviteRefusal::NotAllowed);
        }
        let roster = self.house.rooms.roster(meeting).ok_or(InviteRefusal::NoSuchRoom)?;
        if roster.borrow().locked {
            return Err(InviteRefusal::Locked);
        }
        let entry = self.house.meetings.entry(meeting).ok_or(InviteRefusal::NotOffered)?;
        let place = self.account(meeting, bare)?;
        let call = Call {
            house: Arc::clone(&self.house),
            entry,
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            to: format!("xmpp:{to}"),
            from,
            inviter: None,
            is_admitted: false,
        };
        tokio::spawn(call.walk(place));
        Ok(())
    }

    fn account(&self, meeting: &str, address: &str) -> Result<Place, InviteRefusal> {
        let place = self.house.ringing.place(now(), meeting, address);
        place.ok_or(InviteRefusal::TooMany)
    }
}

/// One call out of a meeting.
struct Call {
    house: Arc<House>,
    entry: Arc<Entry>,
    number: u64,
    to: String,
    from: String,
    inviter: Option<Control>,
    /// Whether the called person goes past the waiting room.
    is_admitted: bool,
}

/// The called leg while it rings; its media ends with it.
struct Far {
    house: Arc<House>,
    leg: LegId,
    terms: Terms,
    line: Box<dyn Line>,
    events: Events,
    media: LegEvents,
}

impl Call {
    async fn walk(self, place: Place) {
        let _counted = self.house.count();
        let leg = LegId::next();
        metrics::counter!("landbridge_invitations_total").increment(1);
        let cause = match self.ring(leg).await {
            Ok(mut ear) => {
                drop(place);
                self.tell(InviteState::Answered).await;
                self.seat(&mut ear).await
            }
            Err(cause) => {
                self.tell(InviteState::of(cause)).await;
                cause
            }
        };
        self.house.plane.close(leg);
        metrics::counter!("landbridge_invitations_ended_total", "cause" => cause.as_str()).increment(1);
        tracing::info!(%leg, cause = cause.as_str(), "a call out of a meeting ended");
    }

    /// Lets the leg ring until it is answered; without an answer it is hung up.
    async fn ring(&self, leg: LegId) -> Result<Ear, Cause> {
        let mut far = self.place(leg).await?;
        let patience = tokio::time::sleep(PATIENCE);
        let cause = tokio::select! {
            answered = self.until_answered(&mut far) => match answered {
                Ok(()) => {
                    let Far { house, leg, terms, line, events, media } = far;
                    return Ok(Ear::new(house, leg, terms, line, events, media));
                }
                Err(cause) => cause,
            },
            () = patience => Cause::NoAnswer,
            () = self.over() => Cause::Cancelled,
        };
        far.line.hang_up(cause);
        Err(cause)
    }

    async fn place(&self, leg: LegId) -> Result<Far, Cause> {
        let house = Arc::clone(&self.house);
        let protocol = house.legs().iter().find(|protocol| protocol.reaches(&self.to));
        let protocol = protocol.ok_or(Cause::Unreachable)?;
        let terms = protocol.terms(None);
        let offered = terms.offer(&house.plane, leg).await;
        let (offer, media) = offered.map_err(|refusal| refusal_cause(&refusal))?;
        let placing = Placing {
            leg,
            to: &self.to,
            from: &self.from,
            offer,
            trunk: None,
            max_forwards: HOPS,
        };
        let (line, events) = protocol.place(placing).await?;
        let house = Arc::clone(&self.house);
        Ok(Far {
            house,
            leg,
            terms,
            line,
            events,
            media,
        })
    }

    async fn until_answered(&self, far: &mut Far) -> Result<(), Cause> {
        let plane = &self.house.plane;
        let answer = loop {
            match far.events.recv().await {
                Some(Event::Ringing) => self.tell(InviteState::Ringing).await,
                Some(Event::Candidate { mid, candidate }) => plane.add_candidate(far.leg, &mid, &candidate),
                Some(Event::Answered(Some(answer))) => break answer,
                // There is no session to change yet.
                Some(Event::Reoffered(_)) => far.line.answer_offer(Err(Cause::Busy)),
                Some(Event::Ended(cause)) => return Err(cause),
                // The mailbox closed without a word: the leg was taken down.
                Some(Event::Answered(None)) | None => return Err(Cause::Internal),
                Some(_) => {}
            }
        };
        let accepted = far.terms.accept(plane, far.leg, &answer).await;
        accepted.map_err(|refusal| refusal_cause(&refusal))
    }

    /// Waits until there is no room to come into any more.
    async fn over(&self) {
        let mut stopping = self.house.stopping();
        let Some(mut roster) = self.house.rooms.roster(&self.entry.id) else {
            return;
        };
        let room_ended = async { while roster.changed().await.is_ok() {} };
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = room_ended => {}
        }
    }

    /// Brings whoever answered into the room, past the waiting room: a moderator called.
    async fn seat(&self, ear: &mut Ear) -> Cause {
        let language = self.language();
        ear.play(&[Prompt::Joining], language);
        let person = ear.leg();
        let entrant = Entrant {
            leg: person,
            name: names::of_jid("", &self.to, false),
            kind: Kind::Xmpp,
            role: Role::Participant,
            attached: true,
            papers: match self.entry.residence {
                Residence::Livekit { .. } => Papers::Livekit(Vec::new()),
                Residence::Local | Residence::Opentalk => Papers::None,
            },
            far: None,
        };
        let mut seat = match self.house.rooms.join(&self.entry, entrant).await {
            Ok(seat) => seat,
            Err(cause) => {
                let word = Prompt::farewell(cause).first().copied();
                return super::phone::farewell(ear, word, language, cause).await;
            }
        };
        let waits = |roster: &Roster| roster.person(person).is_some_and(|person| person.waiting);
        let is_local = seat.control().residence() == &Residence::Local;
        if self.is_admitted && is_local && waits(&seat.control().roster().borrow()) {
            // The notice that says so would only puzzle.
            let _ = seat.next_notice().await;
            let by = By::Operator;
            let admitted = self.house.rooms.ask(&self.entry.id, Input::Admit { by, person }).await;
            if admitted.is_err() {
                ear.play(&[Prompt::WaitingRoom], language);
            }
        }
        room_talk::stay(ear, seat, language).await
    }

    fn language(&self) -> Language {
        let config = self.house.config();
        let of_xmpp = config.xmpp.as_ref().and_then(|xmpp| xmpp.language);
        let first = || Language::parse(config.lobby.languages.first()?);
        of_xmpp.or_else(first).unwrap_or_default()
    }

    async fn tell(&self, state: InviteState) {
        if let Some(inviter) = &self.inviter {
            let (person, number) = (inviter.person(), self.number);
            let news = Input::Invitation { person, number, state };
            // Whoever left does not want to know.
            let _ = inviter.ask(news).await;
        }
    }
}

impl InviteState {
    /// Says in a word what became of a call.
    fn of(cause: Cause) -> InviteState {
        match cause {
            Cause::Declined | Cause::Forbidden => InviteState::Declined,
            Cause::Busy => InviteState::Busy,
            Cause::NoAnswer | Cause::Cancelled => InviteState::NoAnswer,
            Cause::Unreachable | Cause::NotFound => InviteState::Unreachable,
            _ => InviteState::Failed,
        }
    }
}

#[cfg(test)]
#[path = "invite_tests.rs"]
mod tests;
