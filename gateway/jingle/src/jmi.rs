// SPDX-License-Identifier: EUPL-1.2
//! Calls announced by messages (XEP-0353), in the form of today's clients and the newer one with ringing and finish.

use jid::Jid;
use minidom::Element;

use crate::content::limits;
use crate::ns;
use crate::own::Own;
use crate::packet::{COMPONENT, Packet};
use crate::reason::Reason;
use crate::session::jingle::MOST_SID;
use crate::xml::{self, Build};

/// A message about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The id of the call, and of the session that follows.
    pub id: String,
    /// What it says.
    pub word: Word,
    /// Why, where it says so.
    pub reason: Option<Reason>,
    /// Both called each other, and this is the call that goes.
    pub tie_break: bool,
    /// Media that are proposed.
    pub media: Vec<String>,
    /// What the sender wants to be called (XEP-0172).
    pub nick: Option<String>,
    /// The sender knows conferences (XEP-0298).
    pub conference: bool,
}

/// What an announcement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// May I call?
    Propose,
    /// It rings here.
    Ringing,
    /// Call me.
    Proceed,
    /// Another device of mine took it.
    Accept,
    /// No.
    Reject,
    /// I no longer want to.
    Retract,
    /// The call is over.
    Finish,
}

impl Word {
    const ALL: [Word; 7] = [
        Word::Propose,
        Word::Ringing,
        Word::Proceed,
        Word::Accept,
        Word::Reject,
        Word::Retract,
        Word::Finish,
    ];

    fn name(self) -> &'static str {
        match self {
            Word::Propose => "propose",
            Word::Ringing => "ringing",
            Word::Proceed => "proceed",
            Word::Accept => "accept",
            Word::Reject => "reject",
            Word::Retract => "retract",
            Word::Finish => "finish",
        }
    }
}

/// Octets of a nickname that are kept.
pub const MOST_NICK: usize = 256;

/// Finds an announcement in a `<message/>`.
pub fn read(message: &Element) -> Option<Announcement> {
    if matches!(message.attr("type"), Some("groupchat")) {
        return None;
    }
    let children = || message.children().take(limits::LOOKED_AT);
    let element = children().find(|child| child.has_ns(ns::JMI))?;
    let word = Word::ALL.into_iter().find(|word| word.name() == element.name())?;
    let inner = || element.children().take(limits::LOOKED_AT);
    let reason = inner().find(|child| child.is("reason", ns::JINGLE)).map(Reason::read);
    let media = inner()
        .filter(|child| child.is("description", ns::RTP))
        .filter_map(|child| child.attr("media"));
    let media = media
        .filter_map(|media| limits::token(media, limits::MID))
        .map(str::to_owned);
    let nick = children().find(|child| child.is("nick", ns::NICK)).map(Element::text);
    let nick = nick
        .map(|nick| xml::bounded(nick.trim(), MOST_NICK).to_owned())
        .filter(|nick| !nick.is_empty());
    Some(Announcement {
        id: limits::text(element.attr("id")?, MOST_SID)?.to_owned(),
        word,
        reason,
        tie_break: inner().any(|child| child.is("tie-break", ns::JMI)),
        media: media.take(limits::CONTENTS).collect(),
        nick,
        conference: children().chain(inner()).any(|child| child.has_ns(ns::COIN)),
    })
}

/// Returns the call's id if `message` is an error in answer to our proposal of it.
pub fn bounced(message: &Element) -> Option<&str> {
    if message.attr("type") != Some("error") {
        return None;
    }
    message
        .attr("id")?
        .strip_prefix(PROPOSE_ID)
        .filter(|id| !id.is_empty() && id.len() <= MOST_SID)
}

/// Tells by its id whether a message of ours ends a call that somebody rings for.
pub(crate) fn is_last_word(id: &str) -> bool {
    let last = [Word::Reject, Word::Retract, Word::Finish];
    last.iter()
        .any(|word| id.strip_prefix("jm-").is_some_and(|id| id.starts_with(word.name())))
}

