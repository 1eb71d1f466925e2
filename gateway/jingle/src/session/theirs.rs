// SPDX-License-Identifier: EUPL-1.2
//! Changes that the peer wants while the session lasts: one at a time goes to the gateway, the next ones wait.

use super::jingle::{Action, Fault, Jingle};
use super::{Effect, Session, Stage, bundle, rules};
use crate::calls::CallEvent;
use crate::content::{Content, Senders, Transport, limits};
use crate::reason::Reason;
use crate::sdp;

/// A change that waits for the gateway's answer.
#[derive(Debug)]
pub(super) struct Change {
    wish: Wish,
    /// The peer's side, once it is agreed.
    remote: sdp::Session,
}

/// What the peer wants; contents carry mids.
#[derive(Debug)]
pub(super) enum Wish {
    /// More media.
    Add(Vec<Content>),
    /// Others send.
    Modify(Vec<(String, Senders)>),
    /// Fewer media.
    Remove(Vec<String>),
    /// Other transports.
    Replace(Vec<Content>),
    /// The same transports from the start.
    Restart(Vec<Content>),
}

impl Session {
    /// Takes `content-add`, `-modify`, `-remove` and `transport-replace`.
    pub(super) fn change(&mut self, jingle: Jingle) -> Result<(), Fault> {
        let contents = self.inward(jingle.contents.clone());
        if contents.is_empty() {
            return Err(Fault::BadRequest);
        }
        let wish = match jingle.action {
            Action::ContentAdd => Wish::Add(contents),
            Action::ContentModify => Wish::Modify(
                contents
                    .into_iter()
                    .map(|content| (content.name, content.senders))
                    .collect(),
            ),
            Action::ContentRemove => Wish::Remove(contents.into_iter().map(|content| content.name).collect()),
            _ => Wish::Replace(contents),
        };
        if self.stage == Stage::Active {
            return self.want(wish, jingle);
        }
        match wish {
            // COMPAT(dino 0.4): says what it will not send before it accepts.
            Wish::Modify(senders) => {
                for (mid, senders) in senders {
                    set_senders(&mut self.local, &mid, senders);
                    set_senders(&mut self.remote, &mid, senders);
                }
                Ok(())
            }
            Wish::Remove(mids) => {
                refuse(&mut self.remote, &mids);
                if self.stage == Stage::Offered && self.remote.contents.iter().all(|content| content.refused) {
                    self.effects.push_back(Effect::Over(Reason::Cancel));
                }
                Ok(())
            }
            _ => Err(Fault::OutOfOrder),
        }
    }

    /// Asks the gateway for what the peer wants, now or when the last wish is settled.
    pub(super) fn want(&mut self, wish: Wish, jingle: Jingle) -> Result<(), Fault> {
        if self.theirs.is_some() || self.ours.is_some() {
            if self.queue.len() >= MOST_WAITING {
                return Err(Fault::ResourceConstraint);
            }
            self.queue.push_back(jingle);
            return Ok(());
        }
        let mut remote = self.remote.clone();
        let mut changed = false;
        let wish = match wish {
            Wish::Add(contents) => {
                let Some((contents, all)) = self.addable(contents, &mut remote) else {
                    return Ok(());
                };
                changed |= all;
                Wish::Add(contents)
            }
            Wish::Modify(senders) => {
                for (mid, senders) in &senders {
                    changed |= set_senders(&mut remote, mid, *senders);
                }
                Wish::Modify(senders)
            }
            Wish::Remove(mids) => {
                changed |= refuse(&mut remote, &mids);
                if remote.contents.iter().all(|content| content.refused) {
                    // XEP-0166 §7.2.5: without contents there is no session.
                    self.terminate(Reason::Success, None);
                    return Ok(());
                }
                Wish::Remove(mids)
            }
            Wish::Replace(contents) => {
                let unknown = |content: &Content| {
                    !remote
                        .contents
                        .iter()
                        .any(|known| known.name == content.name && !known.refused)
                };
                if contents.iter().any(unknown) {
                    return Err(Fault::BadRequest);
                }
                if contents
                    .iter()
                    .any(|content| content.transport.as_ref().is_none_or(|transport| transport.raw))
                {
                    self.reject_transports(&contents);
                    return Ok(());
                }
                match bundle::exchange(&contents, &mut remote) {
                    Ok(exchanged) => changed |= exchanged,
                    Err(reason) => {
                        self.terminate(reason, None);
                        return Ok(());
                    }
                }
                Wish::Replace(contents)
            }
            Wish::Restart(contents) => {
                changed |= bundle::exchange(&contents, &mut remote).unwrap_or(false);
                Wish::Restart(contents)
            }
        };
        if !changed {
            return Ok(());
        }
        self.settle(&mut remote, false);
        self.version = self.version.saturating_add(1);
        let sdp = sdp::write(&remote, self.role.other(), self.version);
        self.theirs = Some(Change { wish, remote });
        self.tell(CallEvent::Reoffered { sdp });
        Ok(())
    }

