// SPDX-License-Identifier: EUPL-1.2
//! Changes that we want while the session lasts.

use std::time::{Duration, Instant};

use super::jingle::{Action, Fault, Jingle};
use super::{Session, Stage, bundle, rules};
use crate::calls::CallEvent;
use crate::content::{Content, Transport};
use crate::reason::Reason;
use crate::sdp;

/// A change of ours that the peer did not answer yet.
#[derive(Debug)]
pub(super) struct Change {
    /// When we give up.
    pub(super) until: Instant,
    /// ICE was started anew, and the peer's side is waited for.
    pub(super) restart: bool,
    /// Contents that were added and not answered.
    added: Vec<String>,
    /// Actions that need no more than an acknowledgement.
    unacknowledged: usize,
    modified: bool,
    removed: bool,
    local: sdp::Session,
    remote: sdp::Session,
}

impl Change {
    /// Tells whether the peer's action is the same as ours.
    pub(super) fn collides(&self, action: Action) -> bool {
        match action {
            Action::ContentAdd => !self.added.is_empty(),
            Action::ContentModify => self.modified,
            Action::ContentRemove => self.removed,
            Action::TransportReplace => self.restart,
            _ => false,
        }
    }
}

impl Session {
    /// Offers a changed session.
    pub(crate) fn reoffer(&mut self, now: Instant, sdp: &[u8]) {
        if self.stage != Stage::Active || self.ours.is_some() || self.theirs.is_some() {
            return self.tell(CallEvent::Refused);
        }
        let local = self.adopt(sdp::read(sdp, self.role));
        let before = self.local.clone();
        let mut change = Change {
            until: now + PATIENCE,
            restart: false,
            added: Vec::new(),
            unacknowledged: 0,
            modified: false,
            removed: false,
            local: local.clone(),
            remote: self.remote.clone(),
        };
        let mut restarted: Vec<Content> = Vec::new();
        for content in &local.contents {
            let old = before.contents.iter().find(|old| old.name == content.name);
            match old.filter(|old| !old.refused) {
                None if content.refused => {}
                None => {
                    let body = self.outward(std::slice::from_ref(content), &[]);
                    self.act(Action::ContentAdd, self.begin(Action::ContentAdd).children(body));
                    change.added.push(content.name.clone());
                }
                Some(_) if content.refused => {
                    let jingle = self
                        .begin(Action::ContentRemove)
                        .child(self.named(content).write_name());
                    self.act(Action::ContentRemove, jingle);
                    change.unacknowledged += 1;
                    change.removed = true;
                    mirror(&mut change.remote, content);
                }
                Some(old) => {
                    if old.senders != content.senders {
                        let jingle = self
                            .begin(Action::ContentModify)
                            .child(self.named(content).write_senders());
                        self.act(Action::ContentModify, jingle);
                        change.unacknowledged += 1;
                        change.modified = true;
                        mirror(&mut change.remote, content);
                    }
                    let ufrag = |content: &Content| content.transport.as_ref().and_then(|known| known.ufrag.clone());
                    if ufrag(content).is_some() && ufrag(content) != ufrag(old) {
                        restarted.push(content.clone());
                    }
                }
            }
        }
        if !restarted.is_empty() {
            change.restart = true;
            self.restart(&restarted);
        }
        self.ours = Some(change);
        self.complete();
    }

    /// Takes the acknowledgement of an action.
    pub(crate) fn acknowledged(&mut self, action: Action) {
        if let (Some(change), Action::ContentModify | Action::ContentRemove) = (self.ours.as_mut(), action) {
            change.unacknowledged = change.unacknowledged.saturating_sub(1);
            self.complete();
        }
    }

    /// Takes an error in answer to an action that the session can live without.
    pub(crate) fn unacknowledged(&mut self, action: Action) {
        let restarts = self.ours.as_ref().is_some_and(|change| change.restart);
        match action {
            Action::ContentAdd | Action::ContentModify | Action::ContentRemove => self.give_up(),
            Action::TransportInfo if restarts => self.give_up(),
            _ => {}
        }
    }

