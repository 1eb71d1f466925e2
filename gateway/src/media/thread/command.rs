// SPDX-License-Identifier: EUPL-1.2
//! Orders to a thread, and the mailbox they go through.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use tokio::sync::{mpsc, oneshot};

use super::leg::Leg;
use super::wire::{FromBrowser, ToBrowser};
use crate::call::LegId;
use crate::media::sdp::Session;
use crate::media::words::{BorderStats, Chime, Clip, LegStats, Loudness, PlayId, RoomKey};

/// Orders to a thread.
pub(crate) enum Command {
    Open(Box<Leg>),
    Update {
        leg: LegId,
        session: Box<Session>,
    },
    Play {
        leg: LegId,
        id: PlayId,
        clips: Vec<Clip>,
        loudness: Loudness,
    },
    StopPlaying(LegId),
    Enter {
        leg: LegId,
        room: RoomKey,
    },
    Leave(LegId),
    Mute {
        leg: LegId,
        muted: bool,
    },
    SendDigits {
        leg: LegId,
        digits: String,
    },
    Chime {
        room: RoomKey,
        chime: Chime,
    },
    OpenUplink {
        leg: LegId,
        to: mpsc::Sender<ToBrowser>,
    },
    CloseUplink(LegId),
    /// Let a border carry a leg of ours under a source.
    Carry {
        border: LegId,
        ours: LegId,
        ssrc: u32,
    },
    CarryNoMore {
        border: LegId,
        ours: LegId,
    },
    /// Let a border hand what comes under a source to a far person.
    Listen {
        border: LegId,
        far: LegId,
        ssrc: u32,
        sink: SyncSender<FromBrowser>,
    },
    BorderStats {
        border: LegId,
        reply: oneshot::Sender<BorderStats>,
    },
    Close(LegId),
    Stats {
        leg: LegId,
        reply: oneshot::Sender<LegStats>,
    },
    /// A leg will move in: keep its orders until then.
    Expect(LegId),
    /// Let a leg move out.
    HandOver {
        leg: LegId,
        room: RoomKey,
        to: Mailbox,
    },
    /// The leg moves in; `None` when it ended on the way.
    Adopt {
        leg: LegId,
        arrived: Option<Box<Leg>>,
        room: RoomKey,
    },
    Shutdown,
}

impl Command {
    /// Returns the leg that the order concerns.
    pub(super) fn leg(&self) -> Option<LegId> {
        match self {
            Command::Update { leg, .. }
            | Command::Play { leg, .. }
            | Command::StopPlaying(leg)
            | Command::Enter { leg, .. }
            | Command::Leave(leg)
            | Command::Mute { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::OpenUplink { leg, .. }
            | Command::CloseUplink(leg)
            | Command::Close(leg)
            | Command::HandOver { leg, .. }
            | Command::Stats { leg, .. } => Some(*leg),
            Command::Carry { border, .. }
            | Command::CarryNoMore { border, .. }
            | Command::Listen { border, .. }
            | Command::BorderStats { border, .. } => Some(*border),
            Command::Open(_)
            | Command::Chime { .. }
            | Command::Expect(_)
            | Command::Adopt { .. }
            | Command::Shutdown => None,
        }
    }
}

/// The way into a thread.
#[derive(Clone)]
pub(crate) struct Mailbox {
    pub(super) commands: SyncSender<Command>,
    pub(super) waker: Arc<mio::Waker>,
}

impl Mailbox {
    /// Hands over an order. A full mailbox makes the caller wait for at most one tick: threads wait for nobody.
    pub(crate) fn send(&self, command: Command) {
        match self.commands.try_send(command) {
            Ok(()) => self.wake(),
            Err(TrySendError::Full(command)) => {
                self.wake();
                // Fails only when the thread is gone, and then there is nothing left to order.
                let _ = self.commands.send(command);
                self.wake();
            }
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Hands over an order without waiting; gives it back when the mailbox is full.
    pub(super) fn try_send(&self, command: Command) -> Result<(), Command> {
        match self.commands.try_send(command) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                self.wake();
                Ok(())
            }
            Err(TrySendError::Full(command)) => Err(command),
        }
    }

    fn wake(&self) {
        // A thread that cannot be woken reads its mailbox at its next tick.
        let _ = self.waker.wake();
    }
}
