// SPDX-License-Identifier: EUPL-1.2
//! SIP telephones: turns the core's events into calls, and calls' wishes into the core's commands.

/// The one table of endings in SIP.
pub mod cause;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use landbridge_sip::digest::Login;
use landbridge_sip::message::{NameAddr, StatusCode, Uri};
use landbridge_sip::ua::{CallId, Command, EndedBy, Event as Core, Lookup, OfferReply, Offered, Target, Transport};
use tokio::sync::mpsc;

use crate::call::house::House;
use crate::call::line::{Event, Events, Line};
use crate::call::sound::Terms;
use crate::call::{Cause, Invitation, Kind, LegId, phone};
use crate::config::Trunk;
use crate::legs::{Leg, Placing};
use crate::media::{Latch, PhonePolicy};
use crate::net::resolve::Resolver;
use crate::net::{SipHandle, Switchboard};
use crate::room::names::looks_like_number;

/// Events that may wait for one call; a call that falls behind this far is stuck and ended.
const MAILBOX: usize = 64;

/// Knows which call each SIP dialog belongs to.
#[derive(Clone)]
pub struct SipLegs {
    handle: SipHandle,
    resolver: Arc<Resolver>,
    calls: Arc<Mutex<HashMap<CallId, mpsc::Sender<Event>>>>,
}

impl SipLegs {
    /// Starts with no calls.
    pub fn new(handle: SipHandle, resolver: Arc<Resolver>) -> SipLegs {
        SipLegs {
            handle,
            resolver,
            calls: Arc::default(),
        }
    }

    /// Connects the core's events with the house.
    pub fn switchboard(&self, house: Arc<House>) -> Box<dyn Switchboard> {
        Box::new(Board {
            legs: self.clone(),
            house: Some(house),
        })
    }

    /// Connects the core's events for a program that only places calls; whoever calls it is told that nobody is there.
    pub fn outgoing_only(&self) -> Box<dyn Switchboard> {
        Box::new(Board {
            legs: self.clone(),
            house: None,
        })
    }

    /// Places a call; its events come through the second value.
    pub fn call(&self, leg: LegId, out: Outgoing) -> (Box<dyn Line>, Events) {
        // The core takes ids with the topmost bit unset from us; leg ids count up from 1.
        let call = CallId(leg.0 & !CallId::INCOMING);
        let events = self.register(call);
        self.handle.send(Command::Call {
            call,
            to: out.to,
            from: out.from,
            via: out.via,
            sdp: out.offer,
            auth: out.auth,
            max_forwards: out.max_forwards,
            headers: Vec::new(),
        });
        (
            Box::new(SipLine {
                handle: self.handle.clone(),
                call,
            }),
            events,
        )
    }

    /// Counts the dialogs that are up.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn register(&self, call: CallId) -> Events {
        let (tx, rx) = mpsc::channel(MAILBOX);
        self.lock().insert(call, tx);
        rx
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, mpsc::Sender<Event>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Leg for SipLegs {
    fn name(&self) -> &'static str {
        "sip"
    }

    fn reaches(&self, address: &str) -> bool {
        address.starts_with("sip:") || address.starts_with("sips:")
    }

    fn terms(&self, trunk: Option<&Trunk>) -> Terms {
        let unknown = || PhonePolicy {
            trusted: false,
            latch: Latch::Nobody,
            ..PhonePolicy::default()
        };
        Terms::Phone(trunk.map_or_else(unknown, |trunk| PhonePolicy {
            encryption: trunk.encryption,
            codecs: trunk.codecs.clone(),
            trusted: !trunk.is_open(),
            ..PhonePolicy::default()
        }))
    }

    async fn place(&self, placing: Placing<'_>) -> Result<(Box<dyn Line>, Events), Cause> {
        let to = Uri::parse(placing.to).map_err(|_| Cause::NotFound)?;
        let from = NameAddr::parse(&format!("<{}>", in_sip(placing.from))).map_err(|_| Cause::BadDescription)?;
        let via = match placing.trunk.and_then(|trunk| trunk.proxy.as_deref()) {
            Some(proxy) => Some(self.next_hop(proxy).await.ok_or(Cause::Unreachable)?),
            None => None,
        };
        let auth = match placing.trunk.and_then(|trunk| trunk.credentials.as_ref()) {
            Some((user, password)) => Some(Login::new(user, password, None).map_err(|_| Cause::Internal)?),
            None => None,
        };
        let max_forwards = Some(placing.max_forwards);
        Ok(self.call(
            placing.leg,
            Outgoing {
                to,
                from,
                via,
                offer: placing.offer,
                auth,
                max_forwards,
            },
        ))
    }
}

