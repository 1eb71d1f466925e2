// SPDX-License-Identifier: EUPL-1.2
//! One room while it is shared: it owns the [`Joint`], the far people's seats and the borders.

/// What becomes of what the joint room says.
mod deeds;
/// One partner of the room.
mod link;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use landbridge_federation::{Charter, Deployment, Epoch, Far, Fingerprint, Frame, Input, Joint, LinkState, Way};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use self::link::Link;
use super::board::{self, Lines};
use super::border::{Border, BorderNews};
use super::desk::Letter;
use super::guests::Guests;
use super::numbers;
use super::ours::{self, Ours};
use super::session::Ground;
use super::terms;
use crate::call::Cause;
use crate::call::courier::{Bounce, Offered, Receipt};
use crate::call::federation::JointLink;
use crate::call::house::now;
use crate::config::Config;
use crate::config::federation::Join;
use crate::room::directory::Entry;
use crate::room::{ChatLine, JointPartner, Notice, Onlooker, Roster};

/// News of seats and borders that may wait.
const NEWS: usize = 1024;
/// How long the room stays shared while nobody of ours is in it.
const EMPTY: Duration = Duration::from_secs(3);
/// How long the last frames may take.
const FAREWELL: Duration = Duration::from_millis(800);

/// Why a room is shared no longer.
pub(super) enum End {
    /// Nobody of ours is in it; with whom it was shared until then.
    Empty(BTreeSet<Deployment>),
    /// The room or the gateway ends.
    Over,
}

/// What seats and borders tell.
#[derive(Debug)]
pub(super) enum News {
    /// A far person's seat was told something.
    Notice(Far, Notice),
    /// A border of this number did something.
    Border(Deployment, u64, BorderNews),
}

/// One room while it is shared.
pub(super) struct Shared<'a> {
    ground: &'a mut Ground,
    onlooker: &'a Onlooker,
    lines: &'a Lines,
    joint: Joint,
    ours: Ours,
    guests: Guests,
    links: BTreeMap<Deployment, Link>,
    news: mpsc::Receiver<News>,
    news_in: mpsc::Sender<News>,
    borders: u64,
    /// What the page and the operators were shown last.
    shown: Vec<JointLink>,
    /// Why the frame at hand was refused.
    verdict: Option<&'static str>,
    empty_since: Option<Instant>,
    /// Whether any partner records.
    is_recorded: bool,
}

