// SPDX-License-Identifier: EUPL-1.2
//! One occupant of a hosted chat in its meeting: a task that holds the seat, or uses that of the same user's call.

use std::sync::Arc;

use landbridge_jingle::muc::OccupantId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::super::Post;
use super::super::driver::Order;
use crate::call::house::House;
use crate::call::{Cause, Invitation, LegId, visit};
use crate::lobby::{Language, written_of_partner};
use crate::room::{ChatLines, Control, Denial, Input, Notice};

/// Wishes of one occupant that may wait.
const WISHES: usize = 16;

/// What an occupant wants of the meeting.
#[derive(Debug)]
pub(super) enum Wanted {
    Say(String),
    Muted(bool),
    Hand(bool),
    /// Something on a moderator's authority.
    Remove(LegId),
    Silence(LegId),
}

/// What a guest's task tells.
pub(in super::super) enum Told {
    /// The occupant has a seat in the room proper.
    Seated(Control),
    /// The occupant waits to be let in by a moderator.
    Waiting,
    /// The occupant has none, or no more.
    Ended(Cause),
    /// The room does not show what the occupant wrote.
    Denied(Denial),
    /// The room itself has something to say to the occupant.
    News(String),
    /// Somebody wrote.
    Line(Arc<crate::room::ChatLine>),
}

/// Where a guest's task tells it.
#[derive(Clone)]
pub(super) struct Place {
    pub post: Post,
    pub node: String,
    pub occupant: OccupantId,
}

impl Place {
    async fn tell(&self, told: Told) {
        let order = Order::Guest(self.node.clone(), self.occupant, told);
        self.post.wait(order).await;
    }
}

/// The way to an occupant's task. Dropping it leaves the meeting.
pub(super) struct Guest {
    /// The person of the room that the occupant is: its own, or that of the call.
    pub leg: LegId,
    /// Whether the seat is that of a call.
    pub is_lent: bool,
    wanted: mpsc::Sender<Wanted>,
    task: AbortHandle,
}

impl Guest {
    /// Goes through the door of a meeting.
    pub(super) fn enter(
        house: Arc<House>,
        invitation: Invitation,
        door: (String, Option<String>),
        place: Place,
    ) -> Guest {
        let (wanted, wishes) = mpsc::channel(WISHES);
        let leg = invitation.leg;
        let task = tokio::spawn(sit(house, invitation, door, place, wishes)).abort_handle();
        let is_lent = false;
        Guest {
            leg,
            is_lent,
            wanted,
            task,
        }
    }

    /// Uses the seat of a call.
    pub(super) fn borrow(control: Control, place: Place) -> Guest {
        let (wanted, wishes) = mpsc::channel(WISHES);
        let leg = control.person();
        let task = tokio::spawn(lean(control, place, wishes)).abort_handle();
        let is_lent = true;
        Guest {
            leg,
            is_lent,
            wanted,
            task,
        }
    }

    /// Is in no meeting yet.
    pub(super) fn nobody() -> Guest {
        let (wanted, _) = mpsc::channel(1);
        Guest {
            leg: LegId::next(),
            is_lent: false,
            wanted,
            task: tokio::spawn(async {}).abort_handle(),
        }
    }

    /// Wants something; whoever wants more than the meeting can take is not heard.
    pub(super) fn want(&self, wanted: Wanted) {
        if self.wanted.try_send(wanted).is_err() {
            tracing::debug!(leg = %self.leg, "a wish of an occupant was lost");
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes a seat and keeps it.
async fn sit(
    house: Arc<House>,
    invitation: Invitation,
    (meeting, pin): (String, Option<String>),
    place: Place,
    mut wishes: mpsc::Receiver<Wanted>,
) {
    let mut seat = match visit::enter(&house, &invitation, &meeting, pin.as_deref(), false).await {
        Ok(seat) => seat,
        Err(cause) => return place.tell(Told::Ended(cause)).await,
    };
    let control = seat.control().clone();
    let mut chat = None;
    loop {
        tokio::select! {
            notice = seat.next_notice() => match notice {
                Some(Notice::Joined { .. } | Notice::Admitted { .. }) if chat.is_none() => {
                    chat = Some(control.chat());
                    place.tell(Told::Seated(control.clone())).await;
                }
                Some(Notice::Waiting) => place.tell(Told::Waiting).await,
                Some(Notice::Ended(cause)) => return place.tell(Told::Ended(cause)).await,
                // Who waits does not read; whoever wants to come back joins again.
                Some(Notice::SentToWaitingRoom) => return place.tell(Told::Ended(Cause::Removed)).await,
                Some(notice) => {
                    if let Some(text) = of_partner(&house, &control, notice) {
                        place.tell(Told::News(text)).await;
                    }
                }
                None => return place.tell(Told::Ended(Cause::Internal)).await,
            },
            line = next_line(&mut chat) => place.tell(Told::Line(line)).await,
            wanted = wishes.recv() => match wanted {
                Some(wanted) => ask(&control, wanted, &place).await,
                None => return,
            },
        }
    }
}

/// Writes what a notice tells of a partner of a joint session.
fn of_partner(house: &House, control: &Control, notice: Notice) -> Option<String> {
    let roster = Arc::clone(&control.roster().borrow());
    let partner = roster.partner(notice.partner()?)?;
    let config = house.config();
    let language = config.lobby.languages.first().and_then(|text| Language::parse(text));
    let text = written_of_partner(notice, &partner.authority, language.unwrap_or_default());
    (!text.is_empty()).then_some(text)
}

/// Uses a seat that is another's; it ends with the call, which the driver sees.
async fn lean(control: Control, place: Place, mut wishes: mpsc::Receiver<Wanted>) {
    let mut chat = Some(control.chat());
    loop {
        tokio::select! {
            line = next_line(&mut chat) => place.tell(Told::Line(line)).await,
            wanted = wishes.recv() => match wanted {
                Some(wanted) => ask(&control, wanted, &place).await,
                None => return,
            },
        }
    }
}

/// Does what an occupant wants; it hears of a line that is not shown.
async fn ask(control: &Control, wanted: Wanted, place: &Place) {
    match wanted {
        Wanted::Say(text) => {
            if let Err(denial) = control.say(&text).await {
                place.tell(Told::Denied(denial)).await;
            }
        }
        wanted => carry_out(control, wanted).await,
    }
}

/// Does what somebody wants of the meeting, on the authority of a seat.
pub(super) async fn carry_out(control: &Control, wanted: Wanted) {
    let by = control.by();
    let done = match wanted {
        Wanted::Say(text) => control.say(&text).await,
        Wanted::Muted(muted) => control.set_muted(muted).await,
        Wanted::Hand(raised) => control.set_hand(raised).await,
        Wanted::Remove(person) => control.ask(Input::Remove { by, person }).await,
        Wanted::Silence(person) => {
            let muted = true;
            control.ask(Input::SetMuted { by, person, muted }).await
        }
    };
    if let Err(denial) = done {
        tracing::debug!(leg = %control.person(), ?denial, "the room denied an occupant's wish");
    }
}

/// Waits for the next line that the person may read; for ever, if it may read none.
async fn next_line(chat: &mut Option<ChatLines>) -> Arc<crate::room::ChatLine> {
    loop {
        let Some(lines) = chat else {
            return std::future::pending().await;
        };
        match lines.recv().await {
            Ok(line) => return line,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
