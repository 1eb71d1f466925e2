// SPDX-License-Identifier: EUPL-1.2
//! The media leg to one partner: a session gateway to gateway, whose certificates are those that were told under seal.
//!
//! ```text
//! place:  offer ─▶ Sound ─▶ session ─▶ answer ─▶ theirs under seal? ─▶ accept ─▶ Up … Over
//! take:   offer of theirs ─▶ theirs under seal? ─▶ answer ─▶ Sound ─▶ session ─▶ Up … Over
//! ```

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use landbridge_federation::{Deployment, Fingerprint};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::numbers::{self, Counted};
use super::shared::News;
use crate::call::courier::{Corner, Courier, Offered};
use crate::call::house::House;
use crate::call::line::{Event, Events, Line};
use crate::call::{Cause, LegId};
use crate::media::{self, BorderTerms, LegEvents};

/// How long a partner may take to answer a session.
const ANSWER: Duration = Duration::from_secs(15);
/// How long a fingerprint under seal may come after, or before, the description that it belongs to.
const SEAL: Duration = Duration::from_secs(10);
/// How long ICE and DTLS may take.
const CONNECT: Duration = Duration::from_secs(15);

/// What a border tells its room.
#[derive(Debug)]
pub(super) enum BorderNews {
    /// Our certificate: to be told under seal.
    Sound(Fingerprint),
    /// Sound goes both ways.
    Up,
    /// It is over, and why.
    Over(&'static str),
}

/// One media leg to a partner; dropped, it is closed.
pub(super) struct Border {
    /// Its leg.
    pub(super) leg: LegId,
    /// Which one it is.
    pub(super) number: u64,
    /// Whether sound goes.
    pub(super) is_up: bool,
    task: AbortHandle,
    house: Arc<House>,
}

/// What a border's task stands on.
pub(super) struct Site {
    pub(super) house: Arc<House>,
    pub(super) partner: Deployment,
    pub(super) number: u64,
    pub(super) terms: BorderTerms,
    /// The partner's certificate as it was told under seal.
    pub(super) theirs: watch::Receiver<Option<Fingerprint>>,
    pub(super) news: mpsc::Sender<News>,
}

impl Border {
    /// Places a session.
    pub(super) fn place(site: Site, courier: Arc<dyn Courier>, to: Corner) -> Border {
        let leg = LegId::next();
        Border::run(leg, site, move |site| async move { site.place(leg, courier, to).await })
    }

    /// Takes a session that the partner placed.
    pub(super) fn take(site: Site, offered: Box<Offered>) -> Border {
        let leg = offered.leg;
        Border::run(leg, site, move |site| async move { site.take(*offered).await })
    }

    fn run<F>(leg: LegId, site: Site, walk: impl FnOnce(Site) -> F) -> Border
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Border {
            leg,
            number: site.number,
            is_up: false,
            house: Arc::clone(&site.house),
            task: tokio::spawn(walk(site)).abort_handle(),
        }
    }
}

impl Drop for Border {
    fn drop(&mut self) {
        self.task.abort();
        self.house.plane.close(self.leg);
    }
}

/// Hangs up when the task ends, however it does.
struct Hold {
    line: Box<dyn Line>,
    cause: Cause,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.line.hang_up(self.cause);
    }
}

