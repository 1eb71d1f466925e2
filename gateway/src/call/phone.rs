// SPDX-License-Identifier: EUPL-1.2
//! A phone call, read downwards: route, answer, lobby, room, goodbye.

use std::sync::Arc;
use std::time::Duration;

use landbridge_dialplan::{RejectCause, Route};

use super::ear::{Ear, Heard};
use super::house::{House, now};
use super::line::{Events, Line};
use super::sound::Terms;
use super::{Cause, Invitation, Kind, bridge, room_talk, visit};
use crate::lobby::{Language, Lobby, LobbyInput, LobbyOptions, LobbyOutput, Prompt, Verdict};
use crate::media::Refusal;
use crate::room::Seat;

/// Longest a farewell is spoken before the call ends all the same.
const FAREWELL: Duration = Duration::from_secs(12);

/// A check that takes longer is spoken of: another server is asked.
const SLOW_CHECK: Duration = Duration::from_secs(2);

/// A call that was offered, with what may be agreed on.
pub struct Offer {
    /// Who wants in.
    pub invitation: Invitation,
    /// The caller's session description; none = a late offer.
    pub description: Option<Vec<u8>>,
    /// What may be agreed on.
    pub terms: Terms,
    /// Hops left for a call that continues this one.
    pub max_forwards: u8,
}

/// Walks one call from its offer to its end.
pub async fn walk(house: Arc<House>, offer: Offer, line: Box<dyn Line>, events: Events) {
    let _counted = house.count();
    let leg = offer.invitation.leg;
    metrics::counter!("landbridge_calls_total").increment(1);
    let decision = house.route(&offer.invitation);
    let rule = decision
        .rule
        .as_ref()
        .map_or("built-in".to_owned(), ToString::to_string);
    let cause = match decision.route {
        Route::Reject {
            cause: RejectCause::Emergency,
            ..
        } => {
            // Never silently: the caller hears why, and the operator reads it.
            tracing::warn!(%leg, %rule, "an emergency number was dialled; the caller is told to dial it directly");
            speak_and_end(&house, offer, line, events, Prompt::Emergency, Cause::Emergency).await
        }
        Route::Reject { cause, message } => {
            let cause = reject_cause(cause);
            tracing::info!(%leg, %rule, cause = cause.as_str(), "call refused by the dial plan");
            line.reject(cause, message.as_deref());
            cause
        }
        Route::Dial { uri } => bridge::walk(&house, offer, &uri, line, events).await,
        Route::Enter { meeting, pin, language } => {
            let wish = Wish {
                meeting: Some(meeting),
                pin: pin.or_else(|| offer.invitation.pin.clone()),
                language,
                greeting: None,
            };
            meet(&house, offer, line, events, wish).await
        }
        Route::Collect {
            meeting,
            language,
            greeting,
        } => {
            let wish = Wish {
                meeting,
                pin: offer.invitation.pin.clone(),
                language,
                greeting,
            };
            meet(&house, offer, line, events, wish).await
        }
    };
    house.plane.close(leg);
    metrics::counter!("landbridge_calls_ended_total", "cause" => cause.as_str()).increment(1);
    tracing::info!(%leg, cause = cause.as_str(), "call ended");
}

/// What the dial plan knows already of a caller's wish.
struct Wish {
    meeting: Option<String>,
    pin: Option<String>,
    language: Option<String>,
    greeting: Option<String>,
}

/// Answers a call with media; refuses it where the descriptions do not fit.
pub(super) async fn answer(
    house: &Arc<House>,
    offer: &Offer,
    line: Box<dyn Line>,
    events: Events,
) -> Result<Ear, Cause> {
    let leg = offer.invitation.leg;
    let (description, source) = (offer.description.as_deref(), offer.invitation.source);
    match offer.terms.answer(&house.plane, leg, description, source).await {
        Ok((description, media)) => {
            line.answer(description);
            let (house, terms) = (Arc::clone(house), offer.terms.clone());
            Ok(Ear::new(house, leg, terms, line, events, media))
        }
        Err(refusal) => {
            let cause = refusal_cause(&refusal);
            tracing::info!(%leg, %refusal, cause = cause.as_str(), "call refused by media");
            line.reject(cause, Some(&refusal.to_string()));
            Err(cause)
        }
    }
}

async fn speak_and_end(
    house: &Arc<House>,
    offer: Offer,
    line: Box<dyn Line>,
    events: Events,
    prompt: Prompt,
    cause: Cause,
) -> Cause {
    let mut ear = match answer(house, &offer, line, events).await {
        Ok(ear) => ear,
        Err(cause) => return cause,
    };
    farewell(&mut ear, Some(prompt), trunk_language(house, &offer), cause).await
}

/// Lobby, then room.
async fn meet(house: &Arc<House>, offer: Offer, line: Box<dyn Line>, events: Events, wish: Wish) -> Cause {
    let mut ear = match answer(house, &offer, line, events).await {
        Ok(ear) => ear,
        Err(cause) => return cause,
    };
    let fixed = wish
        .language
        .as_deref()
        .and_then(Language::parse)
        .or_else(|| fixed_language(house, &offer));
    let (seat, language) = match enter(house, &mut ear, &offer.invitation, wish, fixed).await {
        Ok(entered) => entered,
        Err(cause) => return cause,
    };
    room_talk::stay(&mut ear, seat, language).await
}

