// SPDX-License-Identifier: EUPL-1.2
//! Sealed frames between deployments, as iqs between the components' federation addresses.
//!
//! ```text
//! <iq type='set' from='federation@meet.th.example/crisis-team' to='federation@meet.sh.example/crisis-team'>
//!   <sealed xmlns='urn:landbridge:federation:1' key='…' to='sh.example' seal='…'>base64 of the frame</sealed>
//! </iq>
//! ```

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jid::Jid;
use landbridge_jingle::calls::Taken;
use landbridge_jingle::own::{Domain, Own};
use landbridge_jingle::packet::{COMPONENT, Iq, Packet, Retry, STANZAS, Stanza};
use landbridge_jingle::xml::{self, Build};
use minidom::Element;
use tokio::sync::mpsc::error::TrySendError;

use super::Post;
use super::bucket::Buckets;
use super::driver::Order;
use crate::call::bucket::Bucket;
use crate::call::courier::{Bounce, Corner, MOST_PAYLOAD, Mail, Parcel, Postbox, Receipt, Sealed};

/// The part before the `@` of every deployment's federation address.
pub(super) const NODE: &str = "federation";
/// The namespace of sealed frames.
const NS: &str = "urn:landbridge:federation:1";
/// The beginning of the ids of our frames.
const ID: &str = "frame-";
/// Longest id of an iq that is answered [octets].
const MOST_ID: usize = 128;
/// Longest attribute of a frame [octets].
const MOST_ATTRIBUTE: usize = 512;

/// Frames of strangers that are answered at once, and per second after that.
const STRANGERS: f64 = 20.0;
const STRANGERS_RATE: f64 = 2.0;

/// Sends frames, and hands on those that come.
pub(super) struct Parcels {
    domain: Domain,
    post: Post,
    pace: Buckets,
    /// For all who are no partners together.
    strangers: Option<Bucket>,
    count: u64,
}

/// Who our partners are, and where their mail goes; without a postbox there are none.
pub(super) struct Partners(pub Option<Postbox>);

impl Partners {
    /// Tells whether an address is a partner's federation address.
    pub(super) fn has(&self, from: &Jid) -> bool {
        let known = |postbox: &Postbox| (postbox.knows)(from.domain().as_str());
        from.node().is_some_and(|node| node.as_str() == NODE) && self.0.as_ref().is_some_and(known)
    }

    /// Hands mail on; returns it if there is no space.
    pub(super) fn hand(&self, mail: Mail) -> Option<Mail> {
        let Some(postbox) = &self.0 else { return Some(mail) };
        match postbox.mail.try_send(mail) {
            Ok(()) => None,
            Err(TrySendError::Full(mail) | TrySendError::Closed(mail)) => {
                dropped("mailbox-full");
                Some(mail)
            }
        }
    }
}

impl Parcels {
    /// Gets ready.
    pub(super) fn new(domain: Domain, post: Post) -> Parcels {
        Parcels {
            domain,
            post,
            pace: Buckets::of_partners(),
            strangers: None,
            count: 0,
        }
    }

    /// Makes the stanza of a frame.
    pub(super) fn packet(&mut self, parcel: &Parcel) -> Option<Packet> {
        self.count = self.count.wrapping_add(1);
        let (from, to) = (self.domain.address(NODE, &parcel.to.room)?, jid(&parcel.to)?);
        let sealed = &parcel.sealed;
        let child = Build::new("sealed", NS)
            .attr("key", &sealed.key)
            .attr("to", &sealed.to)
            .attr("seal", BASE64.encode(&sealed.seal))
            .text(BASE64.encode(&sealed.payload));
        Packet::iq(from, to, Iq::Set, &format!("{ID}{}", self.count), Some(child.build()))
    }

    /// Takes an iq between federation addresses; returns an answer that is due at once.
    pub(super) fn stanza(
        &mut self,
        now: Instant,
        (kind, stanza): (Stanza, &Element),
        (from, to): (&Jid, &Own),
        partners: &Partners,
    ) -> (Taken, Option<Packet>) {
        if kind != Stanza::Iq || to.node() != Some(NODE) {
            return (Taken::No, None);
        }
        let Some(id) = stanza.attr("id").filter(|id| id.len() <= MOST_ID) else {
            return (Taken::No, None);
        };
        match stanza.attr("type") {
            Some("set") => match stanza.get_child("sealed", NS) {
                Some(sealed) => (Taken::Yes, self.arrived(now, sealed, (from, to, id), partners)),
                None => (Taken::No, None),
            },
            Some("result") if id.starts_with(ID) => (Taken::Yes, None),
            Some("error") if id.starts_with(ID) => {
                if partners.has(from)
                    && let Some(to) = corner(from, to)
                {
                    // A bounce that is lost is found out by the silence that follows.
                    let _ = partners.hand(Mail::Bounced {
                        to,
                        why: bounce(stanza),
                    });
                }
                (Taken::Yes, None)
            }
            _ => (Taken::No, None),
        }
    }

