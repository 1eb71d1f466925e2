// SPDX-License-Identifier: EUPL-1.2
//! The people of a conference, told inside a call (XEP-0298), in the words of RFC 4575.
//!
//! Every notification is a full one: Dino, which alone reads them today, forgets what it was told before.
//!
//! Not implemented: partial notifications (RFC 4575 §4.6), sidebars, the conference's URIs.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::{BareJid, Jid};
use minidom::Element;

use crate::calls::Taken;
use crate::muc::nick;
use crate::ns::COIN;
use crate::own::Own;
use crate::packet::{Iq, Packet, Stanza};
use crate::view::{Person, PersonKind, View};
use crate::xml::Build;

/// Namespace of conference information (RFC 4575).
pub const CONFERENCE_INFO: &str = "urn:ietf:params:xml:ns:conference-info";

/// Most people that are named; the rest are counted.
pub const MOST_USERS: usize = 64;

/// How long after the first sound a client is told for the first time.
// COMPAT(dino 0.4.2): the first notification replaces the picture of the peer; if the call's encryption is settled only
// after that, Dino ends itself.
pub const SETTLED: Duration = Duration::from_secs(3);

/// Makes the element for `<jingle/>` that says that we mix a conference (XEP-0298 §4).
pub fn focus() -> Element {
    Build::new("conference-info", COIN).attr("isfocus", "true").build()
}

/// Makes the list of a room's people for one of them, who is left out: `room` is its address.
pub fn conference_info(view: &View, room: &Own, version: u32, me: Option<u64>) -> Element {
    let others = || view.people.iter().filter(|person| Some(person.id) != me);
    let raised = others().filter(|person| person.hand);
    let others = raised.chain(others().filter(|person| !person.hand)).take(MOST_USERS);
    let mut taken = HashSet::new();
    let mut users: Vec<Element> = others.map(|person| user(person, room, &mut taken)).collect();
    if users.is_empty() {
        // A conference without anybody looks like a broken one: the room itself is there.
        let mut itself = Person::new(0, title(view, room), PersonKind::Browser);
        itself.talks = false;
        users.push(user(&itself, room, &mut taken));
    }
    Build::new("conference-info", CONFERENCE_INFO)
        .attr("entity", format!("xmpp:{}", room.bare()))
        .attr("state", "full")
        .attr("version", version.to_string())
        .child(
            Build::new("conference-description", CONFERENCE_INFO)
                .child(Build::new("display-text", CONFERENCE_INFO).text(title(view, room))),
        )
        .child(
            Build::new("conference-state", CONFERENCE_INFO)
                .child(Build::new("user-count", CONFERENCE_INFO).text(view.people.len().to_string())),
        )
        .child(
            Build::new("users", CONFERENCE_INFO)
                .attr("state", "full")
                .children(users),
        )
        .build()
}

/// Keeps one client informed, as long as it wants to be.
#[derive(Debug)]
pub struct Feed {
    from: Own,
    to: Jid,
    me: Option<u64>,
    seed: u64,
    version: u32,
    /// What is to be told, or was told last.
    view: Option<Arc<View>>,
    /// Whether it is to be told.
    is_new: bool,
    /// From when something may be told.
    due: Option<Instant>,
    refused: bool,
    out: VecDeque<Packet>,
}

/// What happens to a [`Feed`].
#[derive(Debug)]
pub enum FeedInput<'a> {
    /// Sound goes both ways.
    Connected,
    /// The people of the room are these, as [`lasting`] makes them: give each change once, the same for all.
    Roster(Arc<View>),
    /// A stanza came that is addressed to our domain.
    Stanza(&'a Element),
    /// The deadline has passed.
    Timeout,
}

