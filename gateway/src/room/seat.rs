// SPDX-License-Identifier: EUPL-1.2
//! A person's place in a room, as its leg holds it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::call::{Cause, Kind, LegId, Role};
use crate::room::actor::Letter;
use crate::room::chat::Chat;
use crate::room::{By, ChatLine, ChatLines, Denial, Input, Notice, Papers, Residence, Roster};

/// Who comes in; the credentials were checked before.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// The person's leg.
    pub leg: LegId,
    /// The wished name (see [`names`](crate::room::names)).
    pub name: String,
    /// How the person takes part.
    pub kind: Kind,
    /// What the person may do.
    pub role: Role,
    /// Whether the media plane knows the leg already (a phone) or [`Control::attached`] will follow (a browser).
    pub attached: bool,
    /// What shows a home elsewhere that the person may come in.
    pub papers: Papers,
    /// Where the person is, if it is in a partner's half of a joint session.
    pub far: Option<FarEntrant>,
}

/// What a room knows of somebody in a partner's half of a joint session. Such a person passes lock, waiting room and
/// `max_people`, and moderates nobody here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FarEntrant {
    /// The authority that people read beside the name.
    pub authority: Arc<str>,
    /// The DNS name of the partner's deployment.
    pub deployment: Arc<str>,
    /// Whether the person is a moderator there.
    pub is_moderator: bool,
}

impl FarEntrant {
    /// Returns the name by which the person is known where only the name can tell whose it is.
    pub(super) fn name_abroad(&self, name: &str) -> String {
        if name.contains(&*self.authority) {
            name.to_owned()
        } else {
            format!("{name} ({})", self.authority)
        }
    }
}

/// A person's place in a room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Seat {
    pub(super) control: Control,
    pub(super) notices: mpsc::Receiver<Notice>,
    pub(super) gone: mpsc::UnboundedSender<LegId>,
}

impl Seat {
    /// Returns what the person can do and see; clones may outlive the seat and then find the room without the person.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Waits for the next notice. The last one is always `Ended`; after it comes `None`. (Should the room's task die,
    /// `None` comes alone.) Safe to cancel.
    pub async fn next_notice(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // An error means that the room is over, and everybody out.
        let _ = self.gone.send(self.control.person);
    }
}

/// What one person can do in its room and see of it.
#[derive(Clone)]
pub struct Control {
    pub(super) person: LegId,
    pub(super) role: Role,
    pub(super) residence: Residence,
    pub(super) mailbox: mpsc::Sender<Letter>,
    pub(super) roster: watch::Receiver<Arc<Roster>>,
    pub(super) chat: Arc<Chat>,
}

impl Control {
    /// Returns who this is.
    pub fn person(&self) -> LegId {
        self.person
    }

    /// Returns what this person may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns where the room lives.
    pub fn residence(&self) -> &Residence {
        &self.residence
    }

    /// Returns the room's roster; `changed()` on it wakes at most ten times a second.
    pub fn roster(&self) -> watch::Receiver<Arc<Roster>> {
        self.roster.clone()
    }

    /// Mutes or unmutes oneself.
    pub async fn set_muted(&self, muted: bool) -> Result<(), Denial> {
        self.ask(Input::SetMuted {
            by: self.by(),
            person: self.person,
            muted,
        })
        .await
    }

    /// Raises or lowers one's own hand.
    pub async fn set_hand(&self, raised: bool) -> Result<(), Denial> {
        let person = self.person;
        let input = if raised {
            Input::RaiseHand { person }
        } else {
            Input::LowerHand { by: self.by(), person }
        };
        self.ask(input).await
    }

    /// Says yes or no to being recorded.
    pub async fn consent(&self, given: bool) -> Result<(), Denial> {
        let person = self.person;
        self.ask(Input::Consent { person, given }).await
    }

    /// Goes to the open breakout room, or back.
    pub async fn change_room(&self) -> Result<(), Denial> {
        self.ask(Input::ChangeRoom { person: self.person }).await
    }

    /// Tells the room which key was pressed, for whoever is interested.
    pub async fn key(&self, key: char) -> Result<(), Denial> {
        let person = self.person;
        self.ask(Input::Key { person, key }).await
    }

    /// Writes to all who are present; they see the cleaned text, and so does this person.
    pub async fn say(&self, text: &str) -> Result<(), Denial> {
        let (person, text) = (self.person, text.to_owned());
        self.ask(Input::Say { person, text }).await
    }

    /// Writes what a far person wrote while it was out of reach; not counted as flooding.
    pub async fn say_unpaced(&self, text: &str) -> Result<(), Denial> {
        let (person, text) = (self.person, text.to_owned());
        self.ask(Input::SayUnpaced { person, text }).await
    }

    /// Marks this far person as out of reach, or as back.
    pub async fn set_away(&self, away: bool) -> Result<(), Denial> {
        let person = self.person;
        self.ask(Input::Away { person, away }).await
    }

    /// Shows this far person by another name or role.
    pub async fn introduce(&self, name: &str, is_moderator: bool) -> Result<(), Denial> {
        let (person, name) = (self.person, name.to_owned());
        self.ask(Input::Introduce {
            person,
            name,
            is_moderator,
        })
        .await
    }

    /// Follows what is written from now on, as far as this person may read it.
    pub fn chat(&self) -> ChatLines {
        self.chat.read(self.person).1
    }

    /// Returns the last lines that this person may read, oldest first, and follows the rest without a gap.
    pub fn chat_so_far(&self) -> (Vec<Arc<ChatLine>>, ChatLines) {
        self.chat.read(self.person)
    }

    /// Leaves the room for `cause`, which the last notice repeats.
    pub async fn leave(&self, cause: Cause) -> Result<(), Denial> {
        self.ask(Input::Leave {
            person: self.person,
            cause,
        })
        .await
    }

    /// Tells the room that the media plane knows the leg now.
    pub async fn attached(&self) -> Result<(), Denial> {
        self.ask(Input::Attached(self.person)).await
    }

    /// Tells the room that the media leg is gone while the person stays; `failed` if it broke.
    pub async fn detached(&self, failed: bool) -> Result<(), Denial> {
        self.ask(Input::Detached {
            person: self.person,
            failed,
        })
        .await
    }

    /// Asks for anything else on this person's authority: `control.ask(Input::Lock { by: control.by(), … })`.
    pub async fn ask(&self, input: Input) -> Result<(), Denial> {
        ask(&self.mailbox, input).await
    }

    /// Returns this person's authority.
    pub fn by(&self) -> By {
        By::Person(self.person)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("person", &self.person)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Puts a question to a room and waits for its answer.
pub(super) async fn ask(mailbox: &mpsc::Sender<Letter>, input: Input) -> Result<(), Denial> {
    const OVER: Denial = Denial::Refused(Cause::RoomEnded);
    let (answer, answered) = oneshot::channel();
    mailbox.send(Letter::Ask(input, answer)).await.map_err(|_| OVER)?;
    answered.await.unwrap_or(Err(OVER))
}
