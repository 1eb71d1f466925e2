// SPDX-License-Identifier: EUPL-1.2
//! A phone call, read downwards: route, answer, lobby, room, goodbye.

use std::sync::Arc;
use std::time::Duration;

use landbridge_dialplan::{RejectCause, Route};

use super::ear::{Ear, Heard};
use super::house::{House, now};
use super::line::{Events, Line};
use super::{Cause, Invitation, Kind, admission, bridge, room_talk};
use crate::lobby::{Language, Lobby, LobbyInput, LobbyOptions, LobbyOutput, Prompt, Source, Verdict};
use crate::media::{PhonePolicy, Refusal};
use crate::room::{Entrant, Seat};

/// Longest a farewell is spoken before the call ends all the same.
const FAREWELL: Duration = Duration::from_secs(12);

/// A check that takes longer is spoken of: another server is asked.
const SLOW_CHECK: Duration = Duration::from_secs(2);

/// A call that was offered, with the policy of its trunk.
pub struct Offer {
    /// Who wants in.
    pub invitation: Invitation,
    /// The caller's session description; none = a late offer.
    pub description: Option<Vec<u8>>,
    /// What the trunk allows.
    pub policy: PhonePolicy,
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
                pin,
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
                pin: None,
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
pub(super) fn answer(house: &Arc<House>, offer: &Offer, line: Box<dyn Line>, events: Events) -> Result<Ear, Cause> {
    let leg = offer.invitation.leg;
    let answered = match &offer.description {
        Some(description) => house.plane.answer(leg, description, &offer.policy),
        None => house
            .plane
            .offer_towards(leg, Some(offer.invitation.source), &offer.policy),
    };
    match answered {
        Ok((description, media)) => {
            line.answer(description);
            Ok(Ear::new(Arc::clone(house), leg, line, events, media))
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
    let mut ear = match answer(house, &offer, line, events) {
        Ok(ear) => ear,
        Err(cause) => return cause,
    };
    farewell(&mut ear, Some(prompt), trunk_language(house, &offer), cause).await
}

/// Lobby, then room.
async fn meet(house: &Arc<House>, offer: Offer, line: Box<dyn Line>, events: Events, wish: Wish) -> Cause {
    let mut ear = match answer(house, &offer, line, events) {
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
    let options = LobbyOptions::from_config(&config.lobby, fixed, wish.meeting, wish.pin, wish.greeting);
    let mut lobby = Lobby::new(now(), options);
    lobby.handle(now(), LobbyInput::Start);
    let (mut playing, mut seat) = (None, None);
    loop {
        while let Some(output) = lobby.poll() {
            match output {
                LobbyOutput::Play(prompts, language) => playing = ear.play(&prompts, language),
                LobbyOutput::StopPlaying => ear.stop_playing(),
                LobbyOutput::Check { meeting, pin } => {
                    let checking = check(house, invitation, &meeting, pin.as_deref());
                    tokio::pin!(checking);
                    let (language, slow) = (lobby.language(), tokio::time::sleep(SLOW_CHECK));
                    tokio::pin!(slow);
                    // A slowed caller may hang up or type on while it waits.
                    let (verdict, taken) = loop {
                        tokio::select! {
                            checked = &mut checking => break checked,
                            () = &mut slow, if !slow.is_elapsed() => {
                                ear.play(&[Prompt::Joining], language);
                            }
                            heard = ear.hear() => match heard {
                                Heard::Digit(digit) => lobby.handle(now(), LobbyInput::Digit(digit)),
                                Heard::PlayEnded(_) => {}
                                Heard::Ended(cause) => return Err(cause),
                            },
                        }
                    };
                    seat = taken;
                    lobby.handle(now(), LobbyInput::Verdict(verdict));
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
            Some(Heard::PlayEnded(_)) => {}
            Some(Heard::Ended(cause)) => return Err(cause),
        }
    }
}

/// Checks meeting and PIN, and takes a seat for a right one.
async fn check(
    house: &Arc<House>,
    invitation: &Invitation,
    meeting: &str,
    pin: Option<&str>,
) -> (Verdict, Option<Seat>) {
    let source = throttled_as(house, invitation);
    // Without a PIN the lobby asks whether the meeting is open to all: no try, and nothing to throttle.
    if pin.is_some() {
        let wait = house.throttle().check(now(), &source, meeting);
        match wait {
            Ok(Duration::ZERO) => {}
            Ok(delay) => tokio::time::sleep(delay).await,
            Err(_) => return (Verdict::Refused(Cause::Throttled), None),
        }
    }
    let admitted = match admission::admit(house, invitation, meeting, pin).await {
        Ok(admitted) => admitted,
        Err(Cause::WrongCredentials) => {
            if pin.is_some() {
                house.throttle().failed(now(), &source, meeting);
            }
            return (Verdict::Wrong, None);
        }
        Err(cause) => return (Verdict::Refused(cause), None),
    };
    if pin.is_some() {
        house.throttle().succeeded(now(), &source);
    }
    let entrant = Entrant {
        leg: invitation.leg,
        name: admitted.name,
        kind: Kind::Phone,
        role: admitted.role,
        attached: true,
        papers: admitted.papers,
    };
    match house.rooms.join(&admitted.entry, entrant).await {
        Ok(seat) => (Verdict::Right, Some(seat)),
        Err(cause) => (Verdict::Refused(cause), None),
    }
}

/// Names who the throttle counts: the calling number where a trunk vouches for it, else the address.
fn throttled_as(house: &House, invitation: &Invitation) -> Source {
    let trunk = invitation.trunk.as_deref();
    let config = house.config();
    if config
        .trunks
        .iter()
        .any(|t| Some(t.name.as_str()) == trunk && t.is_open())
    {
        return Source::unproven(invitation.source);
    }
    super::house::source_key(invitation.source, trunk, &invitation.from)
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
