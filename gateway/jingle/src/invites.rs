// SPDX-License-Identifier: EUPL-1.2
//! Invitations to calls that several people have: XEP-0482, and the dialect that Dino 0.4 speaks.

use jid::{BareJid, Jid};
use minidom::Element;

use crate::own::{Domain, Own};
use crate::packet::{Packet, Stanza};
use crate::xml::{self, Build};

/// Namespace of invitations (XEP-0482).
pub const INVITES: &str = "urn:xmpp:call-invites:0";
// COMPAT(dino 0.4): an earlier draft of XEP-0482, in which `invite` is called `propose`.
/// Namespace of invitations in Dino's own dialect.
pub const INVITES_DINO: &str = "urn:xmpp:call-message:1";
pub use crate::ns::{MUJI, MUJI_TELEPATHY};

/// Most octets of a call's id.
const MOST_ID: usize = 256;

/// Somebody called us to a group call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which call, in the inviter's words.
    pub id: String,
    /// Who calls: a client, or an occupant of a chat.
    pub from: Jid,
    /// The address that was called.
    pub to: Own,
    /// Whether everybody in a chat was called.
    pub everybody: bool,
    /// Whether that chat is one that we host: it needs no reply.
    pub hosted: bool,
    /// The chat in which the call is held.
    pub room: BareJid,
    /// Whether pictures are wanted.
    pub video: bool,
    /// How the inviter writes invitations and group calls.
    pub dialect: Dialect,
}

/// The namespaces that somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// That of the invitation.
    pub invites: &'static str,
    /// That of the group call.
    pub muji: &'static str,
}

/// What else can be said about an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// I come.
    Accept,
    /// I do not come.
    Reject,
    /// I was there, and have gone.
    Left,
    /// (From the inviter:) it is over, or was a mistake.
    Retract,
}

/// Reads an invitation to a group call out of a message; `None` if there is none, or an old one out of history.
pub fn read(domain: &Domain, message: &Element) -> Option<Invitation> {
    if Stanza::of(message) != Some(Stanza::Message) || message.children().any(|child| child.has_ns("urn:xmpp:delay")) {
        return None;
    }
    let from = Jid::new(message.attr("from")?).ok()?;
    let to = domain.addressed(message.attr("to"))?;
    let everybody = match message.attr("type") {
        Some("groupchat") => true,
        Some("error") => return None,
        _ => false,
    };
    let (invite, invites) = [("invite", INVITES), ("propose", INVITES_DINO)]
        .into_iter()
        .find_map(|(name, namespace)| Some((message.get_child(name, namespace)?, namespace)))?;
    let (room, muji) = [MUJI, MUJI_TELEPATHY].into_iter().find_map(|namespace| {
        let room = invite.get_child("muji", namespace)?.attr("room")?;
        Some((BareJid::new(room).ok()?, namespace))
    })?;
    let id = invite.attr("id").or(message.attr("id"))?;
    if id.is_empty() || id.len() > MOST_ID || room.node().is_none() {
        return None;
    }
    Some(Invitation {
        id: id.to_owned(),
        from,
        to,
        everybody,
        hosted: false,
        room,
        video: matches!(invite.attr("video"), Some("true" | "1")),
        dialect: Dialect { invites, muji },
    })
}

/// Reads what somebody says about an invitation, with its id.
pub fn read_reply(message: &Element) -> Option<(Reply, String)> {
    if Stanza::of(message) != Some(Stanza::Message) || message.attr("type") == Some("error") {
        return None;
    }
    let said = message
        .children()
        .find(|child| child.has_ns(INVITES) || child.has_ns(INVITES_DINO))?;
    let reply = match said.name() {
        "accept" => Reply::Accept,
        "reject" => Reply::Reject,
        "left" | "finish" => Reply::Left,
        "retract" => Reply::Retract,
        _ => return None,
    };
    let id = said.attr("id").filter(|id| id.len() <= MOST_ID)?;
    Some((reply, id.to_owned()))
}

/// Writes a reply to an invitation, in its dialect.
pub fn reply(from: Own, invitation: &Invitation, reply: &Reply, message_id: &str) -> Option<Packet> {
    let Dialect { invites, muji } = invitation.dialect;
    let dino = invites == INVITES_DINO;
    let name = match reply {
        Reply::Accept => "accept",
        Reply::Reject => "reject",
        Reply::Retract => "retract",
        Reply::Left if dino => "finish",
        Reply::Left => "left",
    };
    let room =
        (*reply == Reply::Accept).then(|| Build::new("muji", muji).attr("room", invitation.room.as_str()).build());
    let said = Build::new(name, invites)
        .attr("id", &invitation.id)
        .children(room)
        .build();
    let (to, kind) = match invitation.everybody {
        true => (Jid::from(invitation.from.to_bare()), "groupchat"),
        false => (invitation.from.clone(), "chat"),
    };
    Packet::message(
        from,
        to,
        kind,
        Some(xml::bounded(message_id, MOST_ID)),
        vec![said, store()],
    )
}

/// Writes an invitation to a group call, in both dialects (XEP-0482 §3.1).
pub fn invite(from: Own, to: Jid, call_id: &str, room: &BareJid) -> Option<Packet> {
    let muji = || Build::new("muji", MUJI).attr("room", room.as_str());
    let invite = |name, namespace| {
        Build::new(name, namespace)
            .attr("id", call_id)
            .attr("video", "false")
            .attr("multi", "true")
            .child(muji())
            .build()
    };
    let children = vec![invite("invite", INVITES), invite("propose", INVITES_DINO), store()];
    Packet::message(from, to, "chat", Some(call_id), children)
}

// XEP-0334: servers keep it for clients that are not there just now.
fn store() -> Element {
    Build::new("store", "urn:xmpp:hints").build()
}
