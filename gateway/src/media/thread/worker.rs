// SPDX-License-Identifier: EUPL-1.2
//! The loop: packets, orders, ticks.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use landbridge_codecs::tone::chime;
use landbridge_codecs::{Codec, Ear, Frame};
use mio::{Events, Poll, Token, Waker};
use tokio::sync::broadcast;

use super::border::{Border, Counters, Tally};
use super::clock::Clock;
use super::command::{Command, Mailbox};
use super::encoders::Encoders;
use super::leg::{Leg, Since};
use super::onward::Onward;
use super::phone::{Phone, SOCKETS};
use super::priority;
use super::room::Room;
use super::uplink::Uplink;
use super::wire::Wire;
use crate::call::LegId;
use crate::media::words::{Chime, Clip, MediaConfig, RoomKey};

/// Length of a tick.
const TICK: Duration = Duration::from_millis(20);
/// Ticks that are made up for after a stall; what is beyond them is skipped.
const CATCH_UP: u32 = 5;
const WAKER: Token = Token(usize::MAX);
const MAILBOX: usize = 4096;
const ORDERS_AT_ONCE: usize = 512;
/// Orders kept for a leg that is on its way to this thread.
const ORDERS_KEPT: usize = 64;

/// Starts one media thread.
pub(crate) fn start(
    index: usize,
    config: &MediaConfig,
    speakers: broadcast::Sender<(RoomKey, Vec<LegId>)>,
) -> io::Result<Mailbox> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (commands, receiver) = sync_channel(MAILBOX);
    let worker = Worker {
        poll,
        commands: receiver,
        legs: Vec::new(),
        free: Vec::new(),
        slots: HashMap::new(),
        rooms: HashMap::new(),
        lobby: Encoders::default(),
        expected: HashMap::new(),
        outbox: Vec::new(),
        backlog: Vec::with_capacity(64),
        clock: Clock::new(),
        buffer: Box::new([0; 2048]),
        max_speakers: config.max_speakers,
        speakers,
        joined: chime::joined().into(),
        left: chime::left().into(),
        decoded: metrics::counter!("landbridge_sfu_frames_decoded_total"),
        forwarded: metrics::counter!("landbridge_opus_forwarded_total"),
        borders: Counters::new(),
    };
    let first = config.realtime;
    std::thread::Builder::new()
        .name(format!("media-{index}"))
        .spawn(move || {
            if let Some(Err(why)) = first.then(priority::go_first)
                && index == 0
            {
                    tracing::info!(%why, "media threads run like other work, and may tick late on a busy machine; allow real-time priority with CAP_SYS_NICE or LimitRTPRIO=10, or set [media] realtime = false");
            }
            worker.run();
        })?;
    Ok(Mailbox { commands, waker })
}

struct Worker {
    poll: Poll,
    commands: Receiver<Command>,
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    slots: HashMap<LegId, usize>,
    rooms: HashMap<RoomKey, Room>,
    /// What the lobby hears without a prompt: silence, encoded once per codec.
    lobby: Encoders,
    expected: HashMap<LegId, Vec<Command>>,
    /// Orders to other threads whose mailbox was full.
    outbox: Vec<(Mailbox, Command)>,
    /// Sockets that had more to read than one turn allows.
    backlog: Vec<Token>,
    clock: Clock,
    buffer: Box<[u8; 2048]>,
    max_speakers: usize,
    speakers: broadcast::Sender<(RoomKey, Vec<LegId>)>,
    joined: Clip,
    left: Clip,
    /// Found once: looking a counter up takes a lock.
    decoded: metrics::Counter,
    forwarded: metrics::Counter,
    borders: Counters,
}