    /// Takes the gateway's answer to a change.
    pub(crate) fn answer(&mut self, sdp: &[u8]) {
        let Some(Change { wish, mut remote }) = self.theirs.take() else {
            return;
        };
        let before = std::mem::replace(&mut self.remote, remote.clone());
        let local = self.adopt_known(sdp::read(sdp, self.role), &remote);
        let find = |mid: &str| {
            local
                .contents
                .iter()
                .find(|content| content.name == mid && !content.refused)
        };
        match &wish {
            Wish::Add(contents) => {
                for content in contents {
                    match find(&content.name) {
                        Some(answer) => {
                            let mut elements = self.outward(std::slice::from_ref(answer), &[]);
                            let jingle = self.begin(Action::ContentAccept).children(elements.drain(..));
                            self.act(Action::ContentAccept, jingle);
                        }
                        None => {
                            refuse(&mut remote, std::slice::from_ref(&content.name));
                            self.reject_contents(std::slice::from_ref(content), Reason::FailedApplication);
                        }
                    }
                }
            }
            Wish::Replace(contents) => {
                for answer in contents.iter().filter_map(|content| find(&content.name)) {
                    let answer = self.named(answer);
                    let Some(transport) = answer.transport.as_ref() else {
                        continue;
                    };
                    let element = answer.write_transport(transport);
                    let jingle = self.begin(Action::TransportAccept).child(element);
                    self.effects
                        .push_back(Effect::Act(Action::TransportAccept, jingle.build()));
                }
            }
            Wish::Restart(contents) => {
                // All of them at once: clients take this for the answer to their restart.
                let answers = contents.iter().filter_map(|content| find(&content.name));
                let elements: Vec<_> = answers
                    .filter_map(|answer| {
                        let transport = Transport {
                            fingerprints: Vec::new(),
                            complete: false,
                            ..answer.transport.clone()?
                        };
                        Some(self.named(answer).write_transport(&transport))
                    })
                    .collect();
                self.act(
                    Action::TransportInfo,
                    self.begin(Action::TransportInfo).children(elements),
                );
            }
            Wish::Modify(_) | Wish::Remove(_) => {}
        }
        super::describe::keep_roles(&mut remote, &before);
        self.local = local;
        self.settle(&mut remote, true);
        self.remote = remote;
        self.next_wish();
    }

    /// Tells candidates for a restart that the gateway has not answered yet; says whether they were for it.
    pub(super) fn follows_restart(&mut self, content: &Content) -> bool {
        let change = self
            .theirs
            .as_mut()
            .filter(|change| matches!(change.wish, Wish::Restart(_)));
        let known = change.and_then(|change| change.remote.contents.iter().find(|known| known.name == content.name));
        let ufrag = |content: &Content| content.transport.as_ref().and_then(|transport| transport.ufrag.clone());
        let follows = known.is_some_and(|known| ufrag(known).is_some() && ufrag(known) == ufrag(content));
        if follows {
            self.tell_candidates(content);
        }
        follows
    }

    /// Turns a change away.
    pub(crate) fn refuse(&mut self) {
        let Some(change) = self.theirs.take() else { return };
        match change.wish {
            Wish::Add(contents) => self.reject_contents(&contents, Reason::FailedApplication),
            Wish::Replace(contents) => self.reject_transports(&contents),
            Wish::Modify(_) | Wish::Remove(_) | Wish::Restart(_) => {}
        }
        self.next_wish();
    }

