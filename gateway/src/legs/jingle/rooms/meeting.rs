// SPDX-License-Identifier: EUPL-1.2
//! The meetings in which somebody of ours is: their rosters, followed by one task each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use landbridge_jingle::muc::OccupantId;
use landbridge_jingle::view::{Person, PersonKind, View};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::super::Post;
use super::super::driver::Order;
use crate::call::{Kind, LegId, Role};
use crate::room::{Control, Roster};

/// Changes that follow each other within this time are told as one.
const COALESCED: Duration = Duration::from_millis(300);

/// All meetings that are followed, by meeting id.
#[derive(Default)]
pub(super) struct Meetings {
    followed: HashMap<String, Followed>,
}

/// One meeting.
pub(super) struct Followed {
    /// Who of ours is in it.
    pub people: HashSet<LegId>,
    /// What was seen last.
    pub roster: Arc<Roster>,
    task: AbortHandle,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meetings {
    /// Learns that somebody of ours has a seat; returns the meeting's id.
    pub(super) fn seated(&mut self, control: &Control, post: &Post) -> String {
        let roster = control.roster();
        let now = Arc::clone(&roster.borrow());
        let id = now.id.clone();
        let person = control.person();
        // A meeting that ended and began again has another roster.
        if self
            .followed
            .get(&id)
            .is_some_and(|followed| followed.roster.key != now.key)
        {
            self.followed.remove(&id);
        }
        let followed = self.followed.entry(id.clone()).or_insert_with(|| Followed {
            people: HashSet::new(),
            roster: now,
            task: tokio::spawn(follow(id.clone(), roster, post.clone())).abort_handle(),
        });
        followed.people.insert(person);
        id
    }

    /// Learns that somebody of ours is gone.
    pub(super) fn left(&mut self, meeting: &str, person: LegId) {
        if let Some(followed) = self.followed.get_mut(meeting) {
            followed.people.remove(&person);
            if followed.people.is_empty() {
                self.followed.remove(meeting);
            }
        }
    }

    /// Learns of a roster; returns false if nobody of ours is there any more.
    pub(super) fn changed(&mut self, meeting: &str, roster: Arc<Roster>) -> bool {
        match self.followed.get_mut(meeting) {
            Some(followed) if followed.roster.key == roster.key => {
                followed.roster = roster;
                true
            }
            _ => false,
        }
    }

    /// Finds a meeting.
    pub(super) fn get(&self, meeting: &str) -> Option<&Followed> {
        self.followed.get(meeting)
    }
}

/// Tells each change that lasts.
async fn follow(meeting: String, mut roster: watch::Receiver<Arc<Roster>>, post: Post) {
    let mut before: Option<View> = None;
    loop {
        let now = Arc::clone(&roster.borrow_and_update());
        // Who speaks changes all the time, and nobody is told here.
        let seen = view(&now, |_| None, |_| true);
        if before.as_ref() != Some(&seen) {
            before = Some(seen);
            post.wait(Order::Roster(meeting.clone(), now)).await;
            tokio::time::sleep(COALESCED).await;
        }
        if roster.changed().await.is_err() {
            return;
        }
    }
}

/// Shows a roster as rooms on XMPP do: `occupant` knows who is an occupant, `talks` who has sound.
pub(super) fn view(
    roster: &Roster,
    occupant: impl Fn(LegId) -> Option<OccupantId>,
    talks: impl Fn(LegId) -> bool,
) -> View {
    let shown = |person: &crate::room::Person| Person {
        id: person.leg.0,
        name: with_origin(person),
        kind: match person.kind {
            Kind::Phone => PersonKind::Phone,
            Kind::Browser => PersonKind::Browser,
            Kind::Xmpp => PersonKind::Xmpp,
            Kind::Federated => PersonKind::Federated,
        },
        moderator: person.role == Role::Moderator,
        muted: person.muted,
        hand: person.hand.is_some(),
        speaking: false,
        away: person.away,
        talks: person.kind != Kind::Xmpp || talks(person.leg),
        occupant: occupant(person.leg),
    };
    View {
        title: roster.name.clone(),
        people: roster.present().map(shown).collect(),
    }
}

/// Names a person of a partner's half with its authority: an XMPP client shows a name and nothing else.
fn with_origin(person: &crate::room::Person) -> String {
    match &person.origin {
        Some(authority) if !person.name.contains(&**authority) => format!("{} ({authority})", person.name),
        _ => person.name.clone(),
    }
}