impl SipLegs {
    /// Finds a trunk's proxy, written as a URI or as a host.
    async fn next_hop(&self, proxy: &str) -> Option<Target> {
        let is_uri = proxy.starts_with("sip:") || proxy.starts_with("sips:");
        let uri = Uri::parse(&if is_uri {
            proxy.to_owned()
        } else {
            format!("sip:{proxy}")
        })
        .ok()?;
        let transport = uri.param("transport").flatten().and_then(Transport::parse);
        let lookup = Lookup {
            host: uri.host()?.clone(),
            port: uri.port(),
            transport,
            secure: uri.is_secure(),
        };
        self.resolver.resolve(&lookup).await.into_iter().next()
    }
}

/// Returns a SIP caller's URI; one of another kind would pass for a caller of that kind.
fn caller(from: &str) -> &str {
    let is_sip = |scheme: &str| {
        ["sip", "sips", "tel"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    };
    match from.split_once(':') {
        Some((scheme, _)) if is_sip(scheme) => from,
        _ => "sip:anonymous@anonymous.invalid",
    }
}

/// Writes a caller's URI for a From header; an XMPP address is the SIP address of the same name (RFC 7247 §5).
fn in_sip(from: &str) -> Cow<'_, str> {
    let Some(jid) = from.strip_prefix("xmpp:") else {
        return Cow::Borrowed(from);
    };
    let (node, host) = jid.rsplit_once('@').unwrap_or(("anonymous", jid));
    // Telephones show the user part as the number that calls, and nobody vouches for this one.
    let user = if looks_like_number(node) { "anonymous" } else { node };
    let mut uri = "sip:".to_owned();
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push('@');
    uri.extend(
        host.chars()
            .filter(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(*c)),
    );
    Cow::Owned(uri)
}

/// A call to be placed, in SIP's own words.
pub struct Outgoing {
    /// Whom to call.
    pub to: Uri,
    /// Who calls.
    pub from: NameAddr,
    /// Next hop instead of the host of `to`.
    pub via: Option<Target>,
    /// Our offer.
    pub offer: Vec<u8>,
    /// What to answer a challenge with.
    pub auth: Option<Login>,
    /// Hops left when the call continues another one.
    pub max_forwards: Option<u8>,
}

struct Board {
    legs: SipLegs,
    house: Option<Arc<House>>,
}

impl Switchboard for Board {
    fn event(&mut self, event: Core) {
        match event {
            Core::Offered(offered) => self.offered(*offered),
            Core::Ringing { call, .. } => self.tell(call, Event::Ringing),
            Core::Answered { call, sdp } => self.tell(call, Event::Answered(sdp)),
            Core::Confirmed { call, sdp } => self.tell(call, Event::Confirmed(sdp)),
            Core::Reoffered { call, sdp } => self.tell(call, Event::Reoffered(sdp)),
            Core::OfferWithdrawn { call } => self.tell(call, Event::OfferWithdrawn),
            Core::Digit { call, digit, .. } => self.tell(call, Event::Digit(digit)),
            // The gateway does not re-offer by itself yet.
            Core::OfferAnswered { .. } | Core::OfferRefused { .. } => {}
            Core::Ended { call, by, reason } => {
                let cause = cause::of_end(&by, reason.as_ref());
                // The far end's own words stay out of the log: they may hold names and numbers.
                let status = match &by {
                    EndedBy::Failed(status, _) => status.code(),
                    _ => 0,
                };
                tracing::debug!(status, cause = cause.as_str(), "SIP dialog ended");
                self.tell(call, Event::Ended(cause));
                self.legs.lock().remove(&call);
            }
        }
    }
}

