// SPDX-License-Identifier: EUPL-1.2
//! The people of one partner: as the partner tells of them, and as they are shown here.
//!
//! What one of our moderators did counts here at once, whatever the partner tells meanwhile: who was removed is not
//! shown, who was muted is shown as muted, until the partner has heard of it and tells of the person again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::joint::room::Room;
use crate::text;
use crate::{Act, Deployment, Far, FarPerson, Lamport, Output, Pseudonym, Role, Told, Whom, Why};

/// The people of one partner.
#[derive(Debug)]
pub(crate) struct Crowd {
    partner: Deployment,
    authority: Arc<str>,
    people: BTreeMap<Pseudonym, Member>,
    back: BTreeMap<Far, Pseudonym>,
    /// Who left, for requests to erase them.
    past: VecDeque<(Pseudonym, Far)>,
    guests: u32,
    /// Who was not named yet by the snapshot that is coming in.
    unnamed: Option<BTreeSet<Pseudonym>>,
    /// The partner is not heard: its people are away.
    pub(crate) away: bool,
    /// It has not been heard for so long that its people are not shown.
    pub(crate) lost: bool,
}

#[derive(Debug)]
struct Member {
    far: Far,
    told: Told,
    guest: u32,
    removed: Overlay,
    muted: Overlay,
    lowered: Overlay,
    shown: Option<FarPerson>,
}

/// What we did to a far person counts here until the partner has heard of all of it, and tells of the person again.
#[derive(Clone, Copy, Debug, Default)]
struct Overlay {
    counts: bool,
    /// How often it was done and not heard of yet.
    unheard: u32,
}

/// How far something that we did has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It was done here.
    Done,
    /// The partner has heard of it.
    Heard,
    /// The partner refused it.
    Refused,
    /// It was given up before the partner heard of it.
    GivenUp,
}

impl Overlay {
    fn go(&mut self, progress: Progress) {
        match progress {
            Progress::Done => (self.counts, self.unheard) = (true, self.unheard.saturating_add(1)),
            Progress::Heard => self.unheard = self.unheard.saturating_sub(1),
            Progress::Refused => self.settle(),
            Progress::GivenUp => {
                self.unheard = self.unheard.saturating_sub(1);
                self.settle();
            }
        }
    }

    /// Lets what the partner tells count again, if it has heard of all that we did.
    fn settle(&mut self) {
        self.counts &= self.unheard > 0;
    }
}

impl Crowd {
    pub(crate) fn new(partner: Deployment, authority: &str) -> Crowd {
        Crowd {
            partner,
            authority: authority.into(),
            people: BTreeMap::new(),
            back: BTreeMap::new(),
            past: VecDeque::new(),
            guests: 0,
            unnamed: None,
            away: false,
            lost: false,
        }
    }

    pub(crate) fn set_authority(&mut self, authority: &str) {
        self.authority = authority.into();
    }

