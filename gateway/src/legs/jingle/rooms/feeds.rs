// SPDX-License-Identifier: EUPL-1.2
//! The people of a meeting, told to clients in a call that show a conference (XEP-0298).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use jid::Jid;
use landbridge_jingle::calls::Taken;
use landbridge_jingle::coin::{Feed, FeedInput, lasting};
use landbridge_jingle::own::Own;
use landbridge_jingle::view::View;
use minidom::Element;

use super::super::driver::Outside;
use crate::call::LegId;

/// All clients that are told.
#[derive(Default)]
pub(super) struct Feeds {
    feeds: HashMap<LegId, Told>,
    /// What was told last, by meeting: one view for all.
    views: HashMap<String, Arc<View>>,
}

struct Told {
    meeting: String,
    peer: Jid,
    feed: Feed,
}

impl Feeds {
    /// Begins to tell a client in a call; `from` is the address of ours that is in it.
    pub(super) fn begin(&mut self, now: Instant, leg: LegId, meeting: String, (from, peer): (Own, Jid)) {
        let mut feed = Feed::new(from, peer.clone(), Some(leg.0), rand::random());
        // Whoever has a seat was asked for its PIN, or is about to hear the room.
        let _ = feed.handle(now, FeedInput::Connected);
        if let Some(view) = self.views.get(&meeting) {
            let _ = feed.handle(now, FeedInput::Roster(Arc::clone(view)));
        }
        self.feeds.insert(leg, Told { meeting, peer, feed });
    }

    /// Ends that.
    pub(super) fn end(&mut self, leg: LegId) {
        if let Some(told) = self.feeds.remove(&leg)
            && !self.feeds.values().any(|other| other.meeting == told.meeting)
        {
            self.views.remove(&told.meeting);
        }
    }

    /// Learns who is in a meeting.
    pub(super) fn roster(&mut self, now: Instant, meeting: &str, view: &View, out: &Outside) {
        let is_for = |told: &&mut Told| told.meeting == meeting;
        let view = lasting(view);
        if self.views.get(meeting).is_some_and(|known| **known == view) {
            return;
        }
        let view = Arc::new(view);
        if self.feeds.values().any(|told| told.meeting == meeting) {
            self.views.insert(meeting.to_owned(), Arc::clone(&view));
        }
        for told in self.feeds.values_mut().filter(is_for) {
            let _ = told.feed.handle(now, FeedInput::Roster(Arc::clone(&view)));
            told.send(out);
        }
    }

    /// Takes a client's answer; says whether it was one.
    pub(super) fn stanza(&mut self, now: Instant, from: &Jid, stanza: &Element) -> Taken {
        for told in self.feeds.values_mut().filter(|told| told.peer == *from) {
            if told.feed.handle(now, FeedInput::Stanza(stanza)) == Taken::Yes {
                return Taken::Yes;
            }
        }
        Taken::No
    }

    /// Returns when [`Feeds::due`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.feeds.values().filter_map(|told| told.feed.deadline()).min()
    }

    /// Tells what may be told now.
    pub(super) fn due(&mut self, now: Instant, out: &Outside) {
        for told in self.feeds.values_mut() {
            if told.feed.deadline().is_some_and(|deadline| deadline <= now) {
                let _ = told.feed.handle(now, FeedInput::Timeout);
                told.send(out);
            }
        }
    }
}

impl Told {
    fn send(&mut self, out: &Outside) {
        while let Some(packet) = self.feed.poll() {
            out.send(Some(packet));
        }
    }
}
