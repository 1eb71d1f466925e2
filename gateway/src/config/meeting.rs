// SPDX-License-Identifier: EUPL-1.2
//! The meetings that this gateway knows by itself: `[[meeting]]`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::Meeting;
use super::file::Walk;
use super::values;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeetingPart {
    id: Spanned<String>,
    pin: Option<Spanned<String>>,
    moderator_pin: Option<Spanned<String>>,
    name: Option<String>,
    #[serde(default)]
    waiting_room: bool,
    max_people: Option<Spanned<usize>>,
    home: Option<Spanned<String>>,
    livekit_room: Option<Spanned<String>>,
    muc: Option<Spanned<String>>,
}

impl Walk<'_> {
    pub(super) fn meetings(&mut self, parts: Vec<MeetingPart>, has_livekit: bool, has_xmpp: bool) -> Vec<Meeting> {
        let mut seen = BTreeSet::new();
        let mut meetings = Vec::new();
        for part in parts {
            let id = self.value(&part.id, |v| values::digits(v, "meeting id"));
            let mut pin = |pin: &Option<Spanned<String>>| {
                pin.as_ref()
                    .and_then(|s| self.secret(s, |v| values::digits(v, "PIN").map_err(values::hide)))
            };
            let (pin, moderator_pin) = (pin(&part.pin), pin(&part.moderator_pin));
            if pin.is_some() && pin == moderator_pin {
                let what = "the moderator PIN is the same as the PIN".into();
                self.at(&part.id, what, "choose another moderator_pin".into());
            }
            let Some(id) = id else { continue };
            if !seen.insert(id.clone()) {
                self.at(
                    &part.id,
                    format!("two meetings have the id {id}"),
                    "give each its own".into(),
                );
            }
            let name = part.name.unwrap_or_else(|| format!("Meeting {id}"));
            let max_people = self.at_least_one(part.max_people.as_ref(), 200);
            meetings.push(Meeting {
                id,
                pin,
                moderator_pin,
                name,
                waiting_room: part.waiting_room,
                max_people,
                muc: part.muc.as_ref().and_then(|muc| self.mirror(muc, has_xmpp)),
                home: self.home(part.home.as_ref(), part.livekit_room.as_ref(), has_livekit),
            });
        }
        meetings
    }
}
