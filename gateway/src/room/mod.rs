// SPDX-License-Identifier: EUPL-1.2
//! Rooms: people, floor, roster, moderation, and the homes a room can have.
//!
//! ```text
//! lobby / join API   Meetings::check(id, pin)  -> (meeting, role)
//! legs               Rooms::join(meeting, Entrant) -> Seat        one tokio task per live room
//! actor              Home::handle(now, Input) … poll() -> Output   the core knows neither task nor socket
//!                      Tell(person, Notice)  -> the seat's bounded channel
//!                      Media(order)          -> MediaOrders, bound to the media plane
//!                      Abroad(person, deed)  -> Abroad, the guest's task where the room lives; its News come back
//!                      Roster                -> watch::Receiver<Arc<Roster>>, at most ten a second
//! ```

/// Runs one live room: mailbox in, notices, media orders and rosters out.
mod actor;
/// What people write to each other in a room.
pub mod chat;
/// Who may enter which meeting, by which PIN.
pub mod directory;
/// People of partners in a room of the gateway's own.
mod federated;
/// What a room does with people of partners, told as short plays.
#[cfg(test)]
mod federated_tests;
/// Where a room lives: in the gateway, in LiveKit, in OpenTalk.
pub mod home;
/// Random histories that no room may fail.
#[cfg(test)]
mod invariants;
/// The partners of a joint session.
mod joint;
/// What moderators may do to others and to the room.
mod moderation;
/// What people may be called, and what of a phone number others see.
pub mod names;
/// Whoever looks on at a room without being in it.
mod onlooker;
/// The handle to all live rooms.
mod rooms;
/// Live rooms and their tasks, in virtual time.
#[cfg(test)]
mod rooms_tests;
/// What everybody may know about a room at one moment.
pub mod roster;
/// A person's place in a room, as its leg holds it.
mod seat;
/// The core of a room: people come, speak, raise hands and go.
mod state;
/// What a room does, told as short plays.
#[cfg(test)]
mod tests;
/// The words a room hears and says.
mod vocabulary;

pub use crate::media::{Chime, RoomKey};
pub use chat::{ChatLine, ChatLines};
pub use directory::{Meeting, Meetings, Residence};
pub use home::remote::{Deed, HallEnd, HallNews, HallPerson, News, OpentalkPapers, Papers, refusal};
pub use joint::{JointPartner, JointState, PartnerId};
pub use onlooker::{LiveRooms, Onlooker};
pub use rooms::{Abroad, MediaOrders, NewsSink, Rooms, RoomsConfig, Stranger};
pub use roster::{Person, Roster};
pub use seat::{Control, Entrant, FarEntrant, Seat};
pub use state::{Room, RoomConfig};
pub use vocabulary::{By, Denial, Input, InviteState, MediaOrder, Notice, Output};
