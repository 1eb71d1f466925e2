// SPDX-License-Identifier: EUPL-1.2
//! Far people's seats in our room: each far person is a participant of its own, and speaks by the border leg.

use std::collections::BTreeMap;
use std::sync::Arc;

use landbridge_federation::{Consent, Deployment, Far, FarPerson, Role};
use landbridge_opentalk::Name;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::numbers::Counted;
use super::shared::News;
use crate::call::house::House;
use crate::call::{self, Kind, LegId};
use crate::config::federation::Pin;
use crate::media::RoomKey;
use crate::room::directory::Entry;
use crate::room::{Control, Denial, Entrant, FarEntrant, Notice, OpentalkPapers, Papers, Residence, Seat};

/// Most people who left that are remembered.
const REMEMBERED: usize = 4096;

/// All far people of one room.
pub(super) struct Guests {
    house: Arc<House>,
    entry: Arc<Entry>,
    key: RoomKey,
    news: mpsc::Sender<News>,
    people: BTreeMap<Far, Guest>,
    by_leg: BTreeMap<LegId, Far>,
    /// Those who left, for what they leave behind.
    gone: BTreeMap<Far, LegId>,
}

/// One far person.
struct Guest {
    person: FarPerson,
    leg: LegId,
    seat: Option<Seated>,
    /// The border leg that the person's sound comes by, and under which SSRC.
    sound: Option<(LegId, u32)>,
    _counted: Counted,
}

/// A seat; dropped, it is left.
struct Seated {
    control: Control,
    task: AbortHandle,
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Guests {
    /// Opens an empty list.
    pub(super) fn new(house: Arc<House>, entry: Arc<Entry>, key: RoomKey, news: mpsc::Sender<News>) -> Guests {
        Guests {
            house,
            entry,
            key,
            news,
            people: BTreeMap::new(),
            by_leg: BTreeMap::new(),
            gone: BTreeMap::new(),
        }
    }

    /// Counts the people of a partner.
    pub(super) fn count(&self, partner: &Deployment) -> usize {
        self.of(partner).count()
    }

    /// Tells whether a leg is a far person's.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.by_leg.contains_key(&leg)
    }

    /// Returns a far person's leg.
    pub(super) fn leg(&self, who: Far) -> Option<LegId> {
        self.people.get(&who).map(|guest| guest.leg)
    }

    /// Returns the leg of a far person who is here or was.
    pub(super) fn leg_ever(&self, who: Far) -> Option<LegId> {
        self.leg(who).or_else(|| self.gone.get(&who).copied())
    }

    /// Returns a far person's partner.
    pub(super) fn partner(&self, who: Far) -> Option<&Deployment> {
        self.people.get(&who).map(|guest| &guest.person.origin)
    }

    /// Seats a far person.
    pub(super) async fn came(&mut self, person: FarPerson, border: Option<LegId>) {
        let leg = LegId::next();
        let guest = Guest {
            leg,
            seat: None,
            sound: None,
            _counted: Counted::person(&person.origin),
            person,
        };
        let who = guest.person.who;
        self.by_leg.insert(leg, who);
        self.people.insert(who, guest);
        self.seat(who, border).await;
    }

    /// Shows what a far person does now.
    pub(super) async fn changed(&mut self, person: FarPerson, border: Option<LegId>) {
        let who = person.who;
        let Some(guest) = self.people.get_mut(&who) else {
            return self.came(person, border).await;
        };
        let before = std::mem::replace(&mut guest.person, person);
        let Some(seat) = &guest.seat else {
            return self.seat(who, border).await;
        };
        // A room that is over denies, and its roster tells.
        let _ = show(&seat.control, Some(&before), &guest.person).await;
        self.tune(who, border).await;
    }

    /// Takes a far person's seat away.
    pub(super) fn went(&mut self, who: Far) {
        if let Some(guest) = self.people.remove(&who) {
            self.by_leg.remove(&guest.leg);
            self.gone.insert(who, guest.leg);
            while self.gone.len() > REMEMBERED {
                self.gone.pop_first();
            }
            if guest.sound.is_some() {
                self.house.plane.close(guest.leg);
            }
        }
    }

    /// Lets the sound of all people of a partner come by this border leg.
    pub(super) async fn border(&mut self, partner: &Deployment, border: Option<LegId>) {
        let whom: Vec<Far> = self.of(partner).map(|guest| guest.person.who).collect();
        for who in whom {
            self.tune(who, border).await;
        }
    }

    /// Hands on what a far person wrote. `unpaced` lines are not counted as flooding.
    pub(super) async fn say(&self, who: Far, text: &str, unpaced: bool) {
        let Some(seat) = self.people.get(&who).and_then(|guest| guest.seat.as_ref()) else {
            return;
        };
        let said = match unpaced {
            true => seat.control.say_unpaced(text).await,
            false => seat.control.say(text).await,
        };
        if let Err(denial) = said {
            tracing::debug!(?denial, "a far line was not shown");
        }
    }

    /// Opens a microphone again that only our side had closed.
    pub(super) async fn open_again(&self, who: Far) {
        let guest = self.people.get(&who).filter(|guest| guest.person.audio);
        if let Some(seat) = guest.and_then(|guest| guest.seat.as_ref()) {
            // A room that is over denies.
            let _ = seat.control.set_muted(false).await;
        }
    }