impl Feed {
    /// Makes the feed of the client at `to`, in a call with our address `from`; the person `me` of the room is itself.
    pub fn new(from: Own, to: Jid, me: Option<u64>, seed: u64) -> Feed {
        Feed {
            from,
            to,
            me,
            seed,
            version: 0,
            view: None,
            is_new: false,
            due: None,
            refused: false,
            out: VecDeque::new(),
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: FeedInput<'_>) -> Taken {
        match input {
            FeedInput::Connected => self.due = self.due.or(now.checked_add(SETTLED)),
            FeedInput::Roster(view) => {
                self.is_new |= !self.view.as_ref().is_some_and(|known| Arc::ptr_eq(known, &view));
                self.view = Some(view);
            }
            FeedInput::Stanza(stanza) => return self.handle_stanza(stanza),
            FeedInput::Timeout => {}
        }
        self.tell(now);
        Taken::Yes
    }

    /// Returns what is to be sent.
    pub fn poll(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    /// Says when [`FeedInput::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.filter(|_| self.has_news())
    }

    fn has_news(&self) -> bool {
        !self.refused && self.is_new
    }

    fn tell(&mut self, now: Instant) {
        if !self.has_news() || self.due.is_none_or(|due| due > now) {
            return;
        }
        let Some(view) = self.view.clone() else { return };
        self.version = self.version.saturating_add(1);
        let info = conference_info(&view, &self.from, self.version, self.me);
        let id = self.id(self.version);
        self.out
            .extend(Packet::iq(self.from.clone(), self.to.clone(), Iq::Set, &id, Some(info)));
        self.due = now.checked_add(pace(view.people.len()));
        self.is_new = false;
    }

    // A client that does not know conferences says so; Dino never answers.
    fn handle_stanza(&mut self, stanza: &Element) -> Taken {
        let answer = matches!(stanza.attr("type"), Some("result" | "error"));
        let ours = stanza
            .attr("id")
            .filter(|id| id.starts_with("coin-"))
            .is_some_and(|id| {
                let recent = self.version.saturating_sub(8)..=self.version;
                recent.into_iter().any(|version| self.id(version) == id)
            });
        let peer = stanza.attr("from") == Some(self.to.as_str());
        if Stanza::of(stanza) != Some(Stanza::Iq) || !answer || !ours || !peer {
            return Taken::No;
        }
        self.refused |= stanza.attr("type") == Some("error");
        Taken::Yes
    }

    fn id(&self, version: u32) -> String {
        format!("coin-{:x}-{version}", self.seed)
    }
}

// In a room of thousands a list for each change would be all that we send.
fn pace(people: usize) -> Duration {
    let people = u64::try_from(people).unwrap_or(u64::MAX);
    Duration::from_millis(people.saturating_mul(5).clamp(500, 15_000))
}

/// Takes out of a view what changes too often to be told in lists, such as who speaks; equal views need not be told.
pub fn lasting(view: &View) -> View {
    let mut view = view.clone();
    for person in &mut view.people {
        person.speaking = false;
        person.occupant = None;
    }
    view
}

/// Says how a person is connected (RFC 4575 §5.7.3).
fn connection(person: &Person) -> &'static str {
    if person.away {
        "disconnected"
    } else if person.muted {
        "muted-via-focus"
    } else {
        "connected"
    }
}

fn title<'a>(view: &'a View, room: &'a Own) -> &'a str {
    if view.title.is_empty() {
        room.node().unwrap_or_default()
    } else {
        &view.title
    }
}

fn user(person: &Person, room: &Own, taken: &mut HashSet<String>) -> Element {
    let address = address(person, room, taken);
    let (kind, role) = (
        person.kind.as_str(),
        if person.moderator { "moderator" } else { "participant" },
    );
    let status = if person.muted { "recvonly" } else { "sendrecv" };
    let media = person.talks.then(|| {
        Build::new("media", CONFERENCE_INFO)
            .attr("id", "1")
            .child(Build::new("type", CONFERENCE_INFO).text("audio"))
            .child(Build::new("status", CONFERENCE_INFO).text(status))
            .build()
    });
    // COMPAT(dino 0.4.2): it cuts four characters off the entity, whatever they are, and shows the rest as the name of
    // whoever has an endpoint; `xmpp:` has five.
    let entity = format!("sip:{address}");
    let endpoint = Build::new("endpoint", CONFERENCE_INFO)
        .attr("entity", format!("{entity};kind={kind}"))
        .child(Build::new("display-text", CONFERENCE_INFO).text(if person.hand { "✋" } else { kind }))
        .child(Build::new("status", CONFERENCE_INFO).text(connection(person)))
        .children(media);
    Build::new("user", CONFERENCE_INFO)
        .attr("entity", entity)
        .attr("state", "full")
        .child(Build::new("display-text", CONFERENCE_INFO).text(&person.name))
        .child(Build::new("roles", CONFERENCE_INFO).child(Build::new("entry", CONFERENCE_INFO).text(role)))
        .child(endpoint)
        .build()
}

