// SPDX-License-Identifier: EUPL-1.2
//! Who may enter which meeting, by which PIN.
//!
//! The directory keeps keyed digests instead of PINs, does the same work for a meeting that does not exist as for one
//! that does, and compares in constant time: neither an answer nor its timing tells which part was wrong.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use subtle::{Choice, ConstantTimeEq};

use crate::call::Role;

/// The most people in a meeting that does not say otherwise.
pub const DEFAULT_MAX_PEOPLE: usize = 200;

/// Where a meeting's room lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In the gateway.
    Local,
    /// In LiveKit.
    Livekit {
        /// Name of the room there.
        room: String,
    },
    /// In OpenTalk.
    Opentalk,
}

impl Residence {
    /// Returns the word used by the API and the logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Residence::Local => "local",
            Residence::Livekit { .. } => "livekit",
            Residence::Opentalk => "opentalk",
        }
    }
}

/// One configured meeting.
#[derive(Clone)]
pub struct Meeting {
    /// The digits that name it.
    pub id: String,
    /// What participants enter; without one an empty PIN lets participants in.
    pub pin: Option<String>,
    /// What makes a moderator; without one the meeting has no moderators.
    pub moderator_pin: Option<String>,
    /// The name people see.
    pub name: String,
    /// Whether participants wait until a moderator lets them in.
    pub waiting_room: bool,
    /// The most people present at once.
    pub max_people: usize,
    /// Where its room lives.
    pub residence: Residence,
}

impl fmt::Debug for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meeting")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a room needs to know of its meeting; holds no PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The digits that name it.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// Whether participants wait until a moderator lets them in.
    pub waiting_room: bool,
    /// The most people present at once.
    pub max_people: usize,
    /// Where its room lives.
    pub residence: Residence,
}

impl Entry {
    /// Describes a meeting of OpenTalk, of which the gateway knows the id alone.
    pub fn of_opentalk(id: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            name: "OpenTalk".to_owned(),
            waiting_room: false,
            max_people: usize::MAX,
            residence: Residence::Opentalk,
        }
    }
}

/// The directory of meetings; cheap to clone, reloadable while in use.
#[derive(Clone)]
pub struct Meetings {
    key: Arc<hmac::Key>,
    book: Arc<RwLock<Arc<Book>>>,
}

struct Book {
    pages: HashMap<String, Page>,
    /// What an unknown id is compared with; no PIN has these digests.
    nobody: Page,
}

struct Page {
    entry: Arc<Entry>,
    pin: [u8; 32],
    moderator_pin: [u8; 32],
}

impl Meetings {
    /// Opens a directory.
    pub fn new(meetings: Vec<Meeting>) -> Meetings {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).expect("the system's random source works, else no TLS would either");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let book = Book::new(&key, meetings);
        Meetings {
            key: Arc::new(key),
            book: Arc::new(RwLock::new(Arc::new(book))),
        }
    }

    /// Replaces all meetings; rooms that live go on as they are.
    pub fn replace(&self, meetings: Vec<Meeting>) {
        let book = Arc::new(Book::new(&self.key, meetings));
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
    }

    /// Returns the meeting and the role if id and PIN fit.
    pub fn check(&self, id: &str, pin: &str) -> Option<(Arc<Entry>, Role)> {
        let book = self.book();
        let digest = digest(&self.key, pin);
        let (page, known) = match book.pages.get(id) {
            Some(page) => (page, Choice::from(1)),
            None => (&book.nobody, Choice::from(0)),
        };
        let participant = page.pin.ct_eq(&digest) & known;
        let moderator = page.moderator_pin.ct_eq(&digest) & known;
        let role = if bool::from(moderator) {
            Role::Moderator
        } else {
            Role::Participant
        };
        bool::from(participant | moderator).then(|| (Arc::clone(&page.entry), role))
    }

    /// Tells whether there is a meeting of this id.
    pub fn knows(&self, id: &str) -> bool {
        self.book().pages.contains_key(id)
    }

    /// Returns a meeting without asking for its PIN: for those who are inside already and call somebody in.
    pub fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.book().pages.get(id).map(|page| Arc::clone(&page.entry))
    }

    /// Counts the meetings.
    pub fn len(&self) -> usize {
        self.book().pages.len()
    }

    /// Returns whether there is no meeting at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Meetings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meetings").field("len", &self.len()).finish()
    }
}