/// Says `word` about a call.
pub fn say(from: Own, to: Jid, word: Word, id: &str, reason: Option<Reason>) -> Option<Packet> {
    let element = Build::new(word.name(), ns::JMI)
        .attr("id", id)
        .children(reason.map(|reason| reason.write(None)));
    message(from, to, word, id, element.build())
}

/// Proposes a call with these media.
pub fn propose(from: Own, to: Jid, id: &str, media: &[String]) -> Option<Packet> {
    let media = media
        .iter()
        .map(|media| Build::new("description", ns::RTP).attr("media", media).build());
    message(
        from,
        to,
        Word::Propose,
        id,
        Build::new("propose", ns::JMI).attr("id", id).children(media).build(),
    )
}

/// Turns a call away because ours to the same peer goes first (XEP-0353 §3.5).
pub fn reject_for_ours(from: Own, to: Jid, id: &str) -> Option<Packet> {
    let element = Build::new("reject", ns::JMI)
        .attr("id", id)
        .child(Reason::Expired.write(None))
        .child(Build::new("tie-break", ns::JMI));
    message(from, to, Word::Reject, id, element.build())
}

const PROPOSE_ID: &str = "jm-propose-";

fn message(from: Own, to: Jid, word: Word, id: &str, element: Element) -> Option<Packet> {
    // Archives keep what is marked so: the devices that were asleep learn what became of the call.
    let store = Build::new("store", ns::HINTS).build();
    let message_id = format!("jm-{}-{id}", word.name());
    Packet::message(from, to, "chat", Some(&message_id), vec![element, store])
}

/// Returns the condition inside an `<error/>`, if it is one of RFC 6120 §8.3.3.
pub fn condition(stanza: &Element) -> Option<&str> {
    let error = stanza.get_child("error", COMPONENT)?;
    let mut children = error.children().take(limits::LOOKED_AT);
    children
        .find(|child| child.has_ns(crate::packet::STANZAS) && child.name() != "text")
        .map(Element::name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;

    #[test]
    fn dino_s_proposal_is_read() {
        let message: Element =
            "<message xmlns='jabber:component:accept' type='chat' from='alice@a.example/dino' to='1@meet.example'>\
            <propose xmlns='urn:xmpp:jingle-message:0' id='ca3cf894-5325-482f-a412-a6e9f832298d'>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/></propose>\
            <nick xmlns='http://jabber.org/protocol/nick'> Alice </nick></message>"
                .parse()
                .unwrap();
        let read = read(&message).unwrap();
        assert_eq!(
            (read.word, read.id.as_str()),
            (Word::Propose, "ca3cf894-5325-482f-a412-a6e9f832298d")
        );
        assert_eq!(read.media, ["audio", "video"]);
        assert_eq!(read.nick.as_deref(), Some("Alice"));
    }

    #[test]
    fn what_we_say_is_read_back() {
        let own = Domain::new("meet.example").unwrap().address("1", "landbridge").unwrap();
        let bob = Jid::new("bob@b.example").unwrap();
        for word in Word::ALL {
            let packet = say(own.clone(), bob.clone(), word, "7", Some(Reason::Busy)).unwrap();
            assert!(packet.stanza().get_child("store", ns::HINTS).is_some());
            let read = read(packet.stanza()).unwrap();
            assert_eq!(
                (read.word, read.reason, read.tie_break),
                (word, Some(Reason::Busy), false)
            );
        }
        assert!(
            read(reject_for_ours(own.clone(), bob.clone(), "7").unwrap().stanza())
                .unwrap()
                .tie_break
        );
        let proposal = propose(own, bob, "7", &["audio".into()]).unwrap();
        assert_eq!(read(proposal.stanza()).unwrap().media, ["audio"]);
        assert_eq!(proposal.stanza().attr("id"), Some("jm-propose-7"));
    }
}
