// SPDX-License-Identifier: EUPL-1.2
//! The one task that takes mail and follows the live rooms. It waits for nobody: what a room does not take at once is
//! refused, so that a partner can only hurt the rooms that it shares.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use landbridge_federation::{Deployment, Epoch, Frame, RoomAlias, wire};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::board::Board;
use super::numbers;
use super::session::{Ground, Session};
use super::shared::wall_clock;
use crate::call::bucket::Bucket;
use crate::call::courier::{Bounce, Corner, Courier, Mail, Offered, Receipt, Sealed};
use crate::call::house::{House, now};
use crate::call::{Cause, LegId};
use crate::config::federation::{JointRoom, Partner};
use crate::config::{Config, Federation};
use crate::room::{LiveRooms, RoomKey};

/// Letters that may wait for one joint room.
const LETTERS: usize = 512;
/// Octets of frames that one partner may send at once, and per second after that.
const OCTETS_AT_ONCE: f64 = 8.0 * 1024.0 * 1024.0;
const OCTETS_PER_SECOND: f64 = 1024.0 * 1024.0;
/// How long rooms have to say good-bye to their partners.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the house wants.
pub(super) enum Order {
    /// Invites a partner into a meeting.
    Invite(String, Deployment),
    /// Leaves a partner.
    Part(String, Deployment),
    /// Ends a meeting on all sides.
    EndForAll(String),
    /// Has partners of a meeting delete what they keep of one of our people.
    Erase(String, LegId),
    /// The configuration was re-read.
    Reload,
    /// The gateway ends.
    Stop(oneshot::Sender<()>),
}

/// What a joint room is told.
pub(super) enum Letter {
    /// A frame, of good seal.
    Frame(Deployment, Box<Frame>, Box<dyn Receipt>),
    /// A frame of ours came back.
    Bounced(Deployment, Bounce),
    /// Frames can be posted, or not.
    Stream(bool),
    /// A partner wants a session.
    Offered(Deployment, Box<Offered>),
    /// A partner is to be invited.
    Invite(Deployment),
    /// A partner is to be left.
    Part(Deployment),
    /// The room ends on all sides.
    EndForAll,
    /// Partners are to delete what they keep of one of our people.
    Erase(LegId),
    /// The configuration was re-read.
    Reload,
    /// The gateway ends.
    Close,
}

/// The task.
pub(super) struct Desk {
    house: Arc<House>,
    courier: Arc<dyn Courier>,
    board: Arc<Board>,
    /// The joint rooms that live, by alias.
    running: HashMap<RoomAlias, Running>,
    live: watch::Receiver<LiveRooms>,
    /// How much each partner may send.
    octets: HashMap<Deployment, Bucket>,
}

struct Running {
    key: RoomKey,
    letters: mpsc::Sender<Letter>,
    task: JoinHandle<()>,
}

impl Desk {
    /// Gets ready.
    pub(super) fn new(house: Arc<House>, courier: Arc<dyn Courier>, board: Arc<Board>) -> Desk {
        let live = house.rooms.live();
        Desk {
            house,
            courier,
            board,
            running: HashMap::new(),
            live,
            octets: HashMap::new(),
        }
    }