impl Worker {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut next_tick = Instant::now() + TICK;
        loop {
            let wait = next_tick.saturating_duration_since(Instant::now());
            // The deadline is absolute, so a late or interrupted wait adds no drift.
            let polled = self.poll.poll(&mut events, Some(wait));
            let now = Instant::now();
            if polled.is_ok() {
                for event in &events {
                    if event.token() != WAKER {
                        self.read(now, event.token());
                    }
                }
            }
            if !self.take_orders(now) {
                return;
            }
            let mut made_up = 0;
            while now >= next_tick {
                if made_up < CATCH_UP {
                    self.tick(now);
                } else {
                    self.skip_tick();
                }
                made_up += 1;
                next_tick += TICK;
            }
        }
    }

    fn read(&mut self, now: Instant, token: Token) {
        if self.receive(now, token) && !self.backlog.contains(&token) {
            self.backlog.push(token);
        }
    }

    /// Reads one socket; returns whether more may be waiting.
    fn receive(&mut self, now: Instant, token: Token) -> bool {
        let slot = token.0 / SOCKETS;
        let (clock, buffer) = (&self.clock, &mut self.buffer[..]);
        // Taken out, so that the borders of its room can be reached.
        let Some(mut leg) = self.legs.get_mut(slot).and_then(Option::take) else {
            return false;
        };
        let mut onward = Onward {
            rooms: &self.rooms,
            legs: &mut self.legs,
            slot,
        };
        let more = guarded(|| leg.receive(now, clock, token.0 % SOCKETS, buffer, &mut onward));
        self.put_back(slot, leg);
        more.unwrap_or_else(|| {
            self.give_up(slot);
            false
        })
    }

    fn put_back(&mut self, slot: usize, leg: Box<Leg>) {
        if let Some(place) = self.legs.get_mut(slot) {
            *place = Some(leg);
        }
    }

    fn tick(&mut self, now: Instant) {
        for at in 0..self.backlog.len() {
            let Some(token) = self.backlog.get(at).copied() else {
                break;
            };
            if !self.receive(now, token)
                && let Some(done) = self.backlog.get_mut(at)
            {
                *done = WAKER;
            }
        }
        self.backlog.retain(|token| *token != WAKER);
        for slot in 0..self.legs.len() {
            let Some(mut leg) = self.legs.get_mut(slot).and_then(Option::take) else {
                continue;
            };
            let mut onward = Onward {
                rooms: &self.rooms,
                legs: &mut self.legs,
                slot,
            };
            let lived = guarded(|| leg.receive_from_browser(&mut onward));
            self.put_back(slot, leg);
            if lived.is_none() {
                self.give_up(slot);
            }
        }
        let mut broken = None;
        for (key, room) in &mut self.rooms {
            match guarded(|| room.tick(now, &mut self.legs)) {
                Some(Some(speaking)) => {
                    // Fails only when nobody watches.
                    let _ = self.speakers.send((*key, speaking));
                }
                Some(None) => {}
                None => broken = Some(*key),
            }
        }
        if let Some(key) = broken {
            self.give_up_room(key);
        }
        self.lobby.begin();
        let (mut since, mut tally) = (Since::default(), Tally::default());
        for slot in 0..self.legs.len() {
            let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_deref_mut) else {
                continue;
            };
            let (lobby, clock) = (&mut self.lobby, &self.clock);
            let lived = guarded(|| {
                if leg.room.is_none() && leg.border.is_none() {
                    in_lobby(leg, lobby, now);
                }
                leg.look_after(now, clock, &mut tally);
                leg.count_into(&mut since);
            });
            if lived.is_none() {
                self.give_up(slot);
            }
        }
        self.decoded.increment(since.decoded);
        self.forwarded.increment(since.forwarded);
        self.borders.count(tally);
        if !self.outbox.is_empty() {
            self.post_again();
        }
    }

    /// Lets time go on for every stream without sending.
    fn skip_tick(&mut self) {
        for leg in self.legs.iter_mut().flatten() {
            leg.skip();
        }
    }

    /// Takes what is in the mailbox; returns whether the thread goes on.
    fn take_orders(&mut self, now: Instant) -> bool {
        for _ in 0..ORDERS_AT_ONCE {
            match self.commands.try_recv() {
                Ok(Command::Shutdown) | Err(TryRecvError::Disconnected) => {
                    self.end(now);
                    return false;
                }
                Ok(command) => self.obey(now, command),
                Err(TryRecvError::Empty) => break,
            }
        }
        true
    }

    fn obey(&mut self, now: Instant, command: Command) {
        if let Some(waiting) = command.leg().and_then(|leg| self.expected.get_mut(&leg)) {
            if waiting.len() < ORDERS_KEPT {
                waiting.push(command);
            }
            return;
        }
        match command {
            Command::Open(leg) => self.open(leg),
            Command::Update { leg, session } => self.with(leg, |leg| leg.configure(*session)),
            Command::Play {
                leg,
                id,
                clips,
                loudness,
            } => self.with(leg, |leg| leg.play(id, clips, loudness)),
            Command::StopPlaying(leg) => self.with(leg, Leg::stop_playing),
            Command::Mute { leg, muted } => self.with(leg, |leg| leg.muted = muted),
            Command::SendDigits { leg, digits } => self.with(leg, |leg| leg.send_digits(&digits)),
            Command::Stats { leg, reply } => self.with(leg, |leg| {
                // The asker may have gone.
                let _ = reply.send(leg.stats());
            }),
            Command::OpenUplink { leg, to } => self.with(leg, |leg| leg.uplink = Some(Uplink::new(to))),
            Command::CloseUplink(leg) => self.with(leg, |leg| leg.uplink = None),
            Command::Carry { border, ours, ssrc } => {
                self.with_border(border, |border, phone| border.carry(now, phone, ours, ssrc))
            }
            Command::CarryNoMore { border, ours } => {
                self.with_border(border, |border, phone| border.carry_no_more(now, phone, ours));
            }
            Command::Listen {
                border,
                far,
                ssrc,
                sink,
            } => self.with_border(border, |border, _| border.listen(far, ssrc, sink)),
            Command::BorderStats { border, reply } => self.with_border(border, |border, _| {
                // The asker may have gone.
                let _ = reply.send(border.stats());
            }),
            Command::Enter { leg, room } => {
                self.leave_room(leg);
                self.enter_room(leg, room);
            }
            Command::Leave(leg) => self.leave_room(leg),
            Command::Chime { room, chime } => {
                let clip = match chime {
                    Chime::Joined => &self.joined,
                    Chime::Left => &self.left,
                };
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.chime(clip.clone());
                }
            }
            Command::Close(leg) => {
                if let Some(mut leg) = self.take_out(leg) {
                    leg.bye(now, &self.clock);
                }
            }
            Command::Expect(leg) => {
                self.expected.entry(leg).or_default();
            }
            Command::HandOver { leg, room, to } => {
                let arrived = self.take_out(leg);
                self.post(to, Command::Adopt { leg, arrived, room });
            }
            Command::Adopt { leg, arrived, room } => {
                if let Some(arrived) = arrived {
                    self.open(arrived);
                    self.enter_room(leg, room);
                }
                for command in self.expected.remove(&leg).unwrap_or_default() {
                    self.obey(now, command);
                }
            }
            Command::Shutdown => {}
        }
    }

    fn open(&mut self, mut leg: Box<Leg>) {
        let slot = self.free.pop().unwrap_or(self.legs.len());
        if let Wire::Phone(phone) = &mut leg.wire
            && let Err(error) = phone.register(self.poll.registry(), slot)
        {
            tracing::error!(leg = %leg.id, %error, "cannot watch the media sockets; the leg stays silent");
        }
        self.slots.insert(leg.id, slot);
        if slot == self.legs.len() {
            self.legs.push(Some(leg));
        } else if let Some(place) = self.legs.get_mut(slot) {
            *place = Some(leg);
        }
    }

    fn take_out(&mut self, id: LegId) -> Option<Box<Leg>> {
        self.leave_room(id);
        let slot = self.slots.remove(&id)?;
        let mut leg = self.legs.get_mut(slot)?.take()?;
        self.free.push(slot);
        if let Wire::Phone(phone) = &mut leg.wire {
            phone.deregister(self.poll.registry());
        }
        Some(leg)
    }

    fn enter_room(&mut self, id: LegId, room: RoomKey) {
        let Some(slot) = self.slots.get(&id).copied() else {
            return;
        };
        let max_speakers = self.max_speakers;
        let is_border = self
            .legs
            .get(slot)
            .and_then(Option::as_deref)
            .is_some_and(|leg| leg.border.is_some());
        let place = self.rooms.entry(room).or_insert_with(|| Room::new(max_speakers));
        if is_border {
            place.add_border(slot);
        } else {
            place.add(slot);
        }
        self.with(id, |leg| leg.room = Some(room));
    }

    fn leave_room(&mut self, id: LegId) {
        let Some(slot) = self.slots.get(&id).copied() else {
            return;
        };
        let Some(leg) = self.legs.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(key) = leg.room.take() else { return };
        if self.rooms.get_mut(&key).is_some_and(|room| room.remove(slot, id)) {
            self.rooms.remove(&key);
        }
    }

    fn with(&mut self, id: LegId, act: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self
            .slots
            .get(&id)
            .and_then(|slot| self.legs.get_mut(*slot))
            .and_then(Option::as_deref_mut)
        {
            act(leg);
        }
    }

    fn with_border(&mut self, id: LegId, act: impl FnOnce(&mut Border, &mut Phone)) {
        self.with(id, |leg| {
            if let Some((border, phone)) = leg.as_border() {
                act(border, phone);
            }
        });
    }

    /// Posts to another thread without ever waiting for it: two threads that wait for each other would stand still.
    fn post(&mut self, to: Mailbox, command: Command) {
        if let Err(command) = to.try_send(command) {
            self.outbox.push((to, command));
        }
    }

    fn post_again(&mut self) {
        for (to, command) in std::mem::take(&mut self.outbox) {
            self.post(to, command);
        }
    }

    /// Ends a leg whose handling panicked: a fault of ours, and no other call may suffer for it.
    fn give_up(&mut self, slot: usize) {
        let Some(id) = self.legs.get(slot).and_then(Option::as_deref).map(|leg| leg.id) else {
            return;
        };
        tracing::error!(leg = %id, "the media of a leg broke down; the leg ends");
        if let Some(leg) = self.take_out(id) {
            leg.fail();
        }
    }

    fn give_up_room(&mut self, room: RoomKey) {
        for slot in 0..self.legs.len() {
            if self
                .legs
                .get(slot)
                .and_then(Option::as_deref)
                .is_some_and(|leg| leg.room == Some(room))
            {
                self.give_up(slot);
            }
        }
        self.rooms.remove(&room);
    }

    fn end(&mut self, now: Instant) {
        for leg in self.legs.iter_mut().flatten() {
            leg.bye(now, &self.clock);
        }
    }
}

/// In the lobby a leg hears its prompt alone, or silence, so that the first packet leaves at once and NATs open.
fn in_lobby(leg: &mut Leg, lobby: &mut Encoders, now: Instant) {
    leg.hear(now);
    leg.send_up(now, false);
    let Some(codec): Option<Codec> = leg.hears_in() else {
        leg.pass();
        return;
    };
    if leg.is_playing() {
        leg.speak_own(None);
    } else if let Some(encoded) = lobby.encode(Ear::Everyone, codec, leg.loss_percent(), &Frame::SILENCE) {
        leg.speak(encoded.payload, encoded.level);
    }
}

/// Contains a panic; `None` when there was one.
fn guarded<T>(act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(act)).ok()
}
