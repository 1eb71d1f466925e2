// SPDX-License-Identifier: EUPL-1.2
//! What is answered to a chat message without a call: how to come in. Once in a while for each user.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use landbridge_jingle::own::Own;

use super::address;

/// How long a user who was answered is not answered again.
const PAUSE: Duration = Duration::from_secs(600);
/// Users who are remembered; more, and all are forgotten.
const USERS: usize = 4096;

/// Remembers who was answered.
#[derive(Default)]
pub(super) struct Help {
    answered: HashMap<String, Instant>,
}

impl Help {
    /// Tells whether a user (a bare address) is to be answered now.
    pub(super) fn is_due(&mut self, now: Instant, user: &str) -> bool {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < PAUSE;
        if self.answered.get(user).is_some_and(recent) {
            return false;
        }
        if self.answered.len() >= USERS {
            self.answered.retain(|_, at| recent(at));
            if self.answered.len() >= USERS {
                self.answered.clear();
            }
        }
        self.answered.insert(user.to_owned(), now);
        true
    }
}

/// Says how to come in, in German and English: nobody has said yet which it is to be.
pub(super) fn text(room: &Own, is_chat_room: bool) -> String {
    // Without the PIN that may be part of what was written to.
    let address = address::called(room).uri;
    let address = address.trim_start_matches("xmpp:").trim_start_matches('@');
    let (join_de, join_en) = if is_chat_room && room.node().is_some() {
        (
            "; im Chat dabei sind Sie, wenn Sie dieser Adresse als Gruppenchat beitreten",
            "; to take part in its chat, join this address as a group chat",
        )
    } else {
        ("", "")
    };
    match room.node() {
        Some(_) => format!(
            "Rufen Sie {address} an, um an der Besprechung teilzunehmen{join_de}.\n\
             Call {address} to take part in the meeting{join_en}."
        ),
        None => format!(
            "Rufen Sie <Nummer der Besprechung>@{address} an, um teilzunehmen.\n\
             Call <meeting id>@{address} to take part in a meeting."
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use landbridge_jingle::own::Domain;

    use super::*;
    use crate::call::house::now;

    #[test]
    fn a_user_is_answered_once_in_ten_minutes() {
        let (mut help, start) = (Help::default(), now());
        assert!(help.is_due(start, "alice@a.example"));
        assert!(!help.is_due(start + Duration::from_secs(599), "alice@a.example"));
        assert!(help.is_due(start, "bob@a.example"));
        assert!(help.is_due(start + Duration::from_secs(600), "alice@a.example"));
    }

    #[test]
    fn the_answer_names_the_address_in_both_languages() {
        let domain = Domain::new("meet.example").unwrap();
        let text = |node: &str, chat| super::text(&domain.address(node, "").unwrap(), chat);
        assert!(text("12345678", true).contains("Call 12345678@meet.example to take part in the meeting; to"));
        assert!(!text("12345678", false).contains("group chat"));
        assert!(text("", true).contains("Rufen Sie <Nummer der Besprechung>@meet.example an"));
    }
}