    /// Raises a hand again that only our side had lowered.
    pub(super) async fn raise_again(&self, who: Far) {
        let guest = self.people.get(&who).filter(|guest| guest.person.hand);
        if let Some(seat) = guest.and_then(|guest| guest.seat.as_ref()) {
            // A room that is over denies.
            let _ = seat.control.set_hand(true).await;
        }
    }

    /// Seats somebody again whom only our side had removed.
    pub(super) async fn seat_again(&mut self, who: Far, border: Option<LegId>) {
        if self.people.get(&who).is_some_and(|guest| guest.seat.is_none()) {
            self.seat(who, border).await;
        }
    }

    /// Learns that a seat is no more.
    pub(super) fn unseated(&mut self, who: Far) {
        if let Some(guest) = self.people.get_mut(&who) {
            guest.seat = None;
            if guest.sound.take().is_some() {
                self.house.plane.close(guest.leg);
            }
        }
    }

    async fn seat(&mut self, who: Far, border: Option<LegId>) {
        let Some(name) = self.people.get(&who).map(|guest| guest.person.name.clone()) else {
            return;
        };
        let papers = self.papers(&name);
        let Some(guest) = self.people.get_mut(&who) else { return };
        let person = &guest.person;
        let entrant = Entrant {
            leg: guest.leg,
            name,
            kind: Kind::Federated,
            role: call::Role::Participant,
            attached: false,
            papers,
            far: Some(FarEntrant {
                authority: Arc::clone(&person.authority),
                deployment: person.origin.as_str().into(),
                is_moderator: person.role == Role::Moderator,
            }),
        };
        // A far person opens no room: this life of it may be over.
        let onlooker = self.house.rooms.look_on(&self.entry.id);
        if onlooker.is_none_or(|onlooker| onlooker.key() != self.key) {
            return;
        }
        let seat = match self.house.rooms.join(&self.entry, entrant).await {
            Ok(seat) => seat,
            Err(cause) => {
                tracing::debug!(leg = %guest.leg, cause = cause.as_str(), "a far person has no seat");
                return;
            }
        };
        let control = seat.control().clone();
        let task = tokio::spawn(listen(who, seat, self.news.clone())).abort_handle();
        let _ = show(&control, None, person).await;
        guest.seat = Some(Seated { control, task });
        self.tune(who, border).await;
    }

    /// Opens a far person's sound, or closes it, as border and stream are. While there is no border a far leg is silent:
    /// the next one takes it up where it is.
    async fn tune(&mut self, who: Far, border: Option<LegId>) {
        let Some(guest) = self.people.get_mut(&who) else { return };
        let Some(seat) = &guest.seat else { return };
        let wanted = border.zip(guest.person.stream);
        if let Some((border, ssrc)) = wanted.filter(|_| guest.sound != wanted) {
            self.house.plane.open_far(border, guest.leg, ssrc, self.key);
            if guest.sound.is_none() {
                // A room that is over denies.
                let _ = seat.control.attached().await;
            }
            guest.sound = wanted;
        } else if guest.person.stream.is_none() && guest.sound.take().is_some() {
            // The room forgets the leg before the plane does.
            let _ = seat.control.detached(false).await;
            self.house.plane.close(guest.leg);
        }
    }

    /// Returns what lets far people into a meeting elsewhere before a telephone of ours is in it.
    fn papers(&self, name: &str) -> Papers {
        let config = self.house.config();
        let room = config.federation.as_ref().and_then(|ours| ours.room_of(&self.entry.id));
        match (&self.entry.residence, room.and_then(|room| room.pin.as_ref())) {
            (Residence::Opentalk, Some(Pin(pin))) => Papers::Opentalk(OpentalkPapers {
                admission: None,
                meeting: self.entry.id.clone(),
                pin: pin.clone(),
                name: Name::new(name, ""),
            }),
            _ => Papers::None,
        }
    }

    fn of(&self, partner: &Deployment) -> impl Iterator<Item = &Guest> {
        self.people
            .values()
            .filter(move |guest| guest.person.origin == *partner)
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        for guest in self.people.values().filter(|guest| guest.sound.is_some()) {
            self.house.plane.close(guest.leg);
        }
    }
}

/// Shows the room what a far person does; what did not change is not touched, for our own moderators act on it, too.
async fn show(control: &Control, before: Option<&FarPerson>, now: &FarPerson) -> Result<(), Denial> {
    let was = |of: fn(&FarPerson) -> bool, fresh: bool| before.map_or(fresh, of);
    if before.is_some_and(|before| (&before.name, before.role) != (&now.name, now.role)) {
        control.introduce(&now.name, now.role == Role::Moderator).await?;
    }
    if now.away != was(|person| person.away, false) {
        control.set_away(now.away).await?;
    }
    if now.audio != was(|person| person.audio, true) {
        control.set_muted(!now.audio).await?;
    }
    if now.hand != was(|person| person.hand, false) {
        control.set_hand(now.hand).await?;
    }
    let consent = now.consent;
    if consent != before.map_or(Consent::Unknown, |before| before.consent) && consent != Consent::Unknown {
        // A room that nobody records asks for none.
        let _ = control.consent(matches!(consent, Consent::Given(_))).await;
    }
    Ok(())
}

/// Hands on what a seat is told, until it is over.
async fn listen(who: Far, mut seat: Seat, news: mpsc::Sender<News>) {
    while let Some(notice) = seat.next_notice().await {
        let is_last = matches!(notice, Notice::Ended(_));
        if news.send(News::Notice(who, notice)).await.is_err() || is_last {
            return;
        }
    }
}