    /// Runs until the gateway ends.
    pub(super) async fn run(mut self, mut mail: mpsc::Receiver<Mail>, mut orders: mpsc::Receiver<Order>) {
        self.follow();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop(done)) => {
                        self.close().await;
                        // Nobody waits any more if this fails.
                        let _ = done.send(());
                        return;
                    }
                    Some(order) => self.order(order),
                    None => return,
                },
                letter = mail.recv() => match letter {
                    Some(letter) => self.mail(letter),
                    None => return,
                },
                changed = self.live.changed() => match changed {
                    Ok(()) => self.follow(),
                    Err(_) => return,
                },
            }
        }
    }

    /// Begins with each joint room that lives, and forgets those that do not.
    fn follow(&mut self) {
        let live = Arc::clone(&self.live.borrow_and_update());
        self.running.retain(|_, running| !running.task.is_finished());
        let config = self.house.config();
        let Some(federation) = &config.federation else { return };
        for room in &federation.rooms {
            let Some(key) = live.get(room.meeting.as_str()) else {
                continue;
            };
            if self.running.get(&room.alias).is_some_and(|running| running.key == *key) {
                continue;
            }
            let ground = self.ground(&config, federation, room);
            let Some(session) = Session::open(ground, &self.board) else {
                continue;
            };
            let (letters, received) = mpsc::channel(LETTERS);
            let running = Running {
                key: *key,
                letters,
                task: tokio::spawn(session.run(received)),
            };
            self.running.insert(room.alias.clone(), running);
        }
    }

    fn ground(&self, config: &Arc<Config>, federation: &Federation, room: &JointRoom) -> Ground {
        Ground {
            house: Arc::clone(&self.house),
            courier: Arc::clone(&self.courier),
            config: Arc::clone(config),
            us: federation.name.clone(),
            alias: room.alias.clone(),
            meeting: room.meeting.clone(),
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Invite(meeting, partner) => self.tell(&meeting, Letter::Invite(partner)),
            Order::Part(meeting, partner) => self.tell(&meeting, Letter::Part(partner)),
            Order::EndForAll(meeting) => self.tell(&meeting, Letter::EndForAll),
            Order::Erase(meeting, person) => self.tell(&meeting, Letter::Erase(person)),
            Order::Reload => {
                self.follow();
                self.tell_all(|| Letter::Reload);
            }
            Order::Stop(_) => {}
        }
    }

    fn tell(&mut self, meeting: &str, letter: Letter) {
        self.follow();
        let config = self.house.config();
        let room = config
            .federation
            .as_ref()
            .and_then(|federation| federation.room_of(meeting));
        let running = room.and_then(|room| self.running.get(&room.alias));
        if running.is_none_or(|running| running.letters.try_send(letter).is_err()) {
            tracing::warn!("a joint room was asked for something, and is gone or far behind");
        }
    }

    fn tell_all(&self, letter: impl Fn() -> Letter) {
        for running in self.running.values() {
            // A room that is this far behind finds out by the silence.
            let _ = running.letters.try_send(letter());
        }
    }

    fn mail(&mut self, mail: Mail) {
        match mail {
            Mail::Arrived { from, sealed, receipt } => self.arrived(&from, &sealed, receipt),
            Mail::Bounced { to, why } => self.bounced(&to, why),
            Mail::Up => self.tell_all(|| Letter::Stream(true)),
            Mail::Down => self.tell_all(|| Letter::Stream(false)),
            Mail::Offered(offered) => self.offered(offered),
        }
    }

    /// Checks a frame from the outside in: who, how much, seal, form, room.
    fn arrived(&mut self, from: &Corner, sealed: &Sealed, receipt: Box<dyn Receipt>) {
        let config = self.house.config();
        let Some((federation, partner)) = partner_at(config.federation.as_ref(), from) else {
            return receipt.refused("unknown-partner");
        };
        let refuse = |receipt: Box<dyn Receipt>, why| {
            numbers::refused(&partner.name, why);
            receipt.refused(why);
        };
        let octets = self.octets.entry(partner.name.clone()).or_insert_with(allowance);
        if !octets.take(now(), sealed.payload.len() as f64) {
            return refuse(receipt, "flood");
        }
        if !self.house.vouching.permits(partner) {
            return refuse(receipt, "no-dane");
        }
        let room = match room(federation, partner, from) {
            Some(room) => room,
            None => return refuse(receipt, "unknown-room"),
        };
        let frame = match open(federation, partner, sealed) {
            Ok(frame) => frame,
            Err(why) => return refuse(receipt, why),
        };
        if frame.room != room.alias {
            return refuse(receipt, "unknown-room");
        }
        let running = self
            .running
            .get(&room.alias)
            .filter(|running| !running.task.is_finished());
        let Some(running) = running else {
            let ground = self.ground(&config, federation, room);
            if ground.accepts(&partner.name) {
                return receipt.refused("nobody-there");
            }
            ground.decline(&partner.name, &frame, Epoch(wall_clock()));
            return receipt.refused("not-permitted");
        };
        let letter = Letter::Frame(partner.name.clone(), Box::new(frame), receipt);
        if let Err(error) = running.letters.try_send(letter)
            && let Letter::Frame(_, _, receipt) = error.into_inner()
        {
            refuse(receipt, "busy");
        }
    }

    fn bounced(&self, to: &Corner, why: Bounce) {
        let config = self.house.config();
        let found = partner_at(config.federation.as_ref(), to);
        let Some((partner, room)) =
            found.and_then(|(federation, partner)| Some((partner, room(federation, partner, to)?)))
        else {
            return;
        };
        numbers::bounced(&partner.name);
        if let Some(running) = self.running.get(&room.alias) {
            // A hint that is lost is found out by the silence that follows.
            let _ = running.letters.try_send(Letter::Bounced(partner.name.clone(), why));
        }
    }

    fn offered(&self, offered: Box<Offered>) {
        let config = self.house.config();
        let found = partner_at(config.federation.as_ref(), &offered.from);
        let found = found.and_then(|(federation, partner)| Some((partner, room(federation, partner, &offered.from)?)));
        let running = found.and_then(|(partner, room)| Some((partner, self.running.get(&room.alias)?)));
        let Some((partner, running)) = running else {
            return offered.line.reject(Cause::NotFound, None);
        };
        let letter = Letter::Offered(partner.name.clone(), offered);
        if let Err(error) = running.letters.try_send(letter)
            && let Letter::Offered(_, offered) = error.into_inner()
        {
            offered.line.reject(Cause::Overloaded, None);
        }
    }

    async fn close(&mut self) {
        self.tell_all(|| Letter::Close);
        let end = tokio::time::Instant::now() + FAREWELL;
        for (_, running) in self.running.drain() {
            // A room that does not end in time ends with the process.
            let _ = tokio::time::timeout_at(end, running.task).await;
        }
    }
}

