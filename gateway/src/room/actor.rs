// SPDX-License-Identifier: EUPL-1.2
//! Runs one live room: mailbox in, notices, media orders and rosters out.
//!
//! The task never waits for anybody but its own mailbox: notices go by `try_send` (a leg that does not read its
//! notices loses the oldest news, never its `Ended`), rosters by watch, media orders by a call that may not block.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use crate::call::{Cause, Kind, LegId};
use crate::room::chat::Chat;
use crate::room::home::Home;
use crate::room::rooms::{Abroad, Live, MediaOrders, NewsSink, Stranger};
use crate::room::{
    Control, Deed, Denial, Entrant, Input, MediaOrder, News, Notice, Output, Residence, RoomKey, Roster, Seat,
};

/// The least time between two rosters.
pub(super) const ROSTER_PACE: Duration = Duration::from_millis(100);

/// How many notices wait for a slow leg.
const NOTICES: usize = 32;

/// What a room's mailbox holds.
#[derive(Debug)]
pub(super) enum Letter {
    /// Somebody wants in.
    Join(Entrant, oneshot::Sender<Result<Seat, Cause>>),
    /// Somebody wants something.
    Ask(Input, oneshot::Sender<Result<(), Denial>>),
    /// The media plane says who speaks.
    Speaking(Vec<LegId>),
    /// A guest's task has news from where the room lives.
    News(LegId, News),
}

pub(super) struct Actor {
    pub(super) home: Box<dyn Home>,
    pub(super) key: RoomKey,
    pub(super) mailbox: mpsc::Receiver<Letter>,
    pub(super) to_self: mpsc::WeakSender<Letter>,
    pub(super) roster: watch::Sender<Arc<Roster>>,
    pub(super) chat: Arc<Chat>,
    pub(super) media: Arc<dyn MediaOrders>,
    pub(super) residence: Residence,
    pub(super) abroad: Option<Arc<dyn Abroad>>,
    /// Guests whose task did not take a deed.
    pub(super) stuck: Vec<LegId>,
    /// Strikes the room off the list of live rooms when the task ends, however it ends.
    pub(super) live: Live,
}

struct Ear {
    /// What it is called where the room lives.
    name: String,
    is_far: bool,
    notices: mpsc::Sender<Notice>,
    /// Kept free for `Ended`.
    last: mpsc::OwnedPermit<Notice>,
    /// The way to the guest's task, for a room that lives elsewhere.
    deeds: Option<mpsc::Sender<Deed>>,
    _counted: Counted,
}

impl Actor {
    pub(super) async fn run(mut self) {
        // One message per person at most, so the number of people bounds it.
        #[allow(clippy::disallowed_methods, reason = "the number of people bounds it")]
        let (gone_in, mut gone) = mpsc::unbounded_channel();
        let mut ears = HashMap::new();
        let mut pace = Pace::default();
        let mut is_over = false;
        while !is_over {
            let home_due = self.home.deadline();
            let roster_due = pace.due();
            tokio::select! {
                // News first: whoever comes at the last moment keeps an empty room alive.
                biased;
                letter = self.mailbox.recv() => match letter {
                    Some(letter) => is_over = self.open_letter(letter, &gone_in, &mut ears, &mut pace),
                    None => is_over = true,
                },
                Some(person) = gone.recv() => {
                    let input = Input::Leave { person, cause: Cause::Left };
                    is_over = self.drive(input, &mut ears, &mut pace).1;
                }
                () = at(home_due), if home_due.is_some() => {
                    is_over = self.drive(Input::Timeout, &mut ears, &mut pace).1;
                }
                () = at(roster_due), if roster_due.is_some() => {}
            }
            if is_over || pace.is_ready(now()) {
                pace.published(now());
                self.roster.send_replace(Arc::new(self.home.roster()));
            }
        }
        // Whoever still asks finds the mailbox closed and opens the room anew.
        drop(self.live);
    }

    fn open_letter(
        &mut self,
        letter: Letter,
        gone: &mpsc::UnboundedSender<LegId>,
        ears: &mut HashMap<LegId, Ear>,
        pace: &mut Pace,
    ) -> bool {
        match letter {
            Letter::Speaking(legs) => self.drive(Input::Speaking(legs), ears, pace).1,
            Letter::News(person, news) => self.drive(Input::News { person, news }, ears, pace).1,
            Letter::Ask(input, answer) => {
                let (answered, is_over) = self.drive(input, ears, pace);
                // Whoever asked may have gone; the deed stands.
                let _ = answer.send(answered);
                is_over
            }
            Letter::Join(entrant, answer) => {
                let (seated, is_over) = self.join(entrant, gone, ears, pace);
                // A seat that nobody takes is dropped, and so leaves.
                let _ = answer.send(seated);
                is_over
            }
        }
    }