impl<'a> Shared<'a> {
    /// Begins to share the room with these partners; nothing if it may not be shared any more.
    pub(super) fn open(
        ground: &'a mut Ground,
        onlooker: &'a Onlooker,
        lines: &'a Lines,
        partners: BTreeSet<Deployment>,
    ) -> Option<Shared<'a>> {
        ground.config = ground.house.config();
        let (federation, room) = (ground.federation()?, ground.room()?);
        let others = federation.rooms.iter().filter(|other| other.alias != room.alias);
        let via = others
            .filter(|other| other.meeting == room.meeting)
            .flat_map(|other| other.partners.clone());
        let charter = Charter {
            us: ground.us.clone(),
            authority: federation.authority.clone(),
            alias: room.alias.clone(),
            home: room.home.clone(),
            epoch: Epoch(wall_clock()),
            secret: federation.seal.pseudonym_secret(),
            seed: rand::random(),
            away_after: federation.away_after,
            remove_after: federation.remove_after,
            via: via.collect(),
        };
        let (news_in, news) = mpsc::channel(NEWS);
        let entry = ground.house.meetings.entry(&ground.meeting);
        let entry = entry.unwrap_or_else(|| Arc::new(Entry::of_opentalk(&ground.meeting)));
        let mut shared = Shared {
            joint: Joint::new(now(), charter),
            ours: Ours::default(),
            guests: Guests::new(Arc::clone(&ground.house), entry, onlooker.key(), news_in.clone()),
            ground,
            onlooker,
            lines,
            links: BTreeMap::new(),
            news,
            news_in,
            borders: 0,
            shown: Vec::new(),
            verdict: None,
            empty_since: None,
            is_recorded: false,
        };
        for partner in partners {
            shared.add(&partner, true);
        }
        Some(shared)
    }

    /// Runs until nobody of ours is there, or the room is over.
    pub(super) async fn run(mut self, letters: &mut mpsc::Receiver<Letter>) -> End {
        let (mut roster, mut chat) = (self.onlooker.roster(), self.onlooker.chat());
        let mut is_chat_open = true;
        let seen = Arc::clone(&roster.borrow_and_update());
        self.our_people(&seen);
        let end = loop {
            self.perform().await;
            let next_border = self.tend_borders();
            self.publish().await;
            let empty = self.empty_since.map(|since| since + EMPTY);
            if empty.is_some_and(|empty| empty <= now()) {
                let open = self.links.iter().filter(|(_, link)| !link.is_over());
                break End::Empty(open.map(|(partner, _)| partner.clone()).collect());
            }
            let wake = [self.joint.deadline(), next_border, empty].into_iter().flatten().min();
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(Letter::Close) | None => break End::Over,
                    Some(letter) => self.letter(letter).await,
                },
                Some(news) = self.news.recv() => self.news(news).await,
                changed = roster.changed() => {
                    if changed.is_err() {
                        break End::Over;
                    }
                    let seen = Arc::clone(&roster.borrow_and_update());
                    self.our_people(&seen);
                }
                line = chat.recv(), if is_chat_open => match line {
                    Ok(line) => self.said(&line),
                    Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "lines of a joint room's chat were not handed on"),
                    // The room is over, which its roster tells.
                    Err(RecvError::Closed) => is_chat_open = false,
                },
                () = until(wake) => self.joint.handle(now(), Input::Timeout),
            }
        };
        self.leave(letters).await;
        end
    }

    /// Begins a link.
    fn add(&mut self, partner: &Deployment, invites: bool) {
        let (Some(federation), Some(room)) = (self.ground.federation(), self.ground.room()) else {
            return;
        };
        let Some(terms) = terms::terms(federation, room, partner, invites) else {
            return;
        };
        self.links.entry(partner.clone()).or_insert_with(Link::new);
        self.joint
            .handle(now(), Input::Partner(partner.clone(), Box::new(terms)));
    }

    fn our_people(&mut self, roster: &Roster) {
        for input in self.ours.changes(roster) {
            self.joint.handle(now(), input);
        }
        match ours::count(roster) {
            0 => self.empty_since = self.empty_since.or_else(|| Some(now())),
            _ => self.empty_since = None,
        }
    }

    /// Hands on what one of ours wrote.
    fn said(&mut self, line: &ChatLine) {
        // Lines without a writer here are copies of what was written elsewhere.
        let Some(from) = line.from.filter(|from| !self.guests.has(*from) && self.ours.has(*from)) else {
            return;
        };
        let (by, text) = (ours::id(from), line.text.clone());
        self.joint.handle(now(), Input::Said { by, text });
    }

    async fn letter(&mut self, letter: Letter) {
        match letter {
            Letter::Frame(partner, frame, receipt) => self.frame(partner, *frame, receipt).await,
            Letter::Bounced(partner, Bounce::Unreachable(_)) => {
                // Bounces may be minutes old: whoever is heard is there.
                if self.links.get(&partner).is_some_and(|link| !link.is_heard(now())) {
                    self.joint.handle(now(), Input::Path(partner, Way::Down));
                }
            }
            Letter::Bounced(partner, Bounce::Refused(why)) => {
                tracing::debug!(%partner, why, "a partner refused a frame");
            }
            Letter::Stream(is_up) => {
                let way = if is_up { Way::Up } else { Way::Down };
                for partner in self.links.keys() {
                    self.joint.handle(now(), Input::Path(partner.clone(), way));
                }
            }
            Letter::Offered(partner, offered) => self.offered(&partner, offered),
            Letter::Invite(partner) => self.add(&partner, true),
            Letter::Part(partner) => self.joint.handle(now(), Input::Part(partner)),
            Letter::EndForAll => self.end_for_all().await,
            Letter::Erase(person) => self.erase(person),
            Letter::Reload => self.reload(),
            Letter::Close => {}
        }
    }

    /// Takes a frame, and answers it.
    async fn frame(&mut self, partner: Deployment, frame: Frame, receipt: Box<dyn Receipt>) {
        if self.is_new_call(&partner, &frame) {
            self.add(&partner, false);
        }
        let Some(link) = self.links.get_mut(&partner) else {
            let epoch = self.joint.charter().epoch;
            self.ground.decline(&partner, &frame, epoch);
            return receipt.refused("not-permitted");
        };
        link.heard(now());
        self.verdict = None;
        self.joint.handle(now(), Input::Frame(partner.clone(), frame));
        self.perform().await;
        self.follow_lives();
        match self.verdict.take() {
            Some(why) => receipt.refused(why),
            None => {
                numbers::taken(&partner);
                receipt.taken();
            }
        }
    }

    /// Ends the borders to partners that began a new life: whatever went there is gone.
    fn follow_lives(&mut self) {
        for status in self.joint.status() {
            let Some(link) = self.links.get_mut(&status.partner) else {
                continue;
            };
            let before = std::mem::replace(&mut link.epoch, status.epoch);
            if before.is_some() && before != status.epoch && link.border.take().is_some() {
                tracing::info!(partner = %status.partner, "a partner began anew; its sound is placed again");
                link.back(now());
            }
        }
    }

    /// Tells whether a frame begins a link that there is not, or not any more, and that the partner may begin.
    fn is_new_call(&self, partner: &Deployment, frame: &Frame) -> bool {
        let is_over = self.links.get(partner).is_none_or(Link::is_over);
        if !is_over || frame.invitation().is_none() {
            return false;
        }
        // What is still under way of the life that is over is no call.
        let known = self.joint.status().into_iter().find(|link| link.partner == *partner);
        let is_later = known
            .and_then(|link| link.epoch)
            .is_none_or(|epoch| frame.epoch > epoch);
        is_later && self.ground.accepts(partner)
    }

    async fn news(&mut self, news: News) {
        match news {
            News::Notice(who, notice) => self.notice(who, notice),
            News::Border(partner, number, news) => self.border(partner, number, news).await,
        }
    }

    async fn border(&mut self, partner: Deployment, number: u64, news: BorderNews) {
        let Some(link) = self.links.get_mut(&partner) else {
            return;
        };
        if link.pending.as_ref().is_some_and(|border| border.number == number) {
            match news {
                // Its certificate is the partner's: it takes the place of the other one.
                BorderNews::Sound(_) | BorderNews::Up => link.border = link.pending.take(),
                BorderNews::Over(_) => link.pending = None,
            }
        }
        let Some(border) = link.border.as_mut().filter(|border| border.number == number) else {
            return;
        };
        match news {
            BorderNews::Sound(fingerprint) => self.joint.handle(now(), Input::Sound(partner, fingerprint)),
            BorderNews::Up => {
                border.is_up = true;
                tracing::info!(%partner, "sound goes to and from a partner");
                self.border_up(&partner).await;
            }
            BorderNews::Over(why) => {
                tracing::info!(%partner, why, "the sound of a partner ended");
                self.border_over(&partner);
            }
        }
    }

    /// Takes a session that a partner wants, in place of an older one as soon as it is known to be the partner's.
    fn offered(&mut self, partner: &Deployment, offered: Box<Offered>) {
        let is_up = self.links.get(partner).is_some_and(|link| link.state == LinkState::Up);
        if !is_up || self.places(partner) {
            return offered.line.reject(Cause::Declined, None);
        }
        let Some(site) = self.site(partner) else {
            return offered.line.reject(Cause::NotFound, None);
        };
        if let Some(link) = self.links.get_mut(partner) {
            let border = Some(Border::take(site, offered));
            match link.border {
                Some(_) => link.pending = border,
                None => link.border = border,
            }
        }
    }

    /// Ends the room on all sides, the partners' by their policies.
    async fn end_for_all(&mut self) {
        self.joint.handle(now(), Input::End);
        self.perform().await;
        self.end_here().await;
    }

    /// Takes terms and partners as they are configured now.
    fn reload(&mut self) {
        let before = std::mem::replace(&mut self.ground.config, self.ground.house.config());
        self.distrust(&before);
        let still = |partner: &Deployment| self.ground.room().is_some_and(|room| room.partners.contains(partner));
        let (stay, go): (Vec<_>, Vec<_>) = self.links.keys().cloned().partition(still);
        for partner in go {
            self.joint.handle(now(), Input::Part(partner));
        }
        for partner in stay {
            let invites = self.links.get(&partner).is_some_and(|link| !link.is_over());
            if invites {
                self.add(&partner, true);
            }
        }
        let always = self.ground.room().filter(|room| room.join == Join::Always);
        let new = always.map(|room| room.partners.clone()).unwrap_or_default();
        for partner in new
            .iter()
            .filter(|partner| !self.links.contains_key(*partner))
            .cloned()
            .collect::<Vec<_>>()
        {
            self.add(&partner, true);
        }
    }

    /// Ends the sound of partners that have other keys now, or another address: one of the old keys may be stolen.
    fn distrust(&mut self, before: &Config) {
        let known = |config: &Config, partner: &Deployment| {
            let partner = config.federation.as_ref()?.partner(partner)?;
            Some((partner.keys.clone(), partner.address.clone()))
        };
        for (partner, link) in &mut self.links {
            if known(before, partner) != known(&self.ground.config, partner) {
                link.border = None;
                link.pending = None;
                link.theirs.send_replace(None);
            }
        }
    }

    /// Leaves all partners, and lets them say that they heard it.
    async fn leave(&mut self, letters: &mut mpsc::Receiver<Letter>) {
        for (partner, link) in &mut self.links {
            link.border = None;
            link.pending = None;
            self.joint.handle(now(), Input::Part(partner.clone()));
        }
        let end = now() + FAREWELL;
        loop {
            self.perform().await;
            let wake = self.joint.deadline().unwrap_or(end).min(end);
            if now() >= end || self.joint.deadline().is_none() {
                break;
            }
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(Letter::Frame(partner, frame, receipt)) => self.frame(partner, *frame, receipt).await,
                    Some(Letter::Offered(_, offered)) => offered.line.reject(Cause::NotFound, None),
                    Some(_) => {}
                    None => break,
                },
                () = until(Some(wake)) => self.joint.handle(now(), Input::Timeout),
            }
        }
        self.lines.write(Vec::new());
        // A room that is over denies.
        let _ = self.onlooker.joint(Vec::new()).await;
    }

    /// Shows page, phones and operators how the links are.
    async fn publish(&mut self) {
        let links = self.joint.status().into_iter().filter_map(|status| {
            let link = self.links.get(&status.partner)?;
            let (state, why) = board::shown(link.state);
            Some(JointLink {
                meeting: self.ground.meeting.as_str().into(),
                deployment: status.partner.as_str().into(),
                authority: status.authority.as_str().into(),
                state,
                why,
                people: self.guests.count(&status.partner),
                has_media: link.border.as_ref().is_some_and(|border| border.is_up),
            })
        });
        let links: Vec<JointLink> = links.collect();
        if links == self.shown {
            return;
        }
        let partners = |links: &[JointLink]| links.iter().map(partner).collect::<Vec<_>>();
        let news = partners(&links);
        if news != partners(&self.shown) {
            // A room that is over denies.
            let _ = self.onlooker.joint(news).await;
        }
        self.lines.write(links.clone());
        self.shown = links;
    }
}

fn partner(link: &JointLink) -> JointPartner {
    JointPartner {
        deployment: Arc::clone(&link.deployment),
        authority: Arc::clone(&link.authority),
        state: link.state,
        why: link.why,
    }
}

/// Returns the wall clock [ms since 1970].
pub(super) fn wall_clock() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Waits until a time, for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Tells whether two sets of certificates differ.
fn differ(known: Option<&Fingerprint>, told: &Fingerprint) -> bool {
    known != Some(told)
}
