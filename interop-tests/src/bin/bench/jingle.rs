// SPDX-License-Identifier: EUPL-1.2
//! Calls to a meeting by XMPP: announced (XEP-0353), offered and accepted (XEP-0166, 0167, 0176, 0320), ended.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use landbridge_interop_tests::peers::names::Domain;

use crate::crowd::{Answer, Crowd, OPUS, Offer};
use crate::xmpp::{XmppClient, attribute, between};

/// The callers of one account, each call with an id of its own.
pub(crate) struct JingleCaller {
    client: XmppClient,
    crowd: Arc<Crowd>,
    calls: HashMap<String, Dialled>,
    placed: u32,
}

struct Dialled {
    number: usize,
    offer: Option<Offer>,
    far_end: String,
    progress: Progress,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) proceeded: Option<Instant>,
    pub(crate) accepted: Option<Instant>,
    pub(crate) ended: bool,
}

const JINGLE: &str = "urn:xmpp:jingle:1";
const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";

impl JingleCaller {
    /// Comes online.
    pub(crate) fn new(domain: Domain, name: &str, crowd: &Arc<Crowd>) -> JingleCaller {
        let (client, crowd) = (XmppClient::connect(domain, name), crowd.clone());
        JingleCaller {
            client,
            crowd,
            calls: HashMap::new(),
            placed: 0,
        }
    }

    /// Announces a call; what follows happens in [`JingleCaller::serve`]. Returns its id and the number in the crowd.
    pub(crate) fn call(&mut self, to: &str, words: Option<Arc<Vec<Vec<u8>>>>) -> (String, usize) {
        self.placed += 1;
        let id = format!("load-{}", self.placed);
        let (number, offer) = self.crowd.add(words);
        self.client.send(&format!(
            "<message to='{to}' type='chat' id='{id}-p'><propose xmlns='urn:xmpp:jingle-message:0' id='{id}'>\
             <description xmlns='{RTP}' media='audio'/></propose></message>"
        ));
        let dialled = Dialled {
            number,
            offer: Some(offer),
            far_end: String::new(),
            progress: Progress::default(),
        };
        self.calls.insert(id.clone(), dialled);
        (id, number)
    }

    /// Answers what comes until a time, or until `enough` says so.
    pub(crate) fn serve(&mut self, until: Instant, enough: impl Fn(&JingleCaller) -> bool) {
        while !enough(self) {
            // Sound comes beside the stream.
            let slice = (Instant::now() + Duration::from_millis(5)).min(until);
            match self.client.next(slice) {
                Some(stanza) => self.take(&stanza),
                None if Instant::now() >= until => return,
                None => {}
            }
        }
    }

    /// Returns how far a call has come.
    pub(crate) fn progress(&self, id: &str) -> Progress {
        self.calls.get(id).map(|call| call.progress).unwrap_or_default()
    }

    /// Counts the calls that were accepted.
    pub(crate) fn accepted(&self) -> usize {
        let accepted = |call: &&Dialled| call.progress.accepted.is_some() && !call.progress.ended;
        self.calls.values().filter(accepted).count()
    }

    /// Ends a call.
    pub(crate) fn end(&mut self, id: &str) {
        if let Some(call) = self.calls.remove(id) {
            self.client.send(&format!(
                "<iq type='set' id='{id}-e' to='{}'><jingle xmlns='{JINGLE}' action='session-terminate' sid='{id}'>\
                 <reason><success/></reason></jingle></iq>",
                call.far_end
            ));
            self.crowd.remove(call.number);
        }
    }

    fn take(&mut self, stanza: &str) {
        let from = attribute(stanza, "iq", "from").or_else(|| attribute(stanza, "message", "from"));
        let Some(from) = from.map(str::to_owned) else { return };
        if stanza.starts_with("<iq") && attribute(stanza, "iq", "type") == Some("set") {
            let id = attribute(stanza, "iq", "id").unwrap_or_default();
            self.client.send(&format!("<iq type='result' id='{id}' to='{from}'/>"));
        }
        if let Some(id) = attribute(stanza, "proceed", "id").map(str::to_owned) {
            self.initiate(&id, from);
            return;
        }
        let Some(id) = attribute(stanza, "jingle", "sid").map(str::to_owned) else {
            if let Some(id) = attribute(stanza, "reject", "id").map(str::to_owned)
                && let Some(call) = self.calls.get_mut(&id)
            {
                call.progress.ended = true;
                println!("   rejected: {stanza}");
            }
            return;
        };
        match attribute(stanza, "jingle", "action") {
            Some("session-accept") => self.accept(&id, stanza),
            Some("session-terminate") => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.progress.ended = true;
                    println!("   ended by the gateway: {stanza}");
                }
            }
            _ => {}
        }
    }

    fn initiate(&mut self, id: &str, far_end: String) {
        let (own, crowd) = (self.client.jid.clone(), self.crowd.address);
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(offer) = call.offer.take() else { return };
        call.progress.proceeded = Some(Instant::now());
        let stanza = format!(
            "<iq type='set' id='{id}-i' to='{far_end}'><jingle xmlns='{JINGLE}' action='session-initiate' sid='{id}' \
             initiator='{own}'><content creator='initiator' name='0' senders='both'>\
             <description xmlns='{RTP}' media='audio'><payload-type id='{OPUS}' name='opus' clockrate='48000' channels='2'/>\
             <rtcp-mux/><rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' \
             uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' \
             ssrc='{}'><parameter name='cname' value='load'/></source></description>\
             <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{}' pwd='{}'>\
             <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>{}</fingerprint>\
             <candidate component='1' foundation='1' generation='0' id='c1' ip='{}' network='0' port='{}' \
             priority='2130706431' protocol='udp' type='host'/></transport></content></jingle></iq>",
            offer.ssrc,
            offer.ufrag,
            offer.password,
            offer.fingerprint,
            crowd.ip(),
            crowd.port(),
        );
        call.far_end = far_end;
        self.client.send(&stanza);
    }

    fn accept(&mut self, id: &str, stanza: &str) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let address = || -> Option<SocketAddr> {
            let ip = attribute(stanza, "candidate", "ip")?.parse().ok()?;
            Some(SocketAddr::new(
                ip,
                attribute(stanza, "candidate", "port")?.parse().ok()?,
            ))
        };
        let fingerprint =
            between(stanza, "<fingerprint ", "</fingerprint>").and_then(|tag| Some(tag.split_once('>')?.1));
        let answer = || {
            Some(Answer {
                ufrag: attribute(stanza, "transport", "ufrag")?,
                password: attribute(stanza, "transport", "pwd")?,
                fingerprint: fingerprint?,
                setup: attribute(stanza, "fingerprint", "setup")?,
                address: address()?,
            })
        };
        match answer() {
            Some(answer) => {
                call.progress.accepted = Some(Instant::now());
                self.crowd.accept(call.number, &answer);
            }
            None => println!("   an answer without a way: {stanza}"),
        }
    }
}
