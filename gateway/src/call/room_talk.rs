// SPDX-License-Identifier: EUPL-1.2
//! A phone in a room: keys out, notices in, spoken.

use super::Cause;
use super::ear::{Ear, Heard};
use super::phone::farewell;
use crate::lobby::{KeyAction, Keys, Language, Prompt};
use crate::room::{Notice, Seat};

/// Stays in the room until the leg or the room ends; returns why.
pub(super) async fn stay(ear: &mut Ear, mut seat: Seat, language: Language) -> Cause {
    let mut keys = Keys::default();
    loop {
        tokio::select! {
            notice = seat.next_notice() => match notice {
                Some(Notice::Ended(cause)) => return farewell(ear, last_words(cause), language, cause).await,
                Some(notice) => {
                    keys.notice(&notice);
                    ear.play(&words(notice), language);
                }
                None => return farewell(ear, None, language, Cause::Internal).await,
            },
            heard = ear.hear() => match heard {
                Heard::Digit(digit) => {
                    if let Some(action) = keys.press(digit) {
                        act(ear, &seat, action, language).await;
                    }
                }
                Heard::PlayEnded(_) => {}
                Heard::Ended(cause) => return cause,
            },
        }
    }
}

/// Does what a key asks for; the spoken answer comes as a notice of the room.
async fn act(ear: &mut Ear, seat: &Seat, action: KeyAction, language: Language) {
    let control = seat.control();
    let denied = match action {
        KeyAction::StopPrompt => {
            ear.stop_playing();
            return;
        }
        KeyAction::Help => {
            ear.play(&[Prompt::KeysHelp], language);
            return;
        }
        KeyAction::SetMuted(muted) => control.set_muted(muted).await,
        KeyAction::SetHand(raised) => control.set_hand(raised).await,
    };
    if let Err(denial) = denied {
        tracing::debug!(leg = %ear.leg(), ?denial, "the room denied a key");
    }
}

/// Says a notice in prompts; none plays on what is playing.
fn words(notice: Notice) -> Vec<Prompt> {
    match notice {
        Notice::Joined { first, muted } => state(first, muted).collect(),
        Notice::Waiting => vec![Prompt::WaitingRoom],
        Notice::Admitted { first, muted } => [Prompt::Admitted].into_iter().chain(state(first, muted)).collect(),
        Notice::Muted { by_moderator: true } => vec![Prompt::MutedByModerator],
        Notice::Muted { by_moderator: false } => vec![Prompt::YouAreMuted],
        Notice::Unmuted => vec![Prompt::YouAreUnmuted],
        Notice::HandRaised => vec![Prompt::HandRaised],
        Notice::HandLowered { by_moderator: true } => vec![Prompt::HandLoweredByModerator],
        Notice::HandLowered { by_moderator: false } => vec![Prompt::HandLowered],
        Notice::MediaFailed | Notice::Ended(_) => Vec::new(),
    }
}

/// Says what a newcomer cannot see: whether anybody is there, and whether the microphone is open.
fn state(first: bool, muted: bool) -> impl Iterator<Item = Prompt> {
    let alone = first.then_some(Prompt::YouAreFirst);
    let silent = muted.then_some(Prompt::YouAreMuted);
    alone.into_iter().chain(silent)
}

fn last_words(cause: Cause) -> Option<Prompt> {
    match cause {
        Cause::Removed => Some(Prompt::Removed),
        Cause::RoomEnded => Some(Prompt::RoomEnded),
        Cause::Draining => Some(Prompt::Draining),
        Cause::Locked => Some(Prompt::RoomLocked),
        Cause::Full => Some(Prompt::RoomFull),
        Cause::Left => Some(Prompt::Goodbye),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_muted_in_the_waiting_room_hears_so_when_let_in() {
        let said = words(Notice::Admitted {
            first: true,
            muted: true,
        });
        assert_eq!(said, [Prompt::Admitted, Prompt::YouAreFirst, Prompt::YouAreMuted]);
        let said = words(Notice::Admitted {
            first: false,
            muted: false,
        });
        assert_eq!(said, [Prompt::Admitted]);
    }

    #[test]
    fn a_newcomer_hears_both_that_nobody_is_there_and_that_it_is_muted() {
        let joined = |first, muted| words(Notice::Joined { first, muted });
        assert_eq!(joined(true, true), [Prompt::YouAreFirst, Prompt::YouAreMuted]);
        assert_eq!(joined(false, true), [Prompt::YouAreMuted]);
        assert!(joined(false, false).is_empty());
    }
}