    /// Takes what waited while another change was under way.
    pub(super) fn next_wish(&mut self) {
        while self.theirs.is_none() && self.ours.is_none() {
            let Some(jingle) = self.queue.pop_front() else { return };
            // It was acknowledged when it came; what it wants may have come about meanwhile.
            let _ = match jingle.action {
                Action::TransportInfo => self.transport_info(jingle),
                _ => self.change(jingle),
            };
        }
    }

    /// Sorts out which contents can be added: returns them, and whether there are any; `None` if none is left.
    fn addable(&mut self, contents: Vec<Content>, remote: &mut sdp::Session) -> Option<(Vec<Content>, bool)> {
        let mut added = Vec::new();
        for mut content in contents {
            let position = remote.contents.iter().position(|known| known.name == content.name);
            if position
                .and_then(|at| remote.contents.get(at))
                .is_some_and(|known| !known.refused)
            {
                // Repeated: it is there.
                continue;
            }
            // A bundled content may come without a transport of its own (XEP-0338).
            let bundle = remote
                .contents
                .iter()
                .find(|known| !known.refused)
                .and_then(|known| known.transport.as_ref());
            if let (Some(own), Some(bundle)) = (content.transport.as_mut(), bundle)
                && own.fingerprints.is_empty()
                && own.ufrag == bundle.ufrag
            {
                own.fingerprints.clone_from(&bundle.fingerprints);
            }
            let changed = bundle.zip(content.transport.as_ref()).and_then(|(old, new)| {
                if new.ufrag == old.ufrag {
                    rules::kept(old, new).err()
                } else {
                    None
                }
            });
            let checked = rules::offered(&mut content).and(changed.map_or(Ok(()), Err));
            if let Err(reason) = checked {
                self.reject_contents(&[content], reason);
                continue;
            }
            let full = remote.contents.len() >= limits::CONTENTS;
            match position.and_then(|at| remote.contents.get_mut(at)) {
                Some(known) => *known = content.clone(),
                None if full => {
                    self.reject_contents(&[content], Reason::FailedApplication);
                    continue;
                }
                None => remote.contents.push(content.clone()),
            }
            bundle::join(remote, &content);
            added.push(content);
        }
        let any = !added.is_empty();
        any.then_some((added, any))
    }

    /// Like `adopt`, for an answer to `remote`.
    fn adopt_known(&self, read: sdp::Session, remote: &sdp::Session) -> sdp::Session {
        let mut rest = read.contents;
        let contents = remote.contents.iter().map(|known| {
            let position = rest.iter().position(|content| content.name == known.name);
            match position {
                Some(position) => Content {
                    creator: known.creator,
                    ..rest.remove(position)
                },
                None => Content {
                    refused: true,
                    ..known.clone()
                },
            }
        });
        sdp::Session {
            contents: contents.collect(),
            groups: read.groups,
        }
    }

    fn reject_contents(&mut self, contents: &[Content], reason: Reason) {
        for content in contents {
            let element = self.named(content).write_name();
            let jingle = self
                .begin(Action::ContentReject)
                .child(element)
                .child(reason.write(None));
            self.act(Action::ContentReject, jingle);
        }
    }

    fn reject_transports(&mut self, contents: &[Content]) {
        for content in contents {
            let transport = content.transport.clone().unwrap_or_default();
            let bare = Transport {
                candidates: Vec::new(),
                fingerprints: Vec::new(),
                ..transport
            };
            let element = self.named(content).write_transport(&bare);
            let jingle = self.begin(Action::TransportReject).child(element);
            self.act(Action::TransportReject, jingle);
        }
    }
}

const MOST_WAITING: usize = 8;

fn set_senders(session: &mut sdp::Session, mid: &str, senders: Senders) -> bool {
    let content = session
        .contents
        .iter_mut()
        .find(|content| content.name == mid && !content.refused);
    content.is_some_and(|content| std::mem::replace(&mut content.senders, senders) != senders)
}

fn refuse(session: &mut sdp::Session, mids: &[String]) -> bool {
    let mut changed = false;
    for content in session
        .contents
        .iter_mut()
        .filter(|content| mids.contains(&content.name))
    {
        changed |= !std::mem::replace(&mut content.refused, true);
    }
    for group in &mut session.groups {
        group.names.retain(|name| !mids.contains(name));
    }
    session.groups.retain(|group| !group.names.is_empty());
    changed
}