impl Board {
    fn offered(&mut self, offered: Offered) {
        let line = SipLine {
            handle: self.legs.handle.clone(),
            call: offered.call,
        };
        let Some(house) = &self.house else {
            line.reject(Cause::NotFound, None);
            return;
        };
        let source = offered.arrival.remote.ip().to_canonical();
        let identities: Vec<String> = match &offered.arrival.identity {
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let config = house.config();
        let Some(trunk) = config.trunk_of(source, &identities) else {
            tracing::info!(config = %config.path.display(), "call refused: no [[trunk]] lists this source");
            line.reject(Cause::Forbidden, Some("No trunk for this source"));
            return;
        };
        if house.is_draining() {
            line.reject(Cause::Draining, Some("Shutting down"));
            return;
        }
        let invitation = Invitation {
            leg: LegId::next(),
            trunk: Some(trunk.name.clone()),
            from: caller(&offered.from.uri().to_string()).to_owned(),
            from_name: offered
                .from
                .display()
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect(),
            to: offered.request_uri.to_string(),
            source,
            kind: Kind::Phone,
            pin: None,
        };
        let policy = PhonePolicy {
            encryption: trunk.encryption,
            codecs: trunk.codecs.clone(),
            secure_signalling: offered.arrival.transport == Transport::Tls,
            trusted: !trunk.is_open(),
            latch: if trunk.is_open() {
                Latch::Signalling(source)
            } else {
                Latch::Anyone
            },
            ..PhonePolicy::default()
        };
        let events = self.legs.register(offered.call);
        let call = phone::Offer {
            invitation,
            description: offered.sdp,
            terms: Terms::Phone(policy),
            max_forwards: offered.max_forwards,
        };
        tokio::spawn(phone::walk(Arc::clone(house), call, Box::new(line), events));
    }

    fn tell(&self, call: CallId, event: Event) {
        let mailbox = self.legs.lock().get(&call).cloned();
        let Some(mailbox) = mailbox else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = mailbox.try_send(event) {
            tracing::error!("a call does not read its events; it is ended");
            self.legs.lock().remove(&call);
            self.legs.handle.send(Command::HangUp {
                call,
                reason: cause::reason(Cause::Internal),
            });
        }
    }
}

/// One SIP dialog, as its call sees it.
struct SipLine {
    handle: SipHandle,
    call: CallId,
}

impl Line for SipLine {
    fn ring(&self) {
        self.handle.send(Command::Ring {
            call: self.call,
            status: StatusCode::RINGING,
            sdp: None,
        });
    }

    fn answer(&self, description: Vec<u8>) {
        self.handle.send(Command::Answer {
            call: self.call,
            sdp: Some(description),
        });
    }

    fn reject(&self, cause: Cause, text: Option<&str>) {
        let reason = text.unwrap_or_default().to_owned();
        self.handle.send(Command::Reject {
            call: self.call,
            status: cause::status(cause),
            reason,
            headers: cause::headers(cause),
        });
    }

    fn answer_offer(&self, description: Result<Vec<u8>, Cause>) {
        let reply = match description {
            Ok(description) => OfferReply::Accept(description),
            Err(cause) => OfferReply::Refuse(cause::status(cause)),
        };
        self.handle.send(Command::AnswerOffer { call: self.call, reply });
    }

    fn hang_up(&self, cause: Cause) {
        self.handle.send(Command::HangUp {
            call: self.call,
            reason: cause::reason(cause),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_caller_cannot_pass_for_an_xmpp_one() {
        assert_eq!(caller("sips:a@b.example"), "sips:a@b.example");
        assert_eq!(caller("tel:+49361"), "tel:+49361");
        for from in ["xmpp:alice@a.example", "12345678@meet.example", ""] {
            assert_eq!(caller(from), "sip:anonymous@anonymous.invalid");
        }
    }

    #[test]
    fn an_xmpp_caller_is_the_sip_user_of_the_same_name_and_nothing_else() {
        assert_eq!(in_sip("xmpp:alice@a.example"), "sip:alice@a.example");
        assert_eq!(in_sip("sip:bob@b.example"), "sip:bob@b.example");
        for node in ["+4936155110", "110"] {
            let called = format!("xmpp:{node}@evil.example");
            assert_eq!(in_sip(&called), "sip:anonymous@evil.example");
        }
        let hostile = in_sip("xmpp:a>;tag=1\r\nX: y@a.example>").into_owned();
        assert!(NameAddr::parse(&format!("<{hostile}>")).is_ok(), "{hostile}");
        assert!(!hostile.contains(['>', '\r', ';']), "{hostile}");
    }
}
