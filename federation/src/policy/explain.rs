// SPDX-License-Identifier: EUPL-1.2
//! Says in words what leaves and which key of the configuration lets it.

use super::{Deed, Field, Invite, NameForm, Policy, RecordingRule};
use crate::{Deployment, RoomAlias};

/// Says what becomes of one thing towards one partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about, such as `hand`, or `may mute` for what the partner's moderators may do here.
    pub field: String,
    /// It leaves; or, of a deed, it is permitted.
    pub leaves: bool,
    /// In which form.
    pub as_what: String,
    /// Because of which key of the configuration.
    pub why: String,
}

impl Policy {
    /// Explains to an operator what leaves to a partner about a room and its people, and what its moderators may do here.
    pub fn explain(&self, partner: &Deployment, room: &RoomAlias) -> Vec<Line> {
        let key = |key: &str| format!("[[federation.partner]] name = \"{partner}\": {key}");
        let line = |field: &str, leaves: bool, as_what: &str, why: String| Line {
            field: field.to_owned(),
            leaves,
            as_what: as_what.to_owned(),
            why,
        };
        let is_shared = self.rooms.contains(room);
        let shared = match is_shared {
            true => format!("[federation.rooms] {room}: partners has \"{partner}\""),
            false => format!("[federation.rooms] {room}: partners does not have \"{partner}\""),
        };
        let mut lines = vec![line(
            "room",
            is_shared,
            if is_shared { "its alias" } else { "" },
            shared.clone(),
        )];
        let (name, form) = self.explain_name();
        lines.push(line(
            "name",
            self.name != NameForm::None,
            name,
            key(&format!("name_form = \"{form}\"")),
        ));
        lines.push(line(
            "presence",
            true,
            "somebody is there, by a pseudonym; of an account it is the same each time in this room",
            shared,
        ));
        for field in Field::ALL {
            let (leaves, word) = (self.tells(field), field.as_str());
            let has = if leaves { "has" } else { "does not have" };
            let as_what = if leaves { self.explain_field(field) } else { "" };
            lines.push(line(word, leaves, as_what, key(&format!("tells {has} \"{word}\""))));
        }
        let (lock, as_what) = match self.tells_lock() {
            true => (true, "locked or open"),
            false => (false, ""),
        };
        let because = "tells \"role\", or may \"lock\"";
        lines.push(line("lock", lock, as_what, key(because)));
        lines.push(self.explain_recording(&key));
        for deed in Deed::ALL {
            let (may, word) = (self.permits(deed), deed.as_str());
            let has = if may { "has" } else { "does not have" };
            let as_what = if may { explain_deed(deed) } else { "" };
            lines.push(line(
                &format!("may {word}"),
                may,
                as_what,
                key(&format!("may {has} \"{word}\"")),
            ));
        }
        let (invites, word) = match self.invite {
            Invite::Accept => (true, "accept"),
            Invite::Refuse => (false, "refuse"),
        };
        let taken = if invites { "its invitations are taken" } else { "" };
        lines.push(line(
            "may invite",
            invites,
            taken,
            key(&format!("invites = \"{word}\"")),
        ));
        lines.extend(NEVER.map(|field| line(field, false, "", "never: there is no key for it".to_owned())));
        if !is_shared {
            for line in &mut lines {
                (line.leaves, line.as_what) = (false, String::new());
            }
        }
        lines
    }

    fn explain_name(&self) -> (&'static str, &'static str) {
        match self.name {
            NameForm::None => ("", "none"),
            NameForm::Pseudonym => (
                "a pseudonym for this partner and room, \"Gast Kamorilu (…)\"",
                "pseudonym",
            ),
            NameForm::InitialsAndAuthority => ("initials and authority, \"A. L. (…)\"", "initials"),
            NameForm::Full => ("as in our roster, if it is no number, address or device", "full"),
        }
    }

    fn explain_field(&self, field: Field) -> &'static str {
        match field {
            Field::Role => "moderator or participant",
            Field::Audio => "microphone open or closed",
            Field::Video => "camera on or off",
            Field::Hand => "raised or not, and its place in the queue",
            Field::Speaking => "speaks or is silent",
            Field::Chat => "as written, with the author as named here",
            Field::Recording => "off, requested or active",
            Field::Language => "language and country",
            Field::Accessibility => "captions, sign language, real-time text, as the person has set them",
            Field::Consent if self.recording == RecordingRule::Never => "refused, for everybody",
            Field::Consent => "unknown, refused, or the version that was agreed to",
        }
    }

    fn explain_recording(&self, key: &dyn Fn(&str) -> String) -> Line {
        let (leaves, as_what, word) = match self.recording {
            RecordingRule::Never => (false, "", "never"),
            RecordingRule::WithConsent => (true, "of those who have consented", "with_consent"),
        };
        Line {
            field: "sound while the partner records".to_owned(),
            leaves,
            as_what: as_what.to_owned(),
            why: key(&format!("recording = \"{word}\"")),
        }
    }
}

fn explain_deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Mute => "its moderators close microphones of our people",
        Deed::LowerHand => "its moderators lower hands of our people",
        Deed::Remove => "its moderators remove our people",
        Deed::Lock => "its moderators lock and unlock our room",
        Deed::End => "its moderators end our room",
    }
}

/// What no configuration lets out.
const NEVER: [&str; 6] = [
    "telephone number",
    "SIP or XMPP address",
    "IP address",
    "e-mail address",
    "device and program",
    "account",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_line_says_which_key_decides() {
        let policy = Policy {
            rooms: ["crisis-team".parse().unwrap()].into(),
            name: NameForm::InitialsAndAuthority,
            fields: [Field::Hand].into(),
            may: [Deed::Mute].into(),
            ..Policy::default()
        };
        let lines = policy.explain(&"sh.example".parse().unwrap(), &"crisis-team".parse().unwrap());
        let line = |field: &str| lines.iter().find(|line| line.field == field).unwrap();
        assert!(line("hand").leaves && line("may mute").leaves && line("name").leaves);
        assert_eq!(
            line("hand").why,
            "[[federation.partner]] name = \"sh.example\": tells has \"hand\""
        );
        assert!(!line("chat").leaves && line("chat").why.contains("tells does not have \"chat\""));
        assert!(!line("telephone number").leaves && line("telephone number").why.starts_with("never"));
    }

    #[test]
    fn nothing_leaves_of_a_room_that_is_not_shared() {
        let policy = Policy {
            fields: Field::ALL.into(),
            ..Policy::default()
        };
        let lines = policy.explain(&"sh.example".parse().unwrap(), &"other".parse().unwrap());
        assert!(lines.iter().all(|line| !line.leaves));
    }
}
