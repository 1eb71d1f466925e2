// SPDX-License-Identifier: EUPL-1.2
//! Meetings shown in chats of the XMPP server (`[[meeting]] muc`): while a meeting's room lives, its people are occupants
//! there, and chat goes both ways.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::{BareJid, Jid};
use landbridge_jingle::calls::Taken;
use landbridge_jingle::muc::{Language, Mirror, MirrorInput, MirrorOptions, MirrorOutput, Wish};
use landbridge_jingle::own::Domain;
use minidom::Element;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use super::super::Post;
use super::super::driver::{Order, Outside};
use super::meeting::view;
use crate::call::house::House;
use crate::room::{ChatLine, Input, Roster};

/// How often it is looked which rooms live.
const LOOK: Duration = Duration::from_millis(500);
/// Changes that follow each other within this time are shown as one.
const COALESCED: Duration = Duration::from_millis(300);
/// Lines on their way into a room, and lines that are remembered so that none goes back where it came from.
const LINES: usize = 32;
/// Most people of a meeting that are shown.
// Everybody in that chat is told to each occupant of ours: more would be mostly that.
const SHOWN: usize = 50;

/// What becomes of a meeting that is mirrored.
pub(in super::super) enum News {
    /// Its room lives, or has other people.
    Roster(BareJid, Arc<Roster>),
    /// Somebody wrote.
    Line(Arc<ChatLine>),
    /// Its room is over.
    Ended,
}

/// What mirrors want of those around them.
pub(super) enum Want {
    /// A user in a mirrored chat wants something done with their call.
    Wish(String, BareJid, Wish),
}

/// All mirrors, by meeting.
pub(super) struct Mirrors {
    domain: Domain,
    held: HashMap<String, Held>,
    is_up: bool,
    is_watched: bool,
}

struct Held {
    chat: BareJid,
    mirror: Mirror,
    relay: mpsc::Sender<(String, String)>,
    /// What was handed on into the room, and will come back.
    handed: VecDeque<String>,
    /// What was shown last of those who are no legs of ours: each of their readers brings it once.
    shown: VecDeque<(String, String)>,
}

impl Mirrors {
    pub(super) fn new(domain: Domain) -> Mirrors {
        Mirrors {
            domain,
            held: HashMap::new(),
            is_up: false,
            is_watched: false,
        }
    }

    /// Returns when [`Mirrors::due`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.values().filter_map(|held| held.mirror.deadline()).min()
    }

    /// Tells whether a chat is one in which a meeting is shown.
    pub(super) fn knows(&self, from: &Jid) -> bool {
        let chat = from.to_bare();
        self.held.values().any(|held| held.chat == chat)
    }

    /// Joins the chats (again); from the first time on it is looked which meetings live.
    pub(super) fn stream_up(&mut self, now: Instant, out: &Outside) -> Vec<Want> {
        self.is_up = true;
        if !self.is_watched {
            self.is_watched = true;
            tokio::spawn(look(Arc::clone(&out.house), out.legs.post.clone()));
        }
        self.tell_all(now, || MirrorInput::StreamUp, out)
    }

    /// Does what the clock asks for.
    pub(super) fn due(&mut self, now: Instant, out: &Outside) -> Vec<Want> {
        self.tell_all(now, || MirrorInput::Timeout, out)
    }

    /// Leaves all chats.
    pub(super) fn close(&mut self, now: Instant, out: &Outside) {
        // Nobody carries wishes out any more.
        drop(self.tell_all(now, || MirrorInput::Closed, out));
        self.held.clear();
    }

    /// Takes a stanza; says whether it was for a mirror.
    pub(super) fn stanza(&mut self, now: Instant, stanza: &Element, out: &Outside) -> (Taken, Vec<Want>) {
        for (meeting, held) in &mut self.held {
            if held.mirror.handle(now, MirrorInput::Stanza(stanza)) == Taken::Yes {
                return (Taken::Yes, held.drain(meeting, out));
            }
        }
        (Taken::No, Vec::new())
    }

    /// Learns what became of a meeting.
    pub(super) fn news(&mut self, now: Instant, meeting: &str, news: &News, out: &Outside) -> Vec<Want> {
        match news {
            News::Roster(chat, roster) => {
                let held = match self.held.remove(meeting) {
                    Some(held) if held.chat == *chat => held,
                    other => {
                        if let Some(mut old) = other {
                            let _ = old.mirror.handle(now, MirrorInput::Closed);
                            drop(old.drain(meeting, out));
                        }
                        self.begin(now, meeting, chat, roster, out)
                    }
                };
                let held = self.held.entry(meeting.to_owned()).or_insert(held);
                let view = view(roster, |_| None, |_| true);
                let _ = held.mirror.handle(now, MirrorInput::Roster(&view));
                held.drain(meeting, out)
            }
            News::Line(line) => match self.held.get_mut(meeting) {
                Some(held) => {
                    held.line(now, line);
                    held.drain(meeting, out)
                }
                None => Vec::new(),
            },
            News::Ended => {
                if let Some(mut held) = self.held.remove(meeting) {
                    let _ = held.mirror.handle(now, MirrorInput::Closed);
                    drop(held.drain(meeting, out));
                }
                Vec::new()
            }
        }
    }

    fn begin(&self, now: Instant, meeting: &str, chat: &BareJid, roster: &Roster, out: &Outside) -> Held {
        let config = out.house.config();
        let is_german = config.lobby.languages.first().is_some_and(|language| language == "de");
        let nick = if roster.name.is_empty() {
            "Landbridge"
        } else {
            &roster.name
        };
        let options = MirrorOptions {
            room: chat.clone(),
            password: None,
            node: meeting.to_owned(),
            nick: nick.to_owned(),
            language: if is_german { Language::German } else { Language::English },
            most_shown: SHOWN,
        };
        let mut mirror = Mirror::new(self.domain.clone(), rand::random(), options);
        if self.is_up {
            let _ = mirror.handle(now, MirrorInput::StreamUp);
        }
        let (relay, lines) = mpsc::channel(LINES);
        tokio::spawn(hand_on(Arc::clone(&out.house), meeting.to_owned(), lines));
        Held {
            chat: chat.clone(),
            mirror,
            relay,
            handed: VecDeque::new(),
            shown: VecDeque::new(),
        }
    }

    fn tell_all<'a>(&mut self, now: Instant, input: impl Fn() -> MirrorInput<'a>, out: &Outside) -> Vec<Want> {
        let mut wants = Vec::new();
        for (meeting, held) in &mut self.held {
            let _ = held.mirror.handle(now, input());
            wants.extend(held.drain(meeting, out));
        }
        wants
    }
}