/// Why a border is over: the word for metrics, and the cause for the partner.
type End = (&'static str, Cause);

impl Site {
    async fn place(mut self, leg: LegId, courier: Arc<dyn Courier>, to: Corner) {
        let plane = self.house.plane.clone();
        let (offer, media) = match plane.offer_border(leg, &self.terms).await {
            Ok(offered) => offered,
            Err(refusal) => {
                tracing::warn!(partner = %self.partner, %refusal, "no sound can be offered to a partner");
                return self.over("refused-here").await;
            }
        };
        // Told first: the partner waits for it.
        self.tell(BorderNews::Sound(Fingerprint(media::fingerprints(&offer))))
            .await;
        let (line, events) = match courier.place(leg, &to, offer) {
            Ok(placed) => placed,
            Err(cause) => return self.over(cause.as_str()).await,
        };
        let mut hold = Hold {
            line,
            cause: Cause::Left,
        };
        let (why, cause) = self.placed(leg, &mut hold, events, media).await;
        hold.cause = cause;
        drop(hold);
        self.over(why).await;
    }

    async fn placed(&mut self, leg: LegId, hold: &mut Hold, mut events: Events, media: LegEvents) -> End {
        let plane = self.house.plane.clone();
        let answered = async {
            loop {
                match events.recv().await {
                    Some(Event::Answered(Some(answer))) => break Ok(answer),
                    Some(Event::Candidate { mid, candidate }) => plane.add_candidate(leg, &mid, &candidate),
                    Some(Event::Ended(cause)) => break Err((cause.as_str(), Cause::Left)),
                    Some(Event::Answered(None)) | None => break Err(("internal", Cause::Internal)),
                    Some(_) => {}
                }
            }
        };
        let answer = match timeout(ANSWER, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(end)) => return end,
            Err(_) => return ("unanswered", Cause::NoAnswer),
        };
        if !self.is_theirs(&answer).await {
            return ("foreign-certificate", Cause::Forbidden);
        }
        if plane.accept_peer(leg, &answer).await.is_err() {
            return ("bad-description", Cause::BadDescription);
        }
        self.talk(leg, hold, events, media).await
    }

    async fn take(mut self, offered: Offered) {
        let Offered {
            leg,
            description,
            line,
            events,
            ..
        } = offered;
        let plane = self.house.plane.clone();
        let mut hold = Hold {
            line,
            cause: Cause::Left,
        };
        let (why, cause) = 'taken: {
            if !self.is_theirs(&description).await {
                break 'taken ("foreign-certificate", Cause::Forbidden);
            }
            let (answer, media) = match plane.answer_border(leg, &description, &self.terms).await {
                Ok(answered) => answered,
                Err(refusal) => {
                    tracing::warn!(partner = %self.partner, %refusal, "a partner's sound is refused");
                    break 'taken ("refused-here", Cause::BadDescription);
                }
            };
            self.tell(BorderNews::Sound(Fingerprint(media::fingerprints(&answer))))
                .await;
            hold.line.answer(answer);
            self.talk(leg, &mut hold, events, media).await
        };
        hold.cause = cause;
        drop(hold);
        self.over(why).await;
    }

    /// Stays until the session or its sound is over.
    async fn talk(&mut self, leg: LegId, hold: &mut Hold, mut events: Events, mut media: LegEvents) -> End {
        let plane = self.house.plane.clone();
        let mut counted = None;
        let connect = tokio::time::sleep(CONNECT);
        tokio::pin!(connect);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Candidate { mid, candidate }) => plane.add_candidate(leg, &mid, &candidate),
                    Some(Event::Reoffered(offer)) => {
                        let answer = plane.reoffer_peer(leg, offer.as_deref()).await;
                        hold.line.answer_offer(answer.map_err(|_| Cause::BadDescription));
                    }
                    Some(Event::Ended(cause)) => return (cause.as_str(), Cause::Left),
                    None => return ("internal", Cause::Internal),
                    Some(_) => {}
                },
                event = media.recv() => match event {
                    Some(media::Event::Connected) if counted.is_none() => {
                        hold.line.connected();
                        counted = Some(Counted::border(&self.partner));
                        self.tell(BorderNews::Up).await;
                    }
                    Some(media::Event::TimedOut) => return ("silent", Cause::MediaTimeout),
                    Some(media::Event::Failed(why)) => {
                        tracing::info!(partner = %self.partner, why, "the sound of a partner broke");
                        return ("broken", Cause::MediaTimeout);
                    }
                    Some(media::Event::Closed) => return ("closed", Cause::Left),
                    None => return ("internal", Cause::Internal),
                    Some(_) => {}
                },
                () = &mut connect, if counted.is_none() => return ("no-way", Cause::Unreachable),
            }
        }
    }

    /// Tells whether a description's certificate is the partner's, once the partner has told it under seal.
    async fn is_theirs(&mut self, description: &[u8]) -> bool {
        let found = media::fingerprints(description);
        if found.is_empty() {
            return false;
        }
        let told = self.theirs.wait_for(|told| {
            told.as_ref()
                .is_some_and(|told| found.iter().all(|one| is_among(one, &told.0)))
        });
        let is_theirs = matches!(timeout(SEAL, told).await, Ok(Ok(_)));
        if !is_theirs {
            numbers::refused(&self.partner, "foreign-certificate");
            tracing::warn!(partner = %self.partner, "a session's certificate is not the one that the partner told under seal");
        }
        is_theirs
    }

    async fn tell(&self, news: BorderNews) {
        // An error means that the room is over, and this border with it.
        let _ = self
            .news
            .send(News::Border(self.partner.clone(), self.number, news))
            .await;
    }

    async fn over(self, why: &'static str) {
        numbers::border_over(&self.partner, why);
        self.tell(BorderNews::Over(why)).await;
    }
}

/// Compares fingerprints as RFC 8122 §5 has it: the hash's name and the digits in any case.
fn is_among(one: &str, told: &[String]) -> bool {
    told.iter().any(|told| told.trim().eq_ignore_ascii_case(one.trim()))
}