    fn arrived(
        &mut self,
        now: Instant,
        sealed: &Element,
        (from, to, id): (&Jid, &Own, &str),
        partners: &Partners,
    ) -> Option<Packet> {
        let receipt = IqReceipt {
            post: self.post.clone(),
            from: to.clone(),
            to: from.clone(),
            id: id.to_owned(),
        };
        let refuse = |why: &'static str| {
            dropped(why);
            receipt.error(why)
        };
        if !partners.has(from) {
            // The one stream to our server is shared with all calls: strangers are not worth much of it.
            let strangers = self
                .strangers
                .get_or_insert_with(|| Bucket::new(now, STRANGERS, STRANGERS_RATE));
            if strangers.take(now, 1.0) {
                return refuse("unknown-partner");
            }
            dropped("unknown-partner");
            return None;
        }
        if !self.pace.take(now, from.domain().as_str()) {
            return refuse("flood");
        }
        let Some(corner) = corner(from, to) else {
            return refuse("unknown-room");
        };
        let sealed = match read(sealed) {
            Ok(sealed) => sealed,
            Err(why) => return refuse(why),
        };
        let mail = Mail::Arrived {
            from: corner,
            sealed,
            receipt: Box::new(receipt.clone()),
        };
        match partners.hand(mail) {
            None => None,
            Some(_) => receipt.error("busy"),
        }
    }
}

/// Reads a sealed frame, within its limits.
fn read(sealed: &Element) -> Result<Sealed, &'static str> {
    let attribute = |name: &'static str| {
        let value = sealed.attr(name).unwrap_or_default();
        (value.len() <= MOST_ATTRIBUTE).then_some(value).ok_or("too-long")
    };
    // Four characters of base64 hold three octets.
    let most = MOST_PAYLOAD.saturating_mul(4) / 3 + 4;
    let text: usize = sealed.texts().map(str::len).sum();
    if text > most {
        return Err("too-long");
    }
    let payload = BASE64.decode(sealed.text()).map_err(|_| "malformed")?;
    Ok(Sealed {
        key: attribute("key")?.to_owned(),
        to: attribute("to")?.to_owned(),
        seal: BASE64.decode(attribute("seal")?).map_err(|_| "malformed")?,
        payload,
    })
}

/// Returns which room of which partner a stanza is about; ours and theirs have the same alias.
fn corner(from: &Jid, to: &Own) -> Option<Corner> {
    let room = to.resource()?;
    Some(Corner {
        address: from.domain().as_str().to_owned(),
        room: room.to_owned(),
    })
}

/// Returns a room's address at a partner.
pub(super) fn jid(corner: &Corner) -> Option<Jid> {
    Jid::new(&format!("{NODE}@{}/{}", corner.address, corner.room)).ok()
}

/// Reads why a frame of ours came back.
fn bounce(stanza: &Element) -> Bounce {
    let Some(error) = stanza.get_child("error", COMPONENT) else {
        return Bounce::Unreachable("undefined-condition".to_owned());
    };
    let word = |namespace: &'static str| {
        let named = error.children().filter(move |child| child.has_ns(namespace));
        let first = named.map(Element::name).find(|name| *name != "text");
        first.map(|name| xml::bounded(name, 64).to_owned())
    };
    match word(NS) {
        Some(why) => Bounce::Refused(why),
        None => Bounce::Unreachable(word(STANZAS).unwrap_or_else(|| "undefined-condition".to_owned())),
    }
}

fn dropped(why: &'static str) {
    metrics::counter!("landbridge_federation_dropped_total", "why" => why).increment(1);
}

/// Answers a frame's iq.
#[derive(Clone)]
struct IqReceipt {
    post: Post,
    from: Own,
    to: Jid,
    id: String,
}

impl IqReceipt {
    fn error(&self, why: &'static str) -> Option<Packet> {
        let (retry, condition) = match why {
            "busy" | "flood" | "nobody-there" => (Retry::Wait, "resource-constraint"),
            "malformed" | "too-long" | "unknown-version" | "wrong-type" => (Retry::Modify, "bad-request"),
            "unknown-room" => (Retry::Cancel, "item-not-found"),
            _ => (Retry::Cancel, "not-allowed"),
        };
        let own = Build::new(why, NS).build();
        Packet::error(
            self.from.clone(),
            self.to.clone(),
            (Stanza::Iq, Some(&self.id)),
            (retry, condition),
            Some(own),
        )
    }