impl Held {
    /// Shows a line, unless it came from there.
    fn line(&mut self, now: Instant, line: &ChatLine) {
        if line.from.is_none() {
            if let Some(at) = self.handed.iter().position(|text| *text == skeleton(&line.text)) {
                self.handed.remove(at);
                return;
            }
            let same = (line.name.clone(), line.text.clone());
            if self.shown.contains(&same) {
                return;
            }
            remember(&mut self.shown, same);
        }
        let chat = MirrorInput::Chat {
            person: line.from.map(|leg| leg.0),
            name: &line.name,
            text: &line.text,
        };
        let _ = self.mirror.handle(now, chat);
    }

    fn drain(&mut self, meeting: &str, out: &Outside) -> Vec<Want> {
        let mut wants = Vec::new();
        while let Some(output) = self.mirror.poll() {
            match output {
                MirrorOutput::Send(packet) => out.send(Some(packet)),
                MirrorOutput::Said { name, text } => {
                    // A chat that is faster than the room loses lines there.
                    if self.relay.try_send((name, text.clone())).is_ok() {
                        remember(&mut self.handed, skeleton(&text));
                    }
                }
                MirrorOutput::Wish(user, wish) => wants.push(Want::Wish(meeting.to_owned(), user, wish)),
                MirrorOutput::Removed(_) => tracing::info!("a chat put a person of a meeting out"),
                MirrorOutput::Stopped(why) => tracing::warn!(why, "a chat does not show a meeting any more"),
            }
        }
        wants
    }
}

/// Reduces a text to what no cleaning on its way changes.
fn skeleton(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).take(200).collect()
}

fn remember<T>(lines: &mut VecDeque<T>, line: T) {
    lines.push_back(line);
    if lines.len() > LINES {
        lines.pop_front();
    }
}

/// Writes into a room what was written in its chat elsewhere.
async fn hand_on(house: Arc<House>, meeting: String, mut lines: mpsc::Receiver<(String, String)>) {
    while let Some((name, text)) = lines.recv().await {
        if let Err(denial) = house.rooms.ask(&meeting, Input::Relay { name, text }).await {
            tracing::debug!(?denial, "a room does not show a line of its chat elsewhere");
        }
    }
}

/// Looks which meetings with a chat live, and follows them.
async fn look(house: Arc<House>, post: Post) {
    let mut followed: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        followed.retain(|_, task| !task.is_finished());
        for meeting in house.config().meetings.iter() {
            let chat = meeting.muc.as_deref().and_then(|muc| BareJid::new(muc).ok());
            let Some(chat) = chat.filter(|_| !followed.contains_key(&meeting.id)) else {
                continue;
            };
            let (roster, lines) = (house.rooms.roster(&meeting.id), house.rooms.chat(&meeting.id));
            if let (Some(roster), Some(lines)) = (roster, lines) {
                let task = tokio::spawn(follow(meeting.id.clone(), chat, (roster, lines), post.clone()));
                followed.insert(meeting.id.clone(), task);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells what becomes of one live room, until it is over.
async fn follow(
    meeting: String,
    chat: BareJid,
    (mut roster, mut lines): (watch::Receiver<Arc<Roster>>, broadcast::Receiver<Arc<ChatLine>>),
    post: Post,
) {
    let tell = |news| post.send(Order::Mirror(meeting.clone(), news));
    let mut before = None;
    loop {
        let now = Arc::clone(&roster.borrow_and_update());
        // Who speaks changes all the time, and is not shown here.
        let seen = view(&now, |_| None, |_| true);
        if before.as_ref() != Some(&seen) {
            before = Some(seen);
            tell(News::Roster(chat.clone(), now));
        }
        let pause = tokio::time::sleep(COALESCED);
        tokio::pin!(pause);
        let mut is_quiet = false;
        loop {
            tokio::select! {
                () = &mut pause, if !is_quiet => is_quiet = true,
                changed = roster.changed(), if is_quiet => match changed {
                    Ok(()) => break,
                    Err(_) => return tell(News::Ended),
                },
                line = lines.recv() => match line {
                    Ok(line) => tell(News::Line(line)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return tell(News::Ended),
                },
            }
        }
    }
}
