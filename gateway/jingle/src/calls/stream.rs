// SPDX-License-Identifier: EUPL-1.2
//! What is sent, and what waits for the stream.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::{CallId, Calls, CallsOutput, State, announce, ids};
use crate::jmi::{self, Word};
use crate::own::Own;
use crate::packet::{Iq, Packet};
use crate::session::jingle::Action;

impl Calls {
    /// Sends what was not acknowledged once more, then what waited, in the order in which it came about.
    pub(super) fn stream_up(&mut self, now: Instant) {
        self.up = true;
        let patience = self.options.patience;
        let held = std::mem::take(&mut self.held);
        let action_of = |packet: &Packet| {
            let id = packet.stanza().attr("id").filter(|id| id.starts_with(ids::IQ))?;
            (packet.stanza().attr("type") == Some("set")).then(|| id.to_owned())
        };
        let waiting: HashSet<String> = held.iter().filter_map(|(_, packet)| action_of(packet)).collect();
        let unacknowledged: HashSet<String> = self.journal.unacknowledged().filter_map(action_of).collect();
        let broke = self.down.take().unwrap_or(now);
        for (since, packet) in std::mem::take(&mut self.said) {
            if broke.saturating_duration_since(since) < MAY_BE_LOST && now.saturating_duration_since(since) < patience {
                self.outputs.push_back(CallsOutput::Send(packet));
            }
        }
        self.announce_again(now, broke);
        let again: Vec<Packet> = self
            .journal
            .unacknowledged()
            .filter(|packet| action_of(packet).is_none_or(|id| !waiting.contains(&id)))
            .cloned()
            .collect();
        for packet in again {
            action_of(&packet).into_iter().for_each(|id| self.journal.repeat(&id));
            self.outputs.push_back(CallsOutput::Send(packet));
        }
        for (since, packet) in held {
            // An action of a call that ended meanwhile is of no use.
            let wanted = action_of(&packet).is_none_or(|id| unacknowledged.contains(&id));
            if wanted && now.saturating_duration_since(since) < patience {
                self.outputs.push_back(CallsOutput::Send(packet));
            }
        }
    }

    /// Holds back what is to be sent from now on.
    pub(super) fn stream_down(&mut self, now: Instant) {
        self.up = false;
        self.down.get_or_insert(now);
    }

    /// Says once more what somebody waits for who may not have heard it: the calls that were let in, and ours that
    /// nobody rings for.
    fn announce_again(&mut self, now: Instant, broke: Instant) {
        let lost = |since: Instant| since <= broke && broke.saturating_duration_since(since) < MAY_BE_LOST;
        let no_answer = self.options.no_answer;
        let let_in = self.proposals.iter().filter(|(_, proposal)| {
            let since = proposal.until.checked_sub(no_answer);
            proposal.until > now && since.is_some_and(lost)
        });
        let mut packets: Vec<Packet> = let_in
            .filter_map(|((_, id), proposal)| {
                jmi::say(proposal.own.clone(), proposal.from.clone(), Word::Proceed, id, None)
            })
            .collect();
        packets.extend(self.calls.values().filter_map(|call| match &call.state {
            State::Proposed {
                sdp,
                rang: false,
                since,
            } if lost(*since) => jmi::propose(call.own.clone(), call.party.clone(), &call.sid, &announce::media(sdp)),
            _ => None,
        }));
        self.outputs.extend(packets.into_iter().map(CallsOutput::Send));
    }

    /// Sends a stanza now, or when the stream is back.
    pub(super) fn say(&mut self, now: Instant, packet: Option<Packet>) {
        let Some(packet) = packet else { return };
        if self.up {
            // Proposals and actions are remembered apart.
            let is_answer = matches!(packet.stanza().attr("type"), Some("result" | "error"));
            if is_answer || packet.stanza().attr("id").is_some_and(jmi::is_last_word) {
                if self.said.len() >= MOST_SAID {
                    self.said.pop_front();
                }
                self.said.push_back((now, packet.clone()));
            }
            self.outputs.push_back(CallsOutput::Send(packet));
            return;
        }
        if self.held.len() >= MOST_HELD {
            self.held.pop_front();
        }
        self.held.push_back((now, packet));
    }

    /// Sends an action and keeps it until it is acknowledged; `false` if it has no form that may be sent.
    pub(super) fn act(
        &mut self,
        now: Instant,
        call: CallId,
        (own, peer): (Own, Jid),
        action: Action,
        jingle: Element,
    ) -> bool {
        let id = self.ids.iq();
        let Some(packet) = Packet::iq(own, peer, Iq::Set, &id, Some(jingle)) else {
            return false;
        };
        self.journal.keep(now, &id, call, action, packet.clone());
        self.say(now, Some(packet));
        true
    }
}

const MOST_HELD: usize = 4_096;
const MOST_SAID: usize = 512;
/// How long before a stream is seen to break it may have carried nothing.
const MAY_BE_LOST: Duration = Duration::from_secs(15);
