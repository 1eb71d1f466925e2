// SPDX-License-Identifier: EUPL-1.2
//! One answered phone leg: what it says, and what it is played.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;

use super::house::{House, now};
use super::line::{Event, Events, Line};
use super::phone::refusal_cause;
use super::sound::Terms;
use super::twins::{Twins, Way};
use super::{Cause, LegId};
use crate::lobby::{Language, Prompt, message};
use crate::media::{self, LegEvents, Loudness, PlayId, Refusal};
use crate::room::{ChatLine, Control};

/// What the far end did.
pub enum Heard {
    /// A key was pressed.
    Digit(char),
    /// Something was written.
    Text(String),
    /// The far end closed or opened its microphone by itself.
    Muted(bool),
    /// A prompt was played to its end.
    PlayEnded(PlayId),
    /// The leg is over.
    Ended(Cause),
}

/// What `hear` waited for.
enum Happened {
    Stop,
    Signal(Option<Event>),
    Negotiated(Negotiated),
    Media(Option<media::Event>),
}

/// What became of a change of the session.
enum Negotiated {
    /// Our offer was answered.
    Accepted(Result<(), Refusal>),
    /// The far end's offer wants this answer.
    Answer(Result<Vec<u8>, Refusal>),
}

type Negotiation = Pin<Box<dyn Future<Output = Negotiated> + Send>>;

/// An answered leg with its media.
pub struct Ear {
    house: Arc<House>,
    leg: LegId,
    terms: Terms,
    line: Box<dyn Line>,
    events: Events,
    media: LegEvents,
    stopping: watch::Receiver<bool>,
    keys: Twins,
    /// While a change is under way, further signalling waits.
    negotiation: Option<Negotiation>,
    ended: bool,
}

impl Ear {
    /// Joins a leg's signalling and media.
    pub fn new(
        house: Arc<House>,
        leg: LegId,
        terms: Terms,
        line: Box<dyn Line>,
        events: Events,
        media: LegEvents,
    ) -> Ear {
        let stopping = house.stopping();
        Ear {
            house,
            leg,
            terms,
            line,
            events,
            media,
            stopping,
            keys: Twins::default(),
            negotiation: None,
            ended: false,
        }
    }

    /// Returns the leg.
    pub fn leg(&self) -> LegId {
        self.leg
    }

    /// Returns the house that the leg is in.
    pub(super) fn house(&self) -> &House {
        &self.house
    }

    /// Waits for the far end; answers re-offers on the way. Safe to cancel.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let happened = tokio::select! {
                _ = self.stopping.wait_for(|stop| *stop) => Happened::Stop,
                done = finish(&mut self.negotiation), if self.negotiation.is_some() => Happened::Negotiated(done),
                event = self.events.recv(), if self.negotiation.is_none() => Happened::Signal(event),
                event = self.media.recv() => Happened::Media(event),
            };
            let heard = match happened {
                Happened::Stop => Some(self.end(Cause::Draining)),
                Happened::Signal(event) => self.signalled(event),
                Happened::Negotiated(done) => self.negotiated(done),
                Happened::Media(event) => self.sounded(event),
            };
            if let Some(heard) = heard {
                return heard;
            }
        }
    }

    /// Plays prompts one after the other, and writes them where the far end can read; returns the name of this playing.
    pub fn play(&mut self, prompts: &[Prompt], language: Language) -> Option<PlayId> {
        self.play_as(prompts, &message(prompts, language), language)
    }

    /// Plays prompts as [`play`](Self::play) does, and writes this text instead of their own.
    pub fn play_as(&mut self, prompts: &[Prompt], text: &str, language: Language) -> Option<PlayId> {
        let clips: Vec<media::Clip> = prompts
            .iter()
            .map(|prompt| self.house.prompts.clip(*prompt, language))
            .collect();
        if clips.is_empty() {
            return None;
        }
        self.line.say(text);
        let id = PlayId::next();
        self.house.plane.play(self.leg, id, clips, Loudness::Normal);
        Some(id)
    }

    /// Writes to the far end, where its protocol has writing.
    pub fn say(&self, text: &str) {
        self.line.say(text);
    }

    /// Tells whether the far end wants to read the chat of its room.
    pub fn reads(&self) -> bool {
        self.line.reads()
    }

    /// Shows the far end what somebody else wrote.
    pub fn chat(&self, line: &ChatLine) {
        self.line.chat(line);
    }

    /// Tells the leg that it is in a room proper.
    pub fn seated(&self, control: &Control) {
        self.line.seated(control);
    }

    /// Tells the leg that it waits outside again.
    pub fn unseated(&self) {
        self.line.unseated();
    }

    /// Shows the far end whether its microphone is open to the room.
    pub fn muted(&self, muted: bool) {
        self.line.muted(muted);
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
            Some(Event::Text(text)) => Some(Heard::Text(text)),
            Some(Event::Muted(muted)) => Some(Heard::Muted(muted)),
            Some(Event::Ended(cause)) => {
                self.ended = true;
                Some(Heard::Ended(cause))
            }
            Some(other) => {
                self.negotiate(other);
                None
            }
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
            // Media is faster than signalling, which says the same a moment later.
            Some(media::Event::Closed) => Some(self.end(Cause::Left)),
            Some(media::Event::Failed(what)) if matches!(self.terms, Terms::Peer(_)) => {
                tracing::info!(leg = %self.leg, what, "no way to the far end's media; the leg ends");
                Some(self.end(Cause::Unreachable))
            }
            Some(media::Event::Failed(what)) => {
                tracing::warn!(leg = %self.leg, what, "media failed");
                Some(self.end(Cause::Internal))
            }
            Some(media::Event::Connected) => {
                self.line.connected();
                None
            }
            Some(media::Event::FirstPacket) => None,
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

    /// Begins a change of the session.
    fn negotiate(&mut self, event: Event) {
        let (plane, leg, terms) = (self.house.plane.clone(), self.leg, self.terms.clone());
        match event {
            Event::Confirmed(Some(answer)) => {
                self.negotiation = Some(Box::pin(async move {
                    Negotiated::Accepted(terms.accept(&plane, leg, &answer).await)
                }));
            }
            Event::Reoffered(offer) => {
                self.negotiation = Some(Box::pin(async move {
                    Negotiated::Answer(terms.reoffer(&plane, leg, offer.as_deref()).await)
                }));
            }
            Event::Candidate { mid, candidate } => plane.add_candidate(leg, &mid, &candidate),
            _ => {}
        }
    }

    /// Ends a change of the session; tells if the leg cannot go on.
    fn negotiated(&mut self, done: Negotiated) -> Option<Heard> {
        self.negotiation = None;
        match done {
            Negotiated::Accepted(Ok(())) => None,
            Negotiated::Accepted(Err(refusal)) => {
                tracing::info!(leg = %self.leg, %refusal, "the answer to our offer cannot be used");
                Some(self.end(refusal_cause(&refusal)))
            }
            Negotiated::Answer(reply) => {
                if let Err(refusal) = &reply {
                    tracing::info!(leg = %self.leg, %refusal, "a change of the session was refused");
                }
                self.line.answer_offer(reply.map_err(|refusal| refusal_cause(&refusal)));
                None
            }
        }
    }
}

/// Waits for a negotiation; never ends without one.
async fn finish(negotiation: &mut Option<Negotiation>) -> Negotiated {
    match negotiation {
        Some(negotiation) => negotiation.await,
        None => std::future::pending().await,
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // However a call task ends, neither its dialog nor its media outlive it.
        self.hang_up(Cause::Internal);
        self.house.plane.close(self.leg);
    }
}