    /// Returns how many are known, shown or not.
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    /// Returns those who are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &FarPerson> {
        self.people.values().filter_map(|member| member.shown.as_ref())
    }

    /// Returns the raised hands of those who are shown.
    pub(crate) fn hands(&self) -> impl Iterator<Item = (Lamport, Far)> {
        let raised = |member: &Member| member.shown.as_ref().is_some_and(|shown| shown.hand);
        self.people
            .values()
            .filter(move |member| raised(member))
            .filter_map(|member| Some((member.told.hand?, member.far)))
    }

    pub(crate) fn contains(&self, id: Pseudonym) -> bool {
        self.people.contains_key(&id)
    }

    /// Returns our key for a person who is shown.
    pub(crate) fn far(&self, id: Pseudonym) -> Option<Far> {
        self.people.get(&id)?.shown.as_ref().map(|shown| shown.who)
    }

    /// Returns what the partner calls a person.
    pub(crate) fn pseudonym(&self, far: Far) -> Option<Pseudonym> {
        self.back.get(&far).copied()
    }

    /// Returns the role that the partner told, if any.
    pub(crate) fn role(&self, id: Pseudonym) -> Option<Role> {
        self.people.get(&id)?.told.role
    }

    /// Takes what the partner tells of a person.
    pub(crate) fn tell(&mut self, mut told: Told, room: &mut Room) {
        let id = told.id;
        told.name = told.name.as_deref().map(text::clean).filter(|name| !name.is_empty());
        told.stream = told.stream.filter(|stream| self.free_stream(*stream, id));
        if let Some(unnamed) = &mut self.unnamed {
            unnamed.remove(&id);
        }
        match self.people.get_mut(&id) {
            Some(member) => {
                member.muted.settle();
                member.lowered.settle();
                // The partner removed the person, who came back: only a snapshot can tell that without a farewell.
                if self.unnamed.is_some() {
                    member.removed.settle();
                }
                member.told = told;
            }
            None => {
                let far = room.next_far();
                self.back.insert(far, id);
                self.people.insert(id, Member::new(far, told));
            }
        }
        self.number_guest(id);
        self.show(id, Why::Left, room);
    }

    /// Forgets a person.
    pub(crate) fn forget(&mut self, id: Pseudonym, why: Why, room: &mut Room) {
        let Some(member) = self.people.remove(&id) else { return };
        self.back.remove(&member.far);
        self.past.push_back((id, member.far));
        if self.past.len() > MOST_PAST {
            self.past.pop_front();
        }
        if let Some(shown) = member.shown {
            room.say(Output::Went(shown.who, why));
        }
    }

    /// Forgets a person for good; returns our key, if there ever was one.
    pub(crate) fn erase(&mut self, id: Pseudonym, room: &mut Room) -> Option<Far> {
        self.forget(id, Why::Erased, room);
        let far = self.past.iter().rfind(|(past, _)| *past == id).map(|(_, far)| *far);
        self.past.retain(|(past, _)| *past != id);
        far
    }

    /// Begins a snapshot.
    pub(crate) fn begin_anew(&mut self) {
        self.unnamed = Some(self.people.keys().copied().collect());
    }

    /// Ends a snapshot: who was not named is not there.
    pub(crate) fn end_anew(&mut self, why: Why, room: &mut Room) {
        for id in self.unnamed.take().into_iter().flatten() {
            self.forget(id, why, room);
        }
    }

    /// Lets count here what one of our moderators does there, as long as it does.
    pub(crate) fn act(&mut self, act: Act, progress: Progress, room: &mut Room) {
        let Some(Whom::Far(far)) = act.whom() else { return };
        let Some((id, member)) = self.back.get(&far).and_then(|id| Some((*id, self.people.get_mut(id)?))) else {
            return;
        };
        match act {
            Act::Mute(_) => member.muted.go(progress),
            Act::LowerHand(_) => member.lowered.go(progress),
            Act::Remove(_) => member.removed.go(progress),
            Act::Lock(_) | Act::End => {}
        }
        self.show(id, Why::Removed, room);
    }

    /// Shows everybody as they are now; `why` for those who are shown no longer.
    pub(crate) fn show_all(&mut self, why: Why, room: &mut Room) {
        let all: Vec<Pseudonym> = self.people.keys().copied().collect();
        all.into_iter().for_each(|id| self.show(id, why, room));
    }

    /// Returns whether nobody else sends under an SSRC; two who claim the same would be heard as one.
    fn free_stream(&self, stream: u32, id: Pseudonym) -> bool {
        // Who has not been named by a snapshot yet may be gone.
        let is_there = |other: &Pseudonym| self.unnamed.as_ref().is_none_or(|unnamed| !unnamed.contains(other));
        let others = self.people.iter().filter(|(other, _)| **other != id && is_there(other));
        others
            .map(|(_, member)| member.told.stream)
            .all(|taken| taken != Some(stream))
    }

    /// Numbers somebody without a name.
    fn number_guest(&mut self, id: Pseudonym) {
        let member = self
            .people
            .get_mut(&id)
            .filter(|member| member.guest == 0 && member.told.name.is_none());
        if let Some(member) = member {
            self.guests = self.guests.saturating_add(1);
            member.guest = self.guests;
        }
    }

    fn show(&mut self, id: Pseudonym, why: Why, room: &mut Room) {
        let Some(member) = self.people.get_mut(&id) else { return };
        let now =
            (!member.removed.counts && !self.lost).then(|| member.picture(&self.partner, &self.authority, self.away));
        if now == member.shown {
            return;
        }
        let before = std::mem::replace(&mut member.shown, now.clone());
        room.say(match (before, now) {
            (None, Some(now)) => Output::Came(now),
            (Some(_), Some(now)) => Output::Changed(now),
            (Some(before), None) => Output::Went(before.who, why),
            (None, None) => return,
        });
    }
}

impl Member {
    fn new(far: Far, told: Told) -> Member {
        Member {
            far,
            told,
            guest: 0,
            removed: Overlay::default(),
            muted: Overlay::default(),
            lowered: Overlay::default(),
            shown: None,
        }
    }

    fn picture(&self, origin: &Deployment, authority: &Arc<str>, away: bool) -> FarPerson {
        let told = &self.told;
        let muted = self.muted.counts;
        let guest = || format!("Gast {} ({authority})", self.guest);
        FarPerson {
            who: self.far,
            origin: origin.clone(),
            authority: authority.clone(),
            name: told.name.clone().unwrap_or_else(guest),
            role: told.role.unwrap_or_default(),
            audio: told.audio.unwrap_or(true) && !muted,
            video: told.video.unwrap_or(false),
            hand: told.hand.is_some() && !self.lowered.counts,
            speaking: told.speaking.unwrap_or(false) && !muted && !away,
            language: told.language.clone(),
            accessibility: told.accessibility.unwrap_or_default(),
            consent: told.consent.unwrap_or_default(),
            away,
            stream: told.stream,
        }
    }
}

/// How many who left are remembered.
const MOST_PAST: usize = 4096;
