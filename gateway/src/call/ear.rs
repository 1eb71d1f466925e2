// SPDX-License-Identifier: EUPL-1.2
//! One answered phone leg: what it says, and what it is played.

use std::sync::Arc;

use tokio::sync::watch;

use super::house::{House, now};
use super::line::{Event, Events, Line};
use super::phone::refusal_cause;
use super::twins::{Twins, Way};
use super::{Cause, LegId};
use crate::lobby::{Language, Prompt};
use crate::media::{self, LegEvents, Loudness, PlayId};

/// What the far end did.
pub enum Heard {
    /// A key was pressed.
    Digit(char),
    /// A prompt was played to its end.
    PlayEnded(PlayId),
    /// The leg is over.
    Ended(Cause),
}

/// What `hear` waited for.
enum Happened {
    Stop,
    Signal(Option<Event>),
    Media(Option<media::Event>),
}

/// An answered leg with its media.
pub struct Ear {
    house: Arc<House>,
    leg: LegId,
    line: Box<dyn Line>,
    events: Events,
    media: LegEvents,
    stopping: watch::Receiver<bool>,
    keys: Twins,
    ended: bool,
}

impl Ear {
    /// Joins a leg's signalling and media.
    pub fn new(house: Arc<House>, leg: LegId, line: Box<dyn Line>, events: Events, media: LegEvents) -> Ear {
        let stopping = house.stopping();
        Ear {
            house,
            leg,
            line,
            events,
            media,
            stopping,
            keys: Twins::default(),
            ended: false,
        }
    }

    /// Returns the leg.
    pub fn leg(&self) -> LegId {
        self.leg
    }

    /// Waits for the far end; answers re-offers on the way. Safe to cancel.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let happened = tokio::select! {
                _ = self.stopping.wait_for(|stop| *stop) => Happened::Stop,
                event = self.events.recv() => Happened::Signal(event),
                event = self.media.recv() => Happened::Media(event),
            };
            let heard = match happened {
                Happened::Stop => Some(self.end(Cause::Draining)),
                Happened::Signal(event) => self.signalled(event),
                Happened::Media(event) => self.sounded(event),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Plays prompts one after the other; returns the name of this playing.
    pub fn play(&mut self, prompts: &[Prompt], language: Language) -> Option<PlayId> {
        let clips: Vec<media::Clip> = prompts
            .iter()
            .map(|prompt| self.house.prompts.clip(*prompt, language))
            .collect();
        if clips.is_empty() {
            return None;
        }
        let id = PlayId::next();
        self.house.plane.play(self.leg, id, clips, Loudness::Normal);
        Some(id)
    }

    /// Stops what is played.
    pub fn stop_playing(&mut self) {
        self.house.plane.stop_playing(self.leg);
    }

    /// Ends the leg.
    pub fn hang_up(&mut self, cause: Cause) {
        if !self.ended {
            self.ended = true;
            self.line.hang_up(cause);
        }
    }

    fn signalled(&mut self, event: Option<Event>) -> Option<Heard> {
        match event {
            Some(Event::Digit(digit)) => self.key(digit, Way::Signalling),
            Some(Event::Ended(cause)) => {
                self.ended = true;
                Some(Heard::Ended(cause))
            }
            Some(other) => self.negotiate(other).map(|cause| self.end(cause)),
            // The mailbox closed without a word: the leg was taken down.
            None => Some(self.end(Cause::Internal)),
        }
    }

    fn sounded(&mut self, event: Option<media::Event>) -> Option<Heard> {
        match event {
            Some(media::Event::Digit(digit)) => self.key(digit, Way::Media),
            Some(media::Event::PlayEnded(id)) => Some(Heard::PlayEnded(id)),
            Some(media::Event::TimedOut) => {
                tracing::info!(leg = %self.leg, "no media for too long; the leg ends");
                Some(self.end(Cause::MediaTimeout))
            }
            Some(media::Event::Failed(what)) => {
                tracing::warn!(leg = %self.leg, what, "media failed");
                Some(self.end(Cause::Internal))
            }
            Some(media::Event::Connected | media::Event::FirstPacket) => None,
            None => Some(self.end(Cause::Internal)),
        }
    }

    fn key(&mut self, key: char, way: Way) -> Option<Heard> {
        self.keys.is_new(now(), key, way).then_some(Heard::Digit(key))
    }

    fn end(&mut self, cause: Cause) -> Heard {
        self.hang_up(cause);
        Heard::Ended(cause)
    }

    /// Answers a change of the session; returns a cause if the leg cannot go on.
    fn negotiate(&mut self, event: Event) -> Option<Cause> {
        match event {
            Event::Confirmed(Some(answer)) => match self.house.plane.accept(self.leg, &answer) {
                Ok(()) => None,
                Err(refusal) => {
                    tracing::info!(leg = %self.leg, %refusal, "the answer to our offer cannot be used");
                    Some(refusal_cause(&refusal))
                }
            },
            Event::Reoffered(offer) => {
                let reply = self.house.plane.reoffer(self.leg, offer.as_deref());
                if let Err(refusal) = &reply {
                    tracing::info!(leg = %self.leg, %refusal, "a change of the session was refused");
                }
                self.line.answer_offer(reply.map_err(|refusal| refusal_cause(&refusal)));
                None
            }
            _ => None,
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // However a call task ends, neither its dialog nor its media outlive it.
        self.hang_up(Cause::Internal);
        self.house.plane.close(self.leg);
    }
}