/// Finds the partner of an address.
fn partner_at<'a>(federation: Option<&'a Federation>, corner: &Corner) -> Option<(&'a Federation, &'a Partner)> {
    let federation = federation?;
    Some((federation, federation.partner_at(&corner.address)?))
}

/// Finds the room that is shared with a partner by this name.
fn room<'a>(federation: &'a Federation, partner: &Partner, corner: &Corner) -> Option<&'a JointRoom> {
    let room = federation.room(&corner.room.parse().ok()?)?;
    room.partners.contains(&partner.name).then_some(room)
}

/// Opens a frame if its seal is good.
fn open(federation: &Federation, partner: &Partner, sealed: &Sealed) -> Result<Frame, &'static str> {
    let (us, them) = (&federation.name, &partner.name);
    if sealed.to != us.as_str() {
        return Err("forged-origin");
    }
    let checked = partner
        .keys
        .verify(them, us, &sealed.key, &sealed.payload, &sealed.seal);
    checked.map_err(|broken| broken.as_str())?;
    let text = std::str::from_utf8(&sealed.payload).map_err(|_| "wrong-type")?;
    let frame = wire::read(text).map_err(|fault| fault.as_str())?;
    match frame.from == *them && frame.to == *us {
        true => Ok(frame),
        false => Err("forged-origin"),
    }
}

/// Returns what one partner may send, as long as it has sent nothing.
fn allowance() -> Bucket {
    Bucket::new(now(), OCTETS_AT_ONCE, OCTETS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gigabyte_of_frames_passes_at_the_agreed_pace_alone() {
        let mut allowance = allowance();
        let start = now();
        let frame = crate::call::courier::MOST_PAYLOAD;
        let passed = (0..16_384).filter(|_| allowance.take(start, frame as f64)).count();
        assert_eq!(passed * frame, 8 * 1024 * 1024);
        let later = start + Duration::from_secs(1);
        let passed = (0..16_384).filter(|_| allowance.take(later, frame as f64)).count();
        assert_eq!(passed * frame, 1024 * 1024);
    }
}