/// Makes an address that reads like the name: what Dino shows of a person is an address and nothing else.
fn address(person: &Person, room: &Own, taken: &mut HashSet<String>) -> String {
    let substitute = format!("{}-{}", person.kind.as_str(), person.id);
    let name = nick::of_name(&person.name, &substitute).replace(' ', ".");
    let domain = room.jid().domain();
    let at = |node: &str| {
        let inside = room.node().unwrap_or_default();
        let whole =
            BareJid::new(&format!("{node}@{inside}.{domain}")).or_else(|_| BareJid::new(&format!("{node}@{domain}")));
        whole.ok().filter(|jid| jid.node().is_some()).map(|jid| jid.to_string())
    };
    let node = crate::escape::escape(&name);
    let node = if at(&node).is_some() { node } else { substitute.clone() };
    let mut candidates = std::iter::once(node.clone())
        .chain((2..100).map(|count| format!("{node}-{count}")))
        .chain(std::iter::once(substitute.clone()));
    let found = candidates.find_map(|node| at(&node).filter(|address| taken.insert(address.clone())));
    found.unwrap_or_else(|| format!("{substitute}@{domain}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::own::Domain;
    use proptest::prelude::*;

    fn room() -> Own {
        Domain::new("meet.example")
            .unwrap()
            .address("12345678", "landbridge")
            .unwrap()
    }

    fn alice() -> Jid {
        Jid::new("alice@a.example/dino").unwrap()
    }

    fn view(names: &[&str]) -> View {
        let people = names
            .iter()
            .zip(1..)
            .map(|(name, id)| Person::new(id, name, PersonKind::Phone));
        View {
            title: "Council".into(),
            people: people.collect(),
        }
    }

    /// Reads a list as Dino 0.4.2 does: every user full, four characters off the entity, nobody without an endpoint.
    fn as_dino_sees_it(info: &Element) -> Option<Vec<String>> {
        info.attr("version")?.parse::<i32>().ok()?;
        assert_eq!(info.attr("state"), Some("full"));
        let mut seen = Vec::new();
        for user in info.get_child("users", CONFERENCE_INFO)?.children() {
            let jid = BareJid::new(user.attr("entity")?.get(4..)?).ok()?;
            if user.attr("state") != Some("full") {
                return None;
            }
            if user.has_child("endpoint", CONFERENCE_INFO) {
                seen.push(jid.to_string());
            }
        }
        Some(seen)
    }

    #[test]
    fn dino_shows_everybody_but_itself() {
        let view = view(&["Anna Schmidt", "***49", "Anna Schmidt", "Me"]);
        let info = conference_info(&view, &room(), 3, Some(4));
        assert_eq!(
            as_dino_sees_it(&info).unwrap(),
            [
                "anna.schmidt@12345678.meet.example",
                "***49@12345678.meet.example",
                "anna.schmidt-2@12345678.meet.example"
            ]
        );
        let count = info.get_child("conference-state", CONFERENCE_INFO).unwrap();
        assert_eq!(count.get_child("user-count", CONFERENCE_INFO).unwrap().text(), "4");
    }

    #[test]
    fn a_conference_is_never_empty() {
        let info = conference_info(&view(&["Me"]), &room(), 1, Some(1));
        assert_eq!(as_dino_sees_it(&info).unwrap(), ["council@12345678.meet.example"]);
    }

    fn shared(view: View) -> Arc<View> {
        Arc::new(lasting(&view))
    }

    fn told(feed: &mut Feed, now: Instant, input: FeedInput<'_>) -> usize {
        let _ = feed.handle(now, input);
        std::iter::from_fn(|| feed.poll()).count()
    }

    #[test]
    fn a_client_is_told_once_the_call_is_settled_and_then_of_each_change() {
        let mut now = Instant::now();
        let mut feed = Feed::new(room(), alice(), Some(1), 9);
        assert_eq!(told(&mut feed, now, FeedInput::Roster(shared(view(&["Me"])))), 0);
        assert_eq!(feed.deadline(), None);
        assert_eq!(told(&mut feed, now, FeedInput::Connected), 0);
        assert_eq!(feed.deadline(), now.checked_add(SETTLED));
        now += SETTLED;
        assert_eq!(told(&mut feed, now, FeedInput::Timeout), 1);
        // Changes in one breath are told in one.
        now += Duration::from_millis(100);
        assert_eq!(told(&mut feed, now, FeedInput::Roster(shared(view(&["Me", "A"])))), 0);
        assert_eq!(
            told(&mut feed, now, FeedInput::Roster(shared(view(&["Me", "A", "B"])))),
            0
        );
        let due = feed.deadline().unwrap();
        assert!(due - now <= Duration::from_millis(500));
        assert_eq!(told(&mut feed, due, FeedInput::Timeout), 1);
        let mut speaking = view(&["Me", "A", "B"]);
        speaking.people[1].speaking = true;
        // Who speaks is no news, and the same news are none.
        assert_eq!(lasting(&speaking), lasting(&view(&["Me", "A", "B"])));
        let same = shared(speaking);
        let later = due + Duration::from_secs(9);
        assert_eq!(told(&mut feed, later, FeedInput::Roster(Arc::clone(&same))), 1);
        assert_eq!(
            told(&mut feed, later + Duration::from_secs(9), FeedInput::Roster(same)),
            0
        );
        assert_eq!(feed.deadline(), None);
    }

    #[test]
    fn a_client_that_knows_no_conferences_is_not_told_again() {
        let now = Instant::now();
        let mut feed = Feed::new(room(), alice(), None, 9);
        let _ = feed.handle(now, FeedInput::Connected);
        let _ = feed.handle(now + SETTLED, FeedInput::Roster(shared(view(&["A"]))));
        let sent = feed.poll().unwrap().into_element();
        let answer = |from: &str, id: &str| -> Element {
            format!("<iq xmlns='jabber:component:accept' type='error' from='{from}' to='x' id='{id}'/>")
                .parse()
                .unwrap()
        };
        let id = sent.attr("id").unwrap();
        assert_eq!(
            feed.handle(now, FeedInput::Stanza(&answer("eve@e.example/x", id))),
            Taken::No
        );
        assert_eq!(
            feed.handle(now, FeedInput::Stanza(&answer("alice@a.example/dino", "other"))),
            Taken::No
        );
        assert_eq!(
            feed.handle(now, FeedInput::Stanza(&answer("alice@a.example/dino", id))),
            Taken::Yes
        );
        let _ = feed.handle(
            now + Duration::from_secs(60),
            FeedInput::Roster(shared(view(&["A", "B"]))),
        );
        assert!(feed.poll().is_none());
    }

    #[test]
    fn large_rooms_are_told_in_small_stanzas_and_less_often() {
        let names: Vec<String> = (0..1000).map(|count| format!("{} {count}", "ü".repeat(60))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut feed = Feed::new(room(), alice(), None, 9);
        let now = Instant::now();
        let _ = feed.handle(now, FeedInput::Connected);
        let _ = feed.handle(now + SETTLED, FeedInput::Roster(shared(view(&names))));
        let text = String::from(&feed.poll().unwrap().into_element());
        assert!(text.len() < 100_000, "{}", text.len());
        let _ = feed.handle(now + SETTLED, FeedInput::Roster(shared(view(&names[1..]))));
        assert!(feed.deadline().unwrap() > now + Duration::from_secs(4));
    }

    proptest! {
        #[test]
        fn every_name_gives_a_list_that_dino_reads(names in prop::collection::vec("\\PC{0,20}|[\u{0}-\u{300}\u{590}-\u{700}\u{2000}-\u{2100}\u{fff0}-\u{1f700}]{0,20}", 0..8)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let info = conference_info(&view(&names), &room(), 1, None);
            let again: Element = String::from(&Packet::iq(room(), alice(), Iq::Set, "1", Some(info)).unwrap().into_element()).parse().unwrap();
            let mut seen = as_dino_sees_it(again.children().next().unwrap()).unwrap();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), names.len().max(1));
        }
    }
}
