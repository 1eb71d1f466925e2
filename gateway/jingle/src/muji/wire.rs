// SPDX-License-Identifier: EUPL-1.2
//! Stanzas of a group call.

use jid::{BareJid, Jid};
use minidom::Element;

use crate::disco;
use crate::invites::{MUJI, MUJI_TELEPATHY};
use crate::muc::MUC;
use crate::ns::{JINGLE, RTP};
use crate::own::Own;
use crate::packet::Packet;
use crate::xml::Build;

/// How far a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Is in the chat alone.
    Bystander,
    /// Prepares itself (XEP-0272 §3).
    Preparing,
    /// Takes part.
    Ready,
}

/// Reads how far a participant is; those without sound are bystanders to us.
pub(super) fn standing(presence: &Element) -> Standing {
    let muji = |child: &&Element| child.is("muji", MUJI) || child.is("muji", MUJI_TELEPATHY);
    let Some(muji) = presence.children().find(muji) else {
        return Standing::Bystander;
    };
    let sound = |content: &Element| {
        content.is("content", JINGLE)
            && content
                .get_child("description", RTP)
                .is_some_and(|description| description.attr("media") == Some("audio"))
    };
    if muji.children().any(|child| child.name() == "preparing") {
        Standing::Preparing
    } else if muji.children().any(sound) {
        Standing::Ready
    } else {
        Standing::Bystander
    }
}

/// Joins the chat and prepares (XEP-0272 §3).
pub(super) fn join(own: &Own, room: &BareJid, nick: &str, muji: &'static str) -> Option<Packet> {
    let history = Build::new("history", MUC).attr("maxstanzas", "0");
    let mut children = vec![
        Build::new("x", MUC).child(history).build(),
        Build::new("muji", muji).child(Build::new("preparing", muji)).build(),
    ];
    children.extend(disco::capabilities());
    Packet::presence(own.clone(), place(room, nick)?, None, None, children)
}

/// Takes part with sound.
pub(super) fn ready(own: &Own, room: &BareJid, nick: &str, muji: &'static str) -> Option<Packet> {
    let opus = Build::new("payload-type", RTP)
        .attr("id", "111")
        .attr("name", "opus")
        .attr("clockrate", "48000")
        .attr("channels", "2");
    let description = Build::new("description", RTP).attr("media", "audio").child(opus);
    let content = Build::new("content", JINGLE)
        .attr("creator", "initiator")
        .attr("name", "audio")
        .child(description);
    let mut children = vec![Build::new("muji", muji).child(content).build()];
    children.extend(disco::capabilities());
    Packet::presence(own.clone(), place(room, nick)?, None, None, children)
}

/// Leaves the chat.
pub(super) fn leave(own: &Own, room: &BareJid, nick: &str) -> Option<Packet> {
    Packet::presence(own.clone(), place(room, nick)?, Some("unavailable"), None, Vec::new())
}

fn place(room: &BareJid, nick: &str) -> Option<Jid> {
    Some(Jid::from(room.with_resource_str(nick).ok()?))
}