/// Drives the lobby until the caller has a seat, or the call is over.
async fn enter(
    house: &Arc<House>,
    ear: &mut Ear,
    invitation: &Invitation,
    wish: Wish,
    fixed: Option<Language>,
) -> Result<(Seat, Language), Cause> {
    let config = house.config();
    let mut options = LobbyOptions::from_config(&config.lobby, fixed, wish.meeting, wish.pin, wish.greeting);
    if invitation.kind == Kind::Xmpp {
        // Typing on a screen takes its time.
        options.first_digit = options.first_digit.saturating_mul(3);
    }
    let mut lobby = Lobby::new(now(), options);
    lobby.handle(now(), LobbyInput::Start);
    let (mut playing, mut seat) = (None, None);
    loop {
        while let Some(output) = lobby.poll() {
            match output {
                LobbyOutput::Play(prompts, language) => playing = ear.play(&prompts, language),
                LobbyOutput::StopPlaying => ear.stop_playing(),
                LobbyOutput::Check { meeting, pin } => {
                    let checking = visit::enter(house, invitation, &meeting, pin.as_deref(), true);
                    tokio::pin!(checking);
                    let (language, slow) = (lobby.language(), tokio::time::sleep(SLOW_CHECK));
                    tokio::pin!(slow);
                    // A slowed caller may hang up or type on while it waits.
                    let entered = loop {
                        tokio::select! {
                            checked = &mut checking => break checked,
                            () = &mut slow, if !slow.is_elapsed() => {
                                ear.play(&[Prompt::Joining], language);
                            }
                            heard = ear.hear() => match heard {
                                Heard::Digit(digit) => lobby.handle(now(), LobbyInput::Digit(digit)),
                                Heard::Text(text) => lobby.handle_text(now(), &text),
                                Heard::Muted(_) | Heard::PlayEnded(_) => {}
                                Heard::Ended(cause) => return Err(cause),
                            },
                        }
                    };
                    lobby.handle(now(), LobbyInput::Verdict(verdict(entered, &mut seat)));
                }
                LobbyOutput::Enter { language, .. } => {
                    return match seat {
                        Some(seat) => Ok((seat, language)),
                        None => Err(Cause::Internal),
                    };
                }
                LobbyOutput::HangUp(cause) => {
                    ear.hang_up(cause);
                    return Err(cause);
                }
            }
        }
        let deadline = lobby.deadline().unwrap_or_else(|| now() + Duration::from_secs(60));
        let heard = tokio::select! {
            heard = ear.hear() => Some(heard),
            () = tokio::time::sleep_until(deadline.into()) => None,
        };
        match heard {
            None => lobby.handle(now(), LobbyInput::Timeout),
            Some(Heard::Digit(digit)) => lobby.handle(now(), LobbyInput::Digit(digit)),
            Some(Heard::PlayEnded(id)) if Some(id) == playing => lobby.handle(now(), LobbyInput::PlayEnded),
            Some(Heard::Text(text)) => lobby.handle_text(now(), &text),
            Some(Heard::Muted(_) | Heard::PlayEnded(_)) => {}
            Some(Heard::Ended(cause)) => return Err(cause),
        }
    }
}

/// Keeps the seat of a caller who may come in, and says to the lobby what the check said.
fn verdict(entered: Result<Seat, Cause>, kept: &mut Option<Seat>) -> Verdict {
    match entered {
        Ok(seat) => {
            *kept = Some(seat);
            Verdict::Right
        }
        Err(Cause::WrongCredentials) => Verdict::Wrong,
        Err(cause) => Verdict::Refused(cause),
    }
}

/// Says a last prompt, then hangs up; a caller who hangs up first is not kept.
pub(super) async fn farewell(ear: &mut Ear, prompt: Option<Prompt>, language: Language, cause: Cause) -> Cause {
    if let Some(prompt) = prompt {
        let playing = ear.play(&[prompt], language);
        let spoken = async {
            loop {
                match ear.hear().await {
                    Heard::PlayEnded(id) if Some(id) == playing => return None,
                    Heard::Ended(cause) => return Some(cause),
                    _ => {}
                }
            }
        };
        if let Ok(Some(_)) = tokio::time::timeout(FAREWELL, spoken).await {
            return cause;
        }
    }
    ear.hang_up(cause);
    cause
}

fn fixed_language(house: &House, offer: &Offer) -> Option<Language> {
    let config = house.config();
    if offer.invitation.kind == Kind::Xmpp {
        return config.xmpp.as_ref()?.language;
    }
    let trunk = config
        .trunks
        .iter()
        .find(|t| Some(&t.name) == offer.invitation.trunk.as_ref())?;
    trunk.language.as_deref().and_then(Language::parse)
}

fn trunk_language(house: &House, offer: &Offer) -> Language {
    let first = || house.config().lobby.languages.first().and_then(|l| Language::parse(l));
    fixed_language(house, offer).or_else(first).unwrap_or_default()
}

fn reject_cause(cause: RejectCause) -> Cause {
    match cause {
        RejectCause::Busy => Cause::Busy,
        RejectCause::Declined => Cause::Declined,
        RejectCause::NotFound => Cause::NotFound,
        RejectCause::Forbidden => Cause::Forbidden,
        RejectCause::Emergency => Cause::Emergency,
        RejectCause::Unavailable => Cause::Overloaded,
    }
}

pub(super) fn refusal_cause(refusal: &Refusal) -> Cause {
    match refusal {
        Refusal::NoCommonCodec => Cause::NoCommonCodec,
        Refusal::EncryptionRequired | Refusal::EncryptionUnavailable => Cause::EncryptionRequired,
        Refusal::BadSdp(_) => Cause::BadDescription,
        Refusal::NoPorts => Cause::Overloaded,
        Refusal::NoAddress => Cause::NoCommonCodec,
        Refusal::UnknownLeg | Refusal::Internal(_) => Cause::Internal,
    }
}
