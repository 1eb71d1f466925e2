// SPDX-License-Identifier: EUPL-1.2
//! A call without a meeting: the dial plan names another address, and the two legs share a room of their own.

use std::sync::Arc;
use std::time::Duration;

use super::ear::{Ear, Heard};
use super::house::House;
use super::line::{Event, Events, Line};
use super::phone::{Offer, answer, refusal_cause};
use super::sound::Terms;
use super::{Cause, Kind, LegId};
use crate::legs::Placing;
use crate::media::RoomKey;

/// How long the far leg may ring.
const PATIENCE: Duration = Duration::from_secs(180);

/// Candidates kept of a caller whose leg is not open yet.
const MAX_EARLY: usize = 40;

/// Calls `uri` for the caller and keeps the two together until one hangs up.
pub(super) async fn walk(
    house: &Arc<House>,
    offer: Offer,
    uri: &str,
    line: Box<dyn Line>,
    mut events: Events,
) -> Cause {
    let refuse = |line: &dyn Line, cause: Cause, text: &str| {
        line.reject(cause, Some(text));
        cause
    };
    // RFC 3261 §16.3: a call that has used up its hops goes no further.
    let Some(hops) = offer.max_forwards.checked_sub(1).filter(|hops| *hops > 0) else {
        return refuse(&*line, Cause::Unreachable, "Too many hops");
    };
    let out = match place(house, &offer, uri, hops).await {
        Ok(out) => out,
        Err((cause, text)) => {
            tracing::info!(leg = %offer.invitation.leg, cause = cause.as_str(), text, "the dial plan's address cannot be called");
            return refuse(&*line, cause, &text);
        }
    };
    let mut far = out;
    let mut early = Vec::new();
    if let Err(failure) = until_answered(house, &*line, &mut events, &mut far, &mut early).await {
        far.line.hang_up(failure.cause);
        house.plane.close(far.leg);
        return match failure.tell {
            Some(text) => refuse(&*line, failure.cause, &text),
            None => failure.cause,
        };
    }
    let mut near = match answer(house, &offer, line, events).await {
        Ok(ear) => ear,
        Err(cause) => {
            far.line.hang_up(cause);
            house.plane.close(far.leg);
            return cause;
        }
    };
    for (mid, candidate) in early {
        house.plane.add_candidate(near.leg(), &mid, &candidate);
    }
    let mut far = Ear::new(Arc::clone(house), far.leg, far.terms, far.line, far.events, far.media);
    let room = RoomKey::next();
    house.plane.enter(near.leg(), room);
    house.plane.enter(far.leg(), room);
    let cause = talk(house, &mut near, &mut far).await;
    near.hang_up(cause);
    far.hang_up(cause);
    house.plane.close(far.leg());
    cause
}

/// Why the far leg was not answered, and what the caller is to be told; nothing if it is the caller who went.
struct Failure {
    cause: Cause,
    tell: Option<String>,
}

/// Lets the far leg ring until it is answered; each way out of here that leaves the caller waiting says what to tell it.
/// Candidates of the caller come `early`: its leg is not open yet.
async fn until_answered(
    house: &House,
    line: &dyn Line,
    events: &mut Events,
    far: &mut Far,
    early: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    let tell = |cause: Cause, text: String| Failure {
        cause,
        tell: Some(text),
    };
    let mut stopping = house.stopping();
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    let description = loop {
        tokio::select! {
            event = far.events.recv() => match event {
                Some(Event::Ringing) => line.ring(),
                Some(Event::Answered(Some(description))) => break description,
                // There is no session to change yet.
                Some(Event::Reoffered(_)) => far.line.answer_offer(Err(Cause::Busy)),
                Some(Event::Candidate { mid, candidate }) => house.plane.add_candidate(far.leg, &mid, &candidate),
                Some(Event::Answered(None)) | None => {
                    return Err(tell(Cause::Internal, "The call was lost".into()));
                }
                Some(Event::Ended(cause)) => return Err(tell(cause, cause.as_str().into())),
                Some(_) => {}
            },
            event = events.recv() => match event {
                Some(Event::Ended(cause)) => return Err(Failure { cause, tell: None }),
                Some(Event::Candidate { mid, candidate }) if early.len() < MAX_EARLY => early.push((mid, candidate)),
                // The mailbox closed without a word: the leg was taken down.
                None => return Err(Failure { cause: Cause::Internal, tell: None }),
                Some(_) => {}
            },
            _ = stopping.wait_for(|stop| *stop) => return Err(tell(Cause::Draining, "Shutting down".into())),
            () = &mut patience => return Err(tell(Cause::NoAnswer, "Nobody answers".into())),
        }
    };
    let accepted = far.terms.accept(&house.plane, far.leg, &description).await;
    accepted.map_err(|refusal| tell(refusal_cause(&refusal), refusal.to_string()))
}

/// Hands keys across until one side ends.
async fn talk(house: &House, near: &mut Ear, far: &mut Ear) -> Cause {
    loop {
        let (heard, other) = tokio::select! {
            heard = near.hear() => (heard, far.leg()),
            heard = far.hear() => (heard, near.leg()),
        };
        match heard {
            Heard::Digit(digit) => house.plane.send_digits(other, &digit.to_string()),
            Heard::Text(text) if other == far.leg() => far.say(&text),
            Heard::Text(text) => near.say(&text),
            Heard::Muted(_) | Heard::PlayEnded(_) => {}
            Heard::Ended(cause) => return cause,
        }
    }
}

/// A leg that rings.
struct Far {
    leg: LegId,
    terms: Terms,
    line: Box<dyn Line>,
    events: Events,
    media: crate::media::LegEvents,
}

async fn place(house: &Arc<House>, offer: &Offer, uri: &str, hops: u8) -> Result<Far, (Cause, String)> {
    let Some(protocol) = house.legs().iter().find(|leg| leg.reaches(uri)) else {
        return Err((Cause::NotFound, "no protocol reaches this kind of address".into()));
    };
    let leg = LegId::next();
    let config = house.config();
    let trunk = match offer.invitation.kind {
        // Who does not come by a trunk goes on by the one that leads there, by its rules.
        Kind::Xmpp => config.trunk_towards(uri),
        Kind::Phone | Kind::Browser | Kind::Federated => {
            let trunk = offer.invitation.trunk.as_deref();
            config.trunks.iter().find(|t| Some(t.name.as_str()) == trunk)
        }
    };
    let terms = match (&offer.terms, protocol.terms(trunk)) {
        // From phone to phone the caller's trunk says what is allowed on both sides.
        (near @ Terms::Phone(_), Terms::Phone(_)) => near.clone(),
        (_, terms) => terms,
    };
    let (description, media) = terms
        .offer(&house.plane, leg)
        .await
        .map_err(|r| (refusal_cause(&r), r.to_string()))?;
    let from = &offer.invitation.from;
    let placing = Placing {
        leg,
        to: uri,
        from,
        offer: description,
        trunk,
        max_forwards: hops,
    };
    match protocol.place(placing).await {
        Ok((line, events)) => Ok(Far {
            leg,
            terms,
            line,
            events,
            media,
        }),
        Err(cause) => {
            house.plane.close(leg);
            Err((cause, format!("{} cannot place the call", protocol.name())))
        }
    }
}

#[cfg(test)]
#[path = "bridge_tests.rs"]
mod tests;
