// SPDX-License-Identifier: EUPL-1.2
//! What becomes of what the joint room says: frames are sealed and posted, far people seated, acts done; and how the
//! room's own acts on far people become acts across the border.

use std::time::Instant;

use landbridge_federation::{Act, Deployment, Far, Fault, Frame, Input, LinkState, Output, Recording, Subject, Whom};

use super::super::border::{Border, Site};
use super::super::numbers::{self, Counted};
use super::super::ours;
use super::{Shared, differ};
use crate::call::house::now;
use crate::call::{Cause, LegId};
use crate::media::BorderTerms;
use crate::room;
use crate::room::{By, Denial, Notice};

impl Shared<'_> {
    /// Does all that the joint room wants done.
    pub(super) async fn perform(&mut self) {
        while let Some(output) = self.joint.poll() {
            self.output(output).await;
        }
    }

    async fn output(&mut self, output: Output) {
        match output {
            Output::Send(partner, frame) => self.send(&partner, &frame),
            Output::Came(person) => {
                let border = self.border_to(&person.origin);
                self.guests.came(person, border).await;
            }
            Output::Changed(person) => {
                let border = self.border_to(&person.origin);
                self.guests.changed(person, border).await;
            }
            Output::Went(who, _) => self.guests.went(who),
            Output::Queue(hands) => {
                let legs = hands.into_iter().filter_map(|whom| self.leg_of(whom)).collect();
                // A room that is over denies.
                let _ = self.onlooker.arrange_hands(legs).await;
            }
            Output::Said { by, text } => {
                let partner = self.guests.partner(by);
                let link = partner.and_then(|partner| self.links.get_mut(partner));
                let unpaced = link.is_some_and(|link| link.may_exceed_pace(now()));
                self.guests.say(by, &text, unpaced).await;
            }
            Output::Do { act, partner, at, .. } => {
                if let Err(denial) = self.act_here(act).await {
                    tracing::info!(%partner, ?denial, "what a partner's moderator did was not possible here");
                    let why = Fault::NotPermitted;
                    self.joint.handle(now(), Input::Undone { partner, at, why });
                }
            }
            Output::Denied { partner, act, why } => self.denied(&partner, act, why.as_str()).await,
            Output::Link(partner, state) => self.link(&partner, state),
            Output::Stream { person, partner, ssrc } => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.streams.insert(person, ssrc);
                }
                if let Some(border) = self.border_to(&partner) {
                    self.ground.house.plane.carry(border, ours::leg(person), ssrc);
                }
            }
            Output::StreamOver { person, partner } => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.streams.remove(&person);
                }
                if let Some(border) = self.border_to(&partner) {
                    self.ground.house.plane.carry_no_more(border, ours::leg(person));
                }
            }
            Output::FarSound(partner, fingerprint) => {
                if let Some(link) = self.links.get_mut(&partner) {
                    link.theirs.send_if_modified(|theirs| {
                        let is_new = differ(theirs.as_ref(), &fingerprint);
                        *theirs = Some(fingerprint);
                        is_new
                    });
                }
            }
            Output::Recording(partner, state) => {
                tracing::info!(%partner, ?state, "a partner's recording changed");
                self.recording(&partner, state).await;
            }
            Output::Receipt { partner, subject } => {
                if let Subject::Person(person) = subject {
                    self.lines.receipt(ours::leg(person), &partner, now());
                }
                tracing::info!(%partner, "a partner has deleted what it kept of one of our people")
            }
            Output::Erased { partner, who } => {
                if let Some(writer) = who.and_then(|who| self.guests.leg_ever(who)) {
                    self.onlooker.forget_lines(writer);
                }
                tracing::info!(%partner, "a partner had us delete what we kept of one of its people");
            }
            Output::Trouble(partner, fault) => {
                numbers::refused(&partner, fault.as_str());
                tracing::debug!(%partner, fault = fault.as_str(), "something of a partner was refused");
                self.verdict = Some(fault.as_str());
            }
        }
    }

    /// Has our people asked for their consent while any partner records, or is about to.
    async fn recording(&mut self, partner: &Deployment, state: Recording) {
        if let Some(link) = self.links.get_mut(partner) {
            link.recording = state;
        }
        let is_recorded = self.links.values().any(|link| link.recording != Recording::Off);
        if std::mem::replace(&mut self.is_recorded, is_recorded) != is_recorded {
            // A room that is over denies.
            let _ = self.onlooker.partners_record(is_recorded).await;
        }
    }

    /// Asks the partners to delete what they keep of one of our people.
    pub(super) fn erase(&mut self, person: LegId) {
        let open = self.links.iter().filter(|(_, link)| !link.is_over());
        self.lines.ask(person, open.map(|(partner, _)| partner), now());
        self.joint
            .handle(now(), Input::Erase(Subject::Person(ours::id(person))));
    }

    /// Seals a frame and posts it; what is lost is sent again by the joint room.
    fn send(&mut self, partner: &Deployment, frame: &Frame) {
        self.ground.post(partner, frame);
    }

    fn link(&mut self, partner: &Deployment, state: LinkState) {
        let Some(link) = self.links.get_mut(partner) else {
            return;
        };
        let before = link.turn(state, now());
        tracing::info!(%partner, ?state, "a link of a joint room changed");
        link.counted = match state {
            LinkState::Up => link.counted.take().or_else(|| Some(Counted::link(partner))),
            _ => None,
        };
        if state == LinkState::Up && before != LinkState::Up {
            link.back(now());
            // What was placed into a cut is not waited for.
            link.border.take_if(|border| !border.is_up);
        }
        if link.is_over() {
            link.border = None;
            link.pending = None;
            link.streams.clear();
        }
    }

    /// Does here what a partner's moderator may do.
    async fn act_here(&self, act: Act) -> Result<(), Denial> {
        let by = By::Operator;
        let ours = |whom: Whom| match whom {
            Whom::Ours(person) => Some(ours::leg(person)),
            Whom::Far(_) => None,
        };
        let input = match act {
            Act::Mute(whom) => ours(whom).map(|person| room::Input::SetMuted {
                by,
                person,
                muted: true,
            }),
            Act::LowerHand(whom) => ours(whom).map(|person| room::Input::LowerHand { by, person }),
            Act::Remove(whom) => ours(whom).map(|person| room::Input::Remove { by, person }),
            Act::Lock(locked) => Some(room::Input::Lock { by, locked }),
            Act::End => Some(room::Input::End { by }),
        };
        match input {
            Some(input) => self.onlooker.ask(input).await,
            None => Err(Denial::NoSuchPerson),
        }
    }

    /// Ends our side of the room.
    pub(super) async fn end_here(&mut self) {
        // A room that is over already denies.
        let _ = self.onlooker.ask(room::Input::End { by: By::Operator }).await;
    }

    /// Takes back on our side what the partner did not allow.
    async fn denied(&mut self, partner: &Deployment, act: Act, why: &'static str) {
        tracing::info!(%partner, why, "a partner did not allow what a moderator did");
        // A room that is over denies.
        let _ = self.onlooker.denied_by(partner.as_str()).await;
        match act {
            Act::Mute(Whom::Far(who)) => self.guests.open_again(who).await,
            Act::LowerHand(Whom::Far(who)) => self.guests.raise_again(who).await,
            Act::Remove(Whom::Far(who)) => {
                let border = self.border_to(partner);
                self.guests.seat_again(who, border).await;
            }
            _ => {}
        }
    }

    /// Turns what our room did to a far person into an act across the border.
    pub(super) fn notice(&mut self, who: Far, notice: Notice) {
        let far = Whom::Far(who);
        let act = match notice {
            Notice::Muted { by_moderator: true } => Act::Mute(far),
            Notice::HandLowered { by_moderator: true } => Act::LowerHand(far),
            Notice::Ended(cause) => {
                self.guests.unseated(who);
                match cause {
                    Cause::Removed | Cause::Banned => Act::Remove(far),
                    _ => return,
                }
            }
            _ => return,
        };
        let by = self.ours.moderator();
        self.joint.handle(now(), Input::Act { by, act });
    }

    /// Returns the border leg to a partner, if sound goes.
    pub(super) fn border_to(&self, partner: &Deployment) -> Option<LegId> {
        let border = self.links.get(partner)?.border.as_ref()?;
        border.is_up.then_some(border.leg)
    }

    /// Carries and opens all streams of a new border.
    pub(super) async fn border_up(&mut self, partner: &Deployment) {
        let Some(border) = self.border_to(partner) else { return };
        let streams = self
            .links
            .get(partner)
            .map(|link| link.streams.clone())
            .unwrap_or_default();
        for (person, ssrc) in streams {
            self.ground.house.plane.carry(border, ours::leg(person), ssrc);
        }
        self.guests.border(partner, Some(border)).await;
    }

    /// Forgets a border that is over, and takes what is meant to follow it.
    pub(super) fn border_over(&mut self, partner: &Deployment) {
        if let Some(link) = self.links.get_mut(partner) {
            link.border = None;
            link.session_over(now());
        }
    }

    /// Places the sessions that are wanted and due; returns when the next one is.
    pub(super) fn tend_borders(&mut self) -> Option<Instant> {
        let mut next = self.end_stale_borders();
        let idle = self
            .links
            .iter()
            .filter(|(_, link)| link.state == LinkState::Up && link.border.is_none());
        let idle: Vec<(Deployment, Instant)> = idle.map(|(name, link)| (name.clone(), link.next_session())).collect();
        for (partner, due) in idle {
            let has_people = self.empty_since.is_none() && self.guests.count(&partner) > 0;
            if !has_people || !self.places(&partner) {
                continue;
            }
            if due > now() {
                next = Some(next.map_or(due, |next| next.min(due)));
                continue;
            }
            let Some((site, to)) = self.site(&partner).zip(self.ground.corner(&partner)) else {
                continue;
            };
            let courier = std::sync::Arc::clone(&self.ground.courier);
            if let Some(link) = self.links.get_mut(&partner) {
                link.placed(now());
                link.border = Some(Border::place(site, courier, to));
            }
        }
        next
    }

    /// Ends the sound of partners that were out of reach for too long, or that nobody vouches for any more; returns when
    /// the next one is due.
    fn end_stale_borders(&mut self) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let patience = self.joint.charter().remove_after;
        for (partner, link) in self.links.iter_mut().filter(|(_, link)| link.border.is_some()) {
            let known = self
                .ground
                .federation()
                .and_then(|federation| federation.partner(partner));
            let is_vouched = known.is_some_and(|partner| self.ground.house.vouching.permits(partner));
            let until = link.away_since().map(|since| since + patience);
            if !is_vouched || until.is_some_and(|until| until <= now()) {
                tracing::info!(%partner, "the sound of a partner that is out of reach was ended");
                link.border = None;
            } else {
                next = next.into_iter().chain(until).min();
            }
        }
        next
    }

    /// Tells whether we place the session with a partner: the one whose name comes first does. (The home would do as
    /// well, but two deployments may disagree about it.)
    pub(super) fn places(&self, partner: &Deployment) -> bool {
        self.ground.us < *partner
    }

    /// Prepares a border to a partner.
    pub(super) fn site(&mut self, partner: &Deployment) -> Option<Site> {
        let policy = &self.ground.federation()?.partner(partner)?.policy;
        let terms = BorderTerms {
            room: self.onlooker.key(),
            streams: policy.max_streams,
            kbit: policy.max_kbit,
            ice_servers: self.ground.courier.ice_servers(),
        };
        let theirs = self.links.get(partner)?.theirs.subscribe();
        self.borders = self.borders.wrapping_add(1);
        Some(Site {
            house: std::sync::Arc::clone(&self.ground.house),
            partner: partner.clone(),
            number: self.borders,
            terms,
            theirs,
            news: self.news_in.clone(),
        })
    }

    fn leg_of(&self, whom: Whom) -> Option<LegId> {
        match whom {
            Whom::Ours(person) => Some(ours::leg(person)),
            Whom::Far(who) => self.guests.leg(who),
        }
    }
}
