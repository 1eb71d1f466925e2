// SPDX-License-Identifier: EUPL-1.2
//! Asks the one who knows whether meeting id and PIN fit: the gateway's own directory, then OpenTalk's controller.

use std::sync::Arc;

use super::house::House;
use super::{Cause, Invitation, Kind, Role};
use crate::legs::opentalk::{Caller, Name, StartError};
use crate::room::directory::Entry;
use crate::room::{OpentalkPapers, Papers, Residence, names, refusal};

/// A caller that may come in.
pub(super) struct Admitted {
    pub(super) entry: Arc<Entry>,
    pub(super) role: Role,
    /// The name others see.
    pub(super) name: String,
    pub(super) papers: Papers,
}

/// Checks meeting id and PIN; without a PIN it is only asked whether the meeting is open to all.
/// `Cause::WrongCredentials` says that the two do not fit, never which of them.
pub(super) async fn admit(
    house: &House,
    invitation: &Invitation,
    meeting: &str,
    pin: Option<&str>,
) -> Result<Admitted, Cause> {
    let config = house.config();
    let of = if invitation.kind == Kind::Xmpp {
        names::of_jid
    } else {
        names::of_phone
    };
    let named = |whole_number| of(&invitation.from_name, &invitation.from, whole_number);
    if let Some((entry, role)) = house.meetings.check(meeting, pin.unwrap_or_default()) {
        let whole_number = config.livekit.as_ref().is_some_and(|livekit| livekit.full_numbers);
        let (name, papers) = match &entry.residence {
            Residence::Local => (named(config.log.personal_data), Papers::None),
            Residence::Livekit { .. } | Residence::Opentalk => (
                named(whole_number),
                Papers::Livekit(attributes(invitation, whole_number)),
            ),
        };
        return Ok(Admitted {
            entry,
            role,
            name,
            papers,
        });
    }
    // OpenTalk has no meeting without a PIN, so the question alone is no try; and what belongs to a meeting of our own,
    // or cannot be one of OpenTalk's, is not told to others.
    let (Some(way), Some(pin)) = (&house.ways.opentalk, pin) else {
        return Err(Cause::WrongCredentials);
    };
    if house.meetings.knows(meeting) || !is_opentalk(meeting) || !is_opentalk(pin) {
        return Err(Cause::WrongCredentials);
    }
    let whole_number = config.opentalk.as_ref().is_some_and(|opentalk| opentalk.full_numbers);
    let name = named(whole_number);
    let caller = Caller {
        id: meeting.to_owned(),
        pin: pin.to_owned(),
        name: Name::new(&name, ""),
    };
    match way.desk.start(&caller).await {
        Ok(admission) => Ok(Admitted {
            entry: Arc::new(Entry::of_opentalk(meeting)),
            role: Role::Participant,
            name: caller.name.as_str().to_owned(),
            papers: Papers::Opentalk(OpentalkPapers {
                admission: Some(admission),
                meeting: caller.id,
                pin: caller.pin,
                name: caller.name,
            }),
        }),
        Err(error) => {
            if error != StartError::WrongCredentials {
                tracing::warn!(leg = %invitation.leg, %error, "OpenTalk's controller admits nobody");
            }
            Err(refusal(&error))
        }
    }
}

/// Tells whether digits can be a meeting id or a PIN of OpenTalk: ten of them.
fn is_opentalk(digits: &str) -> bool {
    digits.len() == 10 && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Says of a call what other software of LiveKit looks for; numbers only where the operator allows personal data.
fn attributes(invitation: &Invitation, show_numbers: bool) -> Vec<(String, String)> {
    let mut attributes = vec![
        ("sip.callID".to_owned(), invitation.leg.to_string()),
        ("sip.callStatus".to_owned(), "active".to_owned()),
    ];
    if let Some(trunk) = &invitation.trunk {
        attributes.push(("sip.trunkID".to_owned(), trunk.clone()));
    }
    if show_numbers && invitation.kind == Kind::Phone {
        let number = names::of_phone("", &invitation.from, true);
        attributes.push(("sip.phoneNumber".to_owned(), number));
    }
    attributes
}