    fn join(
        &mut self,
        entrant: Entrant,
        gone: &mpsc::UnboundedSender<LegId>,
        ears: &mut HashMap<LegId, Ear>,
        pace: &mut Pace,
    ) -> (Result<Seat, Cause>, bool) {
        let Entrant {
            leg,
            name,
            kind,
            role,
            attached,
            papers,
            far,
        } = entrant;
        let Some(mailbox) = self.to_self.upgrade() else {
            return (Err(Cause::RoomEnded), true);
        };
        if ears.contains_key(&leg) {
            return (Err(Cause::Internal), false);
        }
        let (notices, heard) = mpsc::channel(NOTICES);
        let Ok(last) = notices.clone().try_reserve_owned() else {
            return (Err(Cause::Internal), false);
        };
        ears.insert(
            leg,
            Ear {
                name: far.as_ref().map_or_else(|| name.clone(), |far| far.name_abroad(&name)),
                is_far: far.is_some(),
                notices,
                last,
                deeds: None,
                _counted: Counted::new(kind),
            },
        );
        let input = Input::Join {
            person: leg,
            name,
            kind,
            role,
            attached,
            papers,
            far,
        };
        match self.drive(input, ears, pace) {
            (Ok(()), is_over) => {
                let control = Control {
                    person: leg,
                    role,
                    residence: self.residence.clone(),
                    mailbox,
                    roster: self.roster.subscribe(),
                    chat: Arc::clone(&self.chat),
                };
                // The newcomer's first look shows itself.
                pace.published(now());
                self.roster.send_replace(Arc::new(self.home.roster()));
                (
                    Ok(Seat {
                        control,
                        notices: heard,
                        gone: gone.clone(),
                    }),
                    is_over,
                )
            }
            (Err(denial), is_over) => {
                ears.remove(&leg);
                let cause = if let Denial::Refused(cause) = denial {
                    cause
                } else {
                    Cause::Forbidden
                };
                (Err(cause), is_over)
            }
        }
    }

    fn drive(&mut self, input: Input, ears: &mut HashMap<LegId, Ear>, pace: &mut Pace) -> (Result<(), Denial>, bool) {
        self.home.handle(now(), input);
        let mut answered = Ok(());
        let mut is_over = false;
        while let Some(output) = self.home.poll() {
            match output {
                Output::Answer(answer) => answered = answer,
                Output::Tell(person, notice) => tell(ears, person, notice),
                Output::Media(order) => self.order(order),
                Output::Abroad(person, deed) => self.abroad(ears, person, deed),
                Output::Chat {
                    from,
                    name,
                    text,
                    readers,
                } => self.chat.write(from, name, text, readers),
                Output::Roster => pace.is_wanted = true,
                Output::RosterAtOnce => {
                    pace.published(now());
                    self.roster.send_replace(Arc::new(self.home.roster()));
                }
                Output::Closed => is_over = true,
            }
        }
        if let Some(person) = self.stuck.pop() {
            let cause = Cause::Internal;
            is_over |= self.drive(Input::Leave { person, cause }, ears, pace).1;
        }
        (answered, is_over)
    }

    /// Hands a deed to the guest's task, which begins with the first one and ends with the last.
    fn abroad(&mut self, ears: &mut HashMap<LegId, Ear>, person: LegId, deed: Deed) {
        let (Some(ear), Some(abroad)) = (ears.get_mut(&person), &self.abroad) else {
            return;
        };
        let deeds = ear.deeds.get_or_insert_with(|| {
            let stranger = Stranger {
                person,
                name: ear.name.clone(),
                residence: self.residence.clone(),
                is_far: ear.is_far,
            };
            abroad.receive(stranger, NewsSink::new(person, self.to_self.clone()))
        });
        let is_last = matches!(deed, Deed::Leave);
        if let Err(error) = deeds.try_send(deed)
            && !is_last
        {
            // A task that is this far behind is stuck, and what it missed may have been to keep still.
            tracing::error!(leg = %person, %error, "a guest's task does not keep up; the guest leaves");
            self.stuck.push(person);
        }
        if is_last {
            // The task ends when its channel does, whether the last word found room or not.
            ear.deeds = None;
        }
    }

    fn order(&self, order: MediaOrder) {
        match order {
            MediaOrder::Enter(leg) => self.media.enter(leg, self.key),
            MediaOrder::Leave(leg) => self.media.leave(leg),
            MediaOrder::Mute(leg, muted) => self.media.mute(leg, muted),
            MediaOrder::Chime(chime) => self.media.chime(self.key, chime),
        }
    }
}

fn tell(ears: &mut HashMap<LegId, Ear>, person: LegId, notice: Notice) {
    if let Notice::Ended(_) = notice {
        if let Some(ear) = ears.remove(&person) {
            ear.last.send(notice);
        }
    } else if let Some(ear) = ears.get(&person) {
        // A full channel means that the leg does not listen; the roster still tells it the state.
        let _ = ear.notices.try_send(notice);
    }
}

/// When the next roster goes out.
#[derive(Default)]
struct Pace {
    is_wanted: bool,
    last: Option<Instant>,
}

impl Pace {
    fn due(&self) -> Option<Instant> {
        self.is_wanted
            .then(|| self.last.map_or_else(now, |last| last + ROSTER_PACE))
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.is_wanted && self.last.is_none_or(|last| last + ROSTER_PACE <= now)
    }

    fn published(&mut self, now: Instant) {
        *self = Pace {
            is_wanted: false,
            last: Some(now),
        };
    }
}

/// Counts one person for as long as it lives.
struct Counted(&'static str);

impl Counted {
    fn new(kind: Kind) -> Counted {
        metrics::gauge!("landbridge_people", "kind" => kind.as_str()).increment(1.0);
        Counted(kind.as_str())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("landbridge_people", "kind" => self.0).decrement(1.0);
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn at(instant: Option<Instant>) {
    if let Some(instant) = instant {
        sleep_until(instant.into()).await;
    }
}
