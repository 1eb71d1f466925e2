// SPDX-License-Identifier: EUPL-1.2
//! Tokens made with an API key.

use std::fmt;
use std::time::Duration;

use livekit_token::{AccessToken, VideoGrants};

use super::ticket::{Ticket, Trouble, TroubleKind};

/// Makes tickets for the rooms of one LiveKit server.
#[derive(Clone)]
pub struct Mint {
    pub(super) url: String,
    pub(super) api_key: String,
    pub(super) api_secret: String,
}

/// Whom a ticket is for.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Unique in the room; the same identity twice puts the older one out.
    pub identity: String,
    /// Shown to others.
    pub name: String,
    /// Shown to others, as `sip.*`; a full phone number belongs here only where the operator allows it.
    pub attributes: Vec<(String, String)>,
    /// What the participant is to others.
    pub presence: Presence,
}

/// What a participant is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A telephone: publishes sound and keys, shown with kind SIP.
    Phone,
    /// Somebody in a partner's half of a joint session: publishes sound, shown as an ordinary participant.
    Guest,
    /// Listens for all phones of this node and is shown to nobody.
    Listener,
}

/// A ticket is used at once; this covers a slow network and clocks that differ a little.
const LIFE: Duration = Duration::from_secs(120);

impl Mint {
    /// Holds a server's URL and API key.
    pub fn new(url: &str, api_key: &str, api_secret: &str) -> Mint {
        Mint {
            url: url.to_owned(),
            api_key: api_key.to_owned(),
            api_secret: api_secret.to_owned(),
        }
    }

    /// Makes a ticket that is valid for two minutes.
    pub fn ticket(&self, room: &str, participant: &Participant) -> Result<Ticket, Trouble> {
        let phone = participant.presence == Presence::Phone;
        let speaks = participant.presence != Presence::Listener;
        let grants = VideoGrants {
            room_join: true,
            room: room.to_owned(),
            can_publish: Some(speaks),
            can_subscribe: Some(!speaks),
            can_publish_data: Some(phone),
            can_publish_sources: if speaks {
                vec!["microphone".to_owned()]
            } else {
                Vec::new()
            },
            hidden: !speaks,
            ..VideoGrants::default()
        };
        let mut token = AccessToken::with_api_key(&self.api_key, &self.api_secret)
            .with_ttl(LIFE)
            .with_identity(&participant.identity)
            .with_name(&participant.name)
            .with_attributes(participant.attributes.clone())
            .with_grants(grants);
        if phone {
            token = token.with_kind("sip");
        }
        let token = token
            .to_jwt()
            .map_err(|error| Trouble::new(TroubleKind::Internal, format!("cannot make a LiveKit token: {error}")))?;
        Ok(Ticket {
            url: self.url.clone(),
            token,
            room: room.to_owned(),
        })
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("url", &self.url).finish_non_exhaustive()
    }
}