impl Book {
    fn new(key: &hmac::Key, meetings: Vec<Meeting>) -> Book {
        let pages = meetings
            .into_iter()
            .map(|meeting| (meeting.id.clone(), Page::new(key, meeting)))
            .collect();
        let entry = Entry {
            id: String::new(),
            name: String::new(),
            waiting_room: false,
            max_people: 0,
            residence: Residence::Local,
        };
        Book {
            pages,
            nobody: Page {
                entry: Arc::new(entry),
                pin: [0; 32],
                moderator_pin: [0; 32],
            },
        }
    }
}

impl Page {
    fn new(key: &hmac::Key, meeting: Meeting) -> Page {
        let pin = digest(key, meeting.pin.as_deref().unwrap_or_default());
        let moderator_pin = match meeting.moderator_pin.as_deref() {
            None | Some("") => [0; 32],
            Some(pin) => digest(key, pin),
        };
        let entry = Entry {
            id: meeting.id,
            name: meeting.name,
            waiting_room: meeting.waiting_room,
            max_people: meeting.max_people,
            residence: meeting.residence,
        };
        Page {
            entry: Arc::new(entry),
            pin,
            moderator_pin,
        }
    }
}

fn digest(key: &hmac::Key, pin: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(hmac::sign(key, pin.as_bytes()).as_ref());
    digest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn meeting(id: &str, pin: Option<&str>, moderator_pin: Option<&str>) -> Meeting {
        Meeting {
            id: id.to_owned(),
            pin: pin.map(str::to_owned),
            moderator_pin: moderator_pin.map(str::to_owned),
            name: "Demo".to_owned(),
            waiting_room: false,
            max_people: DEFAULT_MAX_PEOPLE,
            residence: Residence::Local,
        }
    }

    #[test]
    fn the_pin_decides_the_role() {
        let meetings = Meetings::new(vec![meeting("1234567890", Some("0987654321"), Some("1111122222"))]);
        assert_eq!(meetings.check("1234567890", "0987654321").unwrap().1, Role::Participant);
        assert_eq!(meetings.check("1234567890", "1111122222").unwrap().1, Role::Moderator);
        assert!(meetings.check("1234567890", "0000000000").is_none());
        assert!(meetings.check("1234567890", "").is_none());
        assert!(meetings.check("9999999999", "0987654321").is_none());
    }

    #[test]
    fn a_meeting_without_pin_takes_only_an_empty_one_and_has_no_moderator_by_accident() {
        let meetings = Meetings::new(vec![meeting("1", None, None), meeting("2", None, Some(""))]);
        for id in ["1", "2"] {
            assert_eq!(meetings.check(id, "").unwrap().1, Role::Participant);
            assert!(meetings.check(id, "0").is_none());
        }
    }

    #[test]
    fn a_reload_takes_effect_for_every_clone() {
        let meetings = Meetings::new(vec![meeting("1", Some("1"), None)]);
        let clone = meetings.clone();
        meetings.replace(vec![meeting("2", Some("2"), None)]);
        assert!(clone.check("1", "1").is_none());
        assert!(clone.check("2", "2").is_some());
        assert_eq!(clone.len(), 1);
    }

    #[test]
    fn debug_output_holds_neither_id_nor_pin() {
        let text = format!("{:?}", meeting("1234567890", Some("0987654321"), Some("1111122222")));
        assert!(!text.contains("0987654321") && !text.contains("1111122222") && !text.contains("1234567890"));
    }
}