    fn say(&self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            // A sender whose answer is lost does without.
            let _ = self.post.0.try_send(Order::Reply(packet));
        }
    }
}

impl Receipt for IqReceipt {
    fn taken(self: Box<Self>) {
        self.say(Packet::iq(
            self.from.clone(),
            self.to.clone(),
            Iq::Result,
            &self.id,
            None,
        ));
    }

    fn refused(self: Box<Self>, why: &'static str) {
        self.say(self.error(why));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc;

    use super::*;
    use crate::call::house::now;

    struct Two {
        parcels: Parcels,
        partners: Partners,
        mail: mpsc::Receiver<Mail>,
        _orders: mpsc::Receiver<Order>,
    }

    /// The gateway of sh.example, whose partner is th.example.
    fn two() -> Two {
        let (post, orders) = mpsc::channel(8);
        let (mail_in, mail) = mpsc::channel(4);
        Two {
            parcels: Parcels::new(Domain::new("meet.sh.example").unwrap(), Post(post)),
            partners: Partners(Some(Postbox {
                mail: mail_in,
                knows: Box::new(|address| address == "meet.th.example"),
            })),
            mail,
            _orders: orders,
        }
    }

    fn parcel(octets: usize) -> Parcel {
        Parcel {
            to: Corner {
                address: "meet.sh.example".into(),
                room: "crisis-team".into(),
            },
            sealed: Sealed {
                key: "k1".into(),
                to: "sh.example".into(),
                seal: vec![7; 64],
                payload: vec![b'x'; octets],
            },
        }
    }

    /// What th.example makes of it, as it arrives.
    fn stanza(from: &str, parcel: &Parcel) -> Element {
        let (post, _orders) = mpsc::channel(1);
        let domain = Domain::new(from).unwrap();
        Parcels::new(domain, Post(post)).packet(parcel).unwrap().into_element()
    }

    impl Two {
        fn takes(&mut self, stanza: &Element) -> (Taken, Option<String>) {
            let from = Jid::new(stanza.attr("from").unwrap()).unwrap();
            let to = Domain::new("meet.sh.example")
                .unwrap()
                .addressed(stanza.attr("to"))
                .unwrap();
            let kind = Stanza::of(stanza).unwrap();
            let taken = self.parcels.stanza(now(), (kind, stanza), (&from, &to), &self.partners);
            let why = |answer: Packet| match bounce(&answer.into_element()) {
                Bounce::Refused(why) | Bounce::Unreachable(why) => why,
            };
            (taken.0, taken.1.map(why))
        }
    }

    #[test]
    fn a_frame_of_the_longest_kind_arrives_as_it_was() {
        let (mut two, parcel) = (two(), parcel(MOST_PAYLOAD));
        assert_eq!(two.takes(&stanza("meet.th.example", &parcel)), (Taken::Yes, None));
        let Ok(Mail::Arrived { from, sealed, .. }) = two.mail.try_recv() else {
            panic!("nothing arrived");
        };
        assert_eq!(
            (from.address.as_str(), from.room.as_str()),
            ("meet.th.example", "crisis-team")
        );
        assert!(sealed == parcel.sealed);
    }

    #[test]
    fn strangers_and_what_is_too_long_are_refused_by_name() {
        let mut two = two();
        let refused = |two: &mut Two, from, parcel| two.takes(&stanza(from, &parcel)).1.unwrap_or_default();
        assert_eq!(refused(&mut two, "meet.evil.example", parcel(9)), "unknown-partner");
        assert_eq!(
            refused(&mut two, "meet.th.example", parcel(MOST_PAYLOAD + 9)),
            "too-long"
        );
        for _ in 0..4 {
            assert_eq!(refused(&mut two, "meet.th.example", parcel(9)), "");
        }
        assert_eq!(refused(&mut two, "meet.th.example", parcel(9)), "busy");
    }

    #[test]
    fn a_flood_of_strangers_is_hardly_answered_and_costs_no_partner_anything() {
        let mut two = two();
        let answered = (0..10_000)
            .filter(|n| {
                let from = format!("meet{}.evil.example", n % 100);
                two.takes(&stanza(&from, &parcel(9))).1.is_some()
            })
            .count();
        assert!(answered <= 100, "{answered}");
        assert_eq!(two.takes(&stanza("meet.th.example", &parcel(9))), (Taken::Yes, None));
    }

    #[test]
    fn a_flood_of_one_partner_is_refused_before_anything_is_read() {
        let (mut two, stanza) = (two(), stanza("meet.th.example", &parcel(9)));
        let answers = (0..10_000).filter(|_| two.takes(&stanza).1.as_deref() == Some("flood"));
        assert!(answers.count() >= 7_500);
    }
}
