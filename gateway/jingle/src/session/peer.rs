// SPDX-License-Identifier: EUPL-1.2
//! What the peer does to a session.

use super::jingle::{Action, Fault, Jingle, Said};
use super::{Effect, Session, Stage, rules, theirs};
use crate::calls::{CallEvent, SessionInfo, Track};
use crate::content::transport::Setup;
use crate::content::{Content, Role, Senders, limits};
use crate::reason::Reason;
use crate::sdp;

impl Session {
    /// Takes an action of the peer; `Err` is what its iq is answered with.
    pub(crate) fn handle(&mut self, jingle: Jingle) -> Result<(), Fault> {
        if self.ours.as_ref().is_some_and(|change| change.collides(jingle.action)) {
            // XEP-0166 §7.2.16: what the initiator does goes first.
            if self.role == Role::Initiator {
                return Err(Fault::TieBreak);
            }
            self.give_up();
        }
        match jingle.action {
            // Known already: the same offer once more.
            Action::SessionInitiate if self.role == Role::Responder => Ok(()),
            Action::SessionInitiate => Err(Fault::OutOfOrder),
            Action::SessionAccept => self.accepted(jingle),
            Action::SessionTerminate => {
                self.effects
                    .push_back(Effect::Over(jingle.reason.unwrap_or(Reason::Success)));
                Ok(())
            }
            Action::SessionInfo => self.informed(jingle.said),
            Action::TransportInfo => self.transport_info(jingle),
            Action::ContentAdd | Action::ContentModify | Action::ContentRemove | Action::TransportReplace => {
                self.change(jingle)
            }
            Action::ContentAccept | Action::ContentReject => self.content_answered(jingle),
            Action::TransportAccept => Err(Fault::OutOfOrder),
            Action::TransportReject => {
                self.give_up();
                Ok(())
            }
            Action::DescriptionInfo => Ok(()),
            Action::SecurityInfo => Err(Fault::UnsupportedInfo),
        }
    }

    fn accepted(&mut self, jingle: Jingle) -> Result<(), Fault> {
        if self.role != Role::Initiator {
            return Err(Fault::OutOfOrder);
        }
        if self.stage == Stage::Active {
            let same = self.accepted.as_ref() == Some(&jingle.contents);
            return if same { Ok(()) } else { Err(Fault::OutOfOrder) };
        }
        self.accepted = Some(jingle.contents.clone());
        let mut answers = self.inward(jingle.contents);
        let mut contents: Vec<Content> = Vec::new();
        for local in &self.local.contents {
            let position = answers.iter().position(|content| content.name == local.name);
            let answer = position.map(|position| answers.remove(position));
            contents.push(match answer {
                Some(answer) if answer.description.is_some() => {
                    // COMPAT(siskin 7): calls itself the creator of our content, and the initiator its only sender.
                    let confused = answer.creator != local.creator && answer.senders == Senders::Initiator;
                    let senders = if confused { local.senders } else { answer.senders };
                    Content {
                        creator: local.creator,
                        senders,
                        ..answer
                    }
                }
                _ => Content {
                    refused: true,
                    ..local.clone()
                },
            });
        }
        if let Err(reason) = rules::answered(&mut contents) {
            self.terminate(reason, None);
            return Ok(());
        }
        for (mid, candidate) in std::mem::take(&mut self.early) {
            let transport = contents
                .iter_mut()
                .find(|content| content.name == mid)
                .and_then(|c| c.transport.as_mut());
            if let Some(transport) = transport
                && transport.candidates.len() < limits::CANDIDATES
                && !transport.candidates.contains(&candidate)
            {
                transport.candidates.push(candidate);
            }
        }
        self.remote = sdp::Session {
            contents,
            groups: self.groups_inward(jingle.groups),
        };
        for local in &mut self.local.contents {
            let answer = self.remote.contents.iter().find(|content| content.name == local.name);
            local.refused |= answer.is_none_or(|answer| answer.refused);
            let chosen = super::describe::setup_of(&self.remote, &local.name).map(Setup::other);
            if let (Some(transport), Some(chosen)) = (local.transport.as_mut(), chosen) {
                rules::decide(transport, chosen);
            }
        }
        self.stage = Stage::Active;
        let (sdp, by) = (self.describe_remote(), self.peer.clone());
        self.tell(CallEvent::Accepted { sdp, by });
        Ok(())
    }

