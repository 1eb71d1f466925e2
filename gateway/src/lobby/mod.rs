// SPDX-License-Identifier: EUPL-1.2
//! Before a room: prompts, meeting id, PIN, languages, throttle, in-call keys.
//!
//! ```text
//! Lobby       keys and answers in, prompts and questions out; sans-IO, time is an argument
//! Throttle    how long a try waits, or that it is not made at all
//! Meetings    (in room) whether meeting id and PIN fit
//! Keys        in the room: 0 stop prompt, 1 mute, 2 hand, 8 invite the partner, * help
//! ```
//!
//! Whoever can read and write reads each prompt as well, and writes digits and words in place of keys.
//!
//! Not implemented: entry by speech or by real-time text (RFC 4103), moderator keys but 8.

/// What is said of the authorities of a joint session.
mod authority;
/// Reads recordings: Ogg Opus and WAV to 48 kHz mono.
mod clip;
/// The talk with a caller, from the welcome to the seat.
mod dialogue;
/// The prompts inside the binary.
mod embedded;
/// The digits of one answer, gathered from keys that may come early and all at once.
mod entry;
/// Keys inside a room.
mod keys;
/// The prompts as sound: built in, replaceable by the operator.
mod library;
/// A PIN that shows itself to nobody.
mod pin;
/// What can be said, and in which languages.
mod prompt;
/// The prompts as they are read.
mod texts;
/// Guards PINs against guessing without locking honest callers out.
mod throttle;
/// What somebody means who writes instead of pressing keys.
mod typed;
/// What a lobby is told, what it asks for, and how it is set up.
mod words;

pub use authority::{of_partner, written_of_partner};
pub use clip::{ClipError, read_clip};
pub use dialogue::Lobby;
pub use keys::{KeyAction, Keys};
pub use library::{PromptLibrary, PromptProblem};
pub use pin::Pin;
pub use prompt::{Language, Prompt, Stem};
pub use texts::{message, not_shown};
pub use throttle::{Source, Throttle, Throttled};
pub use typed::Typed;
pub use words::{LobbyInput, LobbyOptions, LobbyOutput, Verdict};
