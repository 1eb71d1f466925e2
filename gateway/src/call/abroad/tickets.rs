// SPDX-License-Identifier: EUPL-1.2
//! Where fresh tickets for LiveKit come from: an API key makes them, or OpenTalk is asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::legs::livekit::{Mint, Participant, Presence, Ticket, Tickets, Trouble, TroubleKind};
use crate::legs::opentalk::{Command, Credentials, Event};

/// How long OpenTalk may take to give a token.
const PATIENCE: Duration = Duration::from_secs(11);

/// Makes tickets for one participant of one room.
pub(super) struct Minted {
    mint: Mint,
    room: String,
    participant: Participant,
}

impl Minted {
    pub(super) fn new(mint: Mint, room: String, participant: Participant) -> Minted {
        Minted {
            mint,
            room,
            participant,
        }
    }

    /// Returns the participant's identity.
    pub(super) fn identity(&self) -> &str {
        &self.participant.identity
    }

    /// Makes a ticket.
    pub(super) fn ticket(&self) -> Result<Ticket, Trouble> {
        self.mint.ticket(&self.room, &self.participant)
    }

    /// Makes tickets for the one who listens for all phones of this node.
    pub(super) fn ear(&self) -> Minted {
        let participant = Participant {
            identity: format!("landbridge-ear-{:016x}", rand::random::<u64>()),
            name: String::new(),
            attributes: Vec::new(),
            presence: Presence::Listener,
        };
        Minted::new(self.mint.clone(), self.room.clone(), participant)
    }
}

#[async_trait]
impl Tickets for Minted {
    async fn fresh(&self) -> Result<Ticket, Trouble> {
        self.ticket()
    }
}

/// Asks one phone's OpenTalk signalling for tickets.
pub(super) struct Counter {
    commands: mpsc::WeakSender<Command>,
    waiting: Mutex<Vec<oneshot::Sender<Option<Credentials>>>>,
}

impl Counter {
    pub(super) fn new(commands: mpsc::WeakSender<Command>) -> Counter {
        Counter {
            commands,
            waiting: Mutex::default(),
        }
    }

    /// Hands an answer to whoever waits for it; gives back every other event.
    pub(super) fn serve(&self, event: Event) -> Option<Event> {
        let credentials = match &event {
            Event::Credentials(credentials) => Some(credentials.clone()),
            Event::CredentialsUnavailable => None,
            _ => return Some(event),
        };
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut served = false;
        for asker in waiting {
            served |= asker.send(credentials.clone()).is_ok();
        }
        (!served).then_some(event)
    }
}

#[async_trait]
impl Tickets for Counter {
    async fn fresh(&self) -> Result<Ticket, Trouble> {
        let closed = || Trouble::new(TroubleKind::Internal, "OpenTalk's signalling has ended");
        let (asker, answer) = oneshot::channel();
        let commands = self.commands.upgrade().ok_or_else(closed)?;
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|asker| !asker.is_closed());
            waiting.push(asker);
        }
        commands.try_send(Command::NewCredentials).map_err(|_| closed())?;
        drop(commands);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Some(Credentials { room, token, url }))) => Ok(Ticket { url, token, room }),
            Ok(Ok(None)) => Err(Trouble::new(
                TroubleKind::Connect,
                "OpenTalk has no LiveKit token; it cannot reach its LiveKit server",
            )),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(Trouble::new(
                TroubleKind::Timeout,
                "OpenTalk gave no LiveKit token in time",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            room: "r:main".into(),
            token: "t".into(),
            url: "ws://sfu.example".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_asks_gets_the_token_and_the_room_does_not_see_it() {
        let (commands, mut wanted) = mpsc::channel(4);
        let counter = Arc::new(Counter::new(commands.downgrade()));
        let asking = tokio::spawn({
            let counter = counter.clone();
            async move { counter.fresh().await }
        });
        assert_eq!(wanted.recv().await, Some(Command::NewCredentials));
        assert_eq!(counter.serve(Event::Waiting), Some(Event::Waiting));
        assert_eq!(counter.serve(Event::Credentials(credentials())), None);
        assert_eq!(asking.await.unwrap().unwrap().room, "r:main");
        assert!(
            counter.serve(Event::Credentials(credentials())).is_some(),
            "nobody waits any more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_and_no_token_are_told_apart() {
        let (commands, _wanted) = mpsc::channel(4);
        let counter = Arc::new(Counter::new(commands.downgrade()));
        assert_eq!(counter.fresh().await.unwrap_err().kind, TroubleKind::Timeout);
        let asking = tokio::spawn({
            let counter = counter.clone();
            async move { counter.fresh().await }
        });
        tokio::task::yield_now().await;
        counter.serve(Event::CredentialsUnavailable);
        assert_eq!(asking.await.unwrap().unwrap_err().kind, TroubleKind::Connect);
        drop(commands);
        assert_eq!(counter.fresh().await.unwrap_err().kind, TroubleKind::Internal);
    }
}