    fn informed(&mut self, said: Said) -> Result<(), Fault> {
        let (word, name) = match said {
            Said::Nothing => return Ok(()),
            Said::Unknown => return Err(Fault::UnsupportedInfo),
            Said::Transfer(to) => {
                if self.stage != Stage::Active {
                    return Err(Fault::OutOfOrder);
                }
                self.tell(CallEvent::Transfer(to));
                return Ok(());
            }
            Said::Rtp(word, name) => (word, name),
        };
        let info = match word.as_str() {
            "ringing" => {
                if self.stage == Stage::Initiated && !self.rang {
                    self.rang = true;
                    self.tell(CallEvent::Ringing);
                }
                return Ok(());
            }
            "active" => SessionInfo::Active,
            "hold" => SessionInfo::Hold,
            "unhold" => SessionInfo::Unhold,
            "mute" => SessionInfo::Mute(self.track(name)),
            "unmute" => SessionInfo::Unmute(self.track(name)),
            _ => return Err(Fault::UnsupportedInfo),
        };
        // There is nothing to hold before the session is agreed.
        let is_hold = matches!(info, SessionInfo::Hold | SessionInfo::Unhold);
        if !is_hold || self.stage == Stage::Active {
            self.tell(CallEvent::Info(info));
        }
        Ok(())
    }

    fn track(&mut self, name: Option<String>) -> Track {
        let Some(name) = name else { return Track::All };
        let mid = self.names.mid(&name);
        let mut contents = self.remote.contents.iter().chain(&self.local.contents);
        let content = contents.find(|content| content.name == mid && content.description.is_some());
        match content
            .and_then(|content| content.description.as_ref())
            .map(|description| description.media.as_str())
        {
            Some("audio") => Track::Audio,
            Some("video") => Track::Video,
            _ => Track::All,
        }
    }

    pub(super) fn transport_info(&mut self, jingle: Jingle) -> Result<(), Fault> {
        let contents = self.inward(jingle.contents.clone());
        let mut restarted: Vec<Content> = Vec::new();
        for content in contents {
            let Some(transport) = content.transport.as_ref() else {
                continue;
            };
            if self.stage == Stage::Initiated {
                // Before the answer there is nothing to compare with; its candidates are kept for it.
                self.keep_early(&content);
                continue;
            }
            let known = self
                .remote
                .contents
                .iter()
                .find(|known| known.name == content.name && !known.refused);
            let Some(known) = known.and_then(|known| known.transport.as_ref()) else {
                continue;
            };
            if let Err(reason) = rules::kept(known, transport) {
                self.terminate(reason, None);
                return Ok(());
            }
            let other = transport.ufrag.is_some() && transport.ufrag != known.ufrag;
            if self.follows_restart(&content) {
                continue;
            }
            if other && transport.pwd.is_some() {
                restarted.push(content);
            } else if !other {
                self.tell_candidates(&content);
            }
            // Candidates of an ICE session that is gone, or is not there yet, are of no use.
        }
        if restarted.is_empty() {
            return Ok(());
        }
        match self.stage {
            Stage::Active if self.ours.as_ref().is_some_and(|change| change.restart) => {
                self.restart_answered(&restarted);
                Ok(())
            }
            Stage::Active => self.want(theirs::Wish::Restart(restarted), jingle),
            _ => Err(Fault::OutOfOrder),
        }
    }

    fn keep_early(&mut self, content: &Content) {
        if !self.local.contents.iter().any(|known| known.name == content.name) {
            return;
        }
        for candidate in content.transport.iter().flat_map(|transport| &transport.candidates) {
            let of_it = self.early.iter().filter(|(mid, _)| *mid == content.name).count();
            let item = (content.name.clone(), candidate.clone());
            if of_it < limits::CANDIDATES && !self.early.contains(&item) {
                self.early.push(item);
            }
        }
    }

    /// Tells candidates that are new.
    pub(super) fn tell_candidates(&mut self, content: &Content) {
        for candidate in content.transport.iter().flat_map(|transport| &transport.candidates) {
            let item = (content.name.clone(), candidate.to_sdp());
            if self.seen.contains(&item) {
                continue;
            }
            if self.seen.len() >= MOST_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(item.clone());
            let (mid, candidate) = item;
            self.tell(CallEvent::Candidate { mid, candidate });
        }
    }
}

const MOST_SEEN: usize = 128;