    /// Takes `content-accept` and `content-reject`.
    pub(super) fn content_answered(&mut self, jingle: Jingle) -> Result<(), Fault> {
        let rejected = jingle.action == Action::ContentReject;
        let contents = self.inward(jingle.contents);
        let known = |content: &Content| self.remote.contents.iter().any(|known| known.name == content.name);
        let Some(change) = self.ours.as_mut() else {
            // Said twice, perhaps.
            return if !rejected && contents.iter().all(known) {
                Ok(())
            } else {
                Err(Fault::OutOfOrder)
            };
        };
        if rejected {
            // COMPAT(stanza.js 12): rejects without saying what.
            let which = |mid: &String| contents.is_empty() || contents.iter().any(|content| content.name == *mid);
            for mid in change.added.extract_if(.., |mid| which(mid)).collect::<Vec<_>>() {
                let offered = change.local.contents.iter_mut().find(|content| content.name == mid);
                offered.into_iter().for_each(|content| content.refused = true);
            }
            self.complete();
            return Ok(());
        }
        for content in contents {
            let position = change.added.iter().position(|mid| *mid == content.name);
            let Some(position) = position else { continue };
            let mut answer = [Content {
                creator: self.role,
                ..content
            }];
            if let Err(reason) = rules::answered(&mut answer) {
                self.terminate(reason, None);
                return Ok(());
            }
            change.added.swap_remove(position);
            let [answer] = answer;
            bundle::join(&mut change.remote, &answer);
            match change
                .remote
                .contents
                .iter_mut()
                .find(|known| known.name == answer.name)
            {
                Some(known) => *known = answer,
                None => change.remote.contents.push(answer),
            }
        }
        self.complete();
        Ok(())
    }

    /// Takes the peer's side of a restart of ours.
    pub(super) fn restart_answered(&mut self, contents: &[Content]) {
        let Some(change) = self.ours.as_mut() else { return };
        change.restart = false;
        if let Err(reason) = bundle::exchange(contents, &mut change.remote) {
            return self.terminate(reason, None);
        }
        self.complete();
    }

    /// Leaves everything as it was.
    pub(super) fn give_up(&mut self) {
        if self.ours.take().is_some() {
            self.tell(CallEvent::Refused);
            self.next_wish();
        }
    }

    fn restart(&mut self, contents: &[Content]) {
        let with = |session: &Session, content: &Content, keep: bool| {
            let transport = content.transport.clone().unwrap_or_default();
            let candidates = if keep { transport.candidates.clone() } else { Vec::new() };
            let transport = Transport {
                fingerprints: Vec::new(),
                complete: false,
                candidates,
                ..transport
            };
            session.named(content).write_transport(&transport)
        };
        // COMPAT(conversations 2.10): a restart without candidates is an offer, one with candidates an answer.
        let elements: Vec<_> = contents.iter().map(|content| with(self, content, false)).collect();
        self.act(
            Action::TransportInfo,
            self.begin(Action::TransportInfo).children(elements),
        );
        for content in contents {
            if content
                .transport
                .as_ref()
                .is_some_and(|transport| !transport.candidates.is_empty())
            {
                let jingle = self.begin(Action::TransportInfo).child(with(self, content, true));
                self.act(Action::TransportInfo, jingle);
            }
        }
    }

    fn complete(&mut self) {
        let done = |change: &mut Change| !change.restart && change.added.is_empty() && change.unacknowledged == 0;
        let Some(change) = self.ours.take_if(done) else { return };
        let (mut local, mut remote) = (change.local, change.remote);
        super::describe::keep_roles(&mut local, &self.local);
        // The answer has the offer's media in the offer's order; what was not taken has port 0.
        let contents = local.contents.iter().map(|content| {
            let known = remote.contents.iter().find(|known| known.name == content.name);
            known.cloned().unwrap_or_else(|| Content {
                refused: true,
                ..content.clone()
            })
        });
        remote.contents = contents.collect();
        if remote.contents.iter().all(|content| content.refused) {
            return self.terminate(Reason::Success, None);
        }
        self.local = local;
        self.settle(&mut remote, true);
        self.remote = remote;
        let sdp = self.describe_remote();
        self.tell(CallEvent::Answered { sdp });
        self.next_wish();
    }
}

/// How long a peer may think about a change.
const PATIENCE: Duration = Duration::from_secs(20);

fn mirror(remote: &mut sdp::Session, content: &Content) {
    for known in remote.contents.iter_mut().filter(|known| known.name == content.name) {
        known.senders = content.senders;
        known.refused |= content.refused;
    }
}
