// SPDX-License-Identifier: EUPL-1.2
//! A phone in a room: keys out, notices in, spoken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;

use super::Cause;
use super::ear::{Ear, Heard};
use super::house::now;
use super::joint_talk;
use super::phone::farewell;
use crate::lobby::{KeyAction, Keys, Language, Prompt, Typed, message, not_shown};
use crate::media::PlayId;
use crate::room::{ChatLine, ChatLines, Notice, Residence, Roster, Seat};

/// The least time between two explanations why a text is not shown.
const EXPLANATIONS: Duration = Duration::from_secs(10);

/// News that waits behind what is spoken; what is older is old.
const WAITING: usize = 6;

/// Stays in the room until the leg or the room ends; returns why.
pub(super) async fn stay(ear: &mut Ear, mut seat: Seat, language: Language) -> Cause {
    let mut keys = Keys::default();
    let mut speech = Speech::new(language);
    let mut chat = ear.reads().then(|| seat.control().chat());
    loop {
        tokio::select! {
            notice = seat.next_notice() => match notice {
                Some(Notice::Ended(cause)) => {
                    // Who left by itself may go on reading where its protocol has a chat of its own.
                    if cause != Cause::Left {
                        ear.unseated();
                    }
                    return farewell(ear, last_words(cause), language, cause).await;
                }
                Some(notice) => {
                    keys.notice(&notice);
                    match notice {
                        // Whoever waits must not learn who is inside.
                        Notice::Joined { .. } | Notice::Admitted { .. } => ear.seated(seat.control()),
                        Notice::Waiting | Notice::SentToWaitingRoom => ear.unseated(),
                        _ => {}
                    }
                    if let Some(muted) = microphone(notice) {
                        ear.muted(muted);
                    }
                    let roster = Arc::clone(&seat.control().roster().borrow());
                    speech.say(ear, notice, &roster);
                }
                None => return farewell(ear, None, language, Cause::Internal).await,
            },
            line = next_line(&mut chat) => match line {
                Ok(line) if line.from != Some(ear.leg()) => ear.chat(&line),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => chat = None,
            },
            heard = ear.hear() => match heard {
                Heard::Digit(digit) => press(ear, &seat, &mut speech, keys, digit).await,
                Heard::Muted(muted) => act(ear, &seat, &mut speech, KeyAction::SetMuted(muted)).await,
                Heard::Text(text) => read(ear, &seat, &mut speech, keys, &text).await,
                Heard::PlayEnded(id) => speech.ended(ear, id),
                Heard::Ended(cause) => return cause,
            },
        }
    }
}

/// Waits for the next line of the chat; for ever, if none is to be read.
async fn next_line(chat: &mut Option<ChatLines>) -> Result<Arc<ChatLine>, RecvError> {
    match chat {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

/// Does what was written: a key, a word for a key, or a line of the chat.
async fn read(ear: &mut Ear, seat: &Seat, speech: &mut Speech, keys: Keys, text: &str) {
    match Typed::read(text) {
        Typed::Action(action) => act(ear, seat, speech, action).await,
        Typed::Keys(typed) => match (typed.chars().next(), typed.len()) {
            (Some(key), 1) => press(ear, seat, speech, keys, key).await,
            // A number may be a PIN that comes late: nobody else may read it.
            _ => act(ear, seat, speech, KeyAction::Help).await,
        },
        Typed::Words => {
            if let Err(denial) = seat.control().say(text).await
                && speech.may_explain()
            {
                ear.say(not_shown(denial, speech.language));
            }
        }
    }
}

/// Does what a key asks for.
async fn press(ear: &mut Ear, seat: &Seat, speech: &mut Speech, keys: Keys, key: char) {
    match keys.press(key) {
        Some(action) => act(ear, seat, speech, action).await,
        // A key that means nothing here may mean something to others; what becomes of it is theirs.
        None => drop(seat.control().key(key).await),
    }
}

/// Says what a notice tells of the microphone.
fn microphone(notice: Notice) -> Option<bool> {
    match notice {
        Notice::Joined { muted, .. } | Notice::Admitted { muted, .. } => Some(muted),
        Notice::ConsentGiven { muted } | Notice::RecordingStopped { muted } => Some(muted),
        Notice::Muted { .. } => Some(true),
        Notice::Unmuted => Some(false),
        _ => None,
    }
}

/// Does what a key asks for; the spoken answer comes as a notice of the room.
async fn act(ear: &mut Ear, seat: &Seat, speech: &mut Speech, action: KeyAction) {
    let control = seat.control();
    let denied = match action {
        KeyAction::StopPrompt => return speech.stop(ear),
        KeyAction::Help => {
            let help = match control.residence() {
                Residence::Opentalk => Prompt::KeysHelpOpenTalk,
                Residence::Local | Residence::Livekit { .. } => Prompt::KeysHelp,
            };
            let for_moderators = joint_talk::may_invite(control, ear.house().federation());
            let more = for_moderators.then_some(Prompt::KeysHelpModerator);
            return speech.answer(ear, vec![Phrase::of([help].into_iter().chain(more).collect())]);
        }
        KeyAction::Video => return speech.answer(ear, vec![Phrase::of(vec![Prompt::NoVideo])]),
        KeyAction::InvitePartners => match ear.house().federation() {
            Some(federation) if joint_talk::may_invite(control, Some(federation)) => {
                let roster = Arc::clone(&control.roster().borrow());
                let said = joint_talk::invite(federation, &roster, speech.language);
                return speech.answer(ear, said);
            }
            // For everybody else it is a key without meaning.
            _ => control.key('8').await,
        },
        KeyAction::SetMuted(muted) => control.set_muted(muted).await,
        KeyAction::SetHand(raised) => control.set_hand(raised).await,
        KeyAction::Consent(given) => control.consent(given).await,
        KeyAction::ChangeRoom => control.change_room().await,
        KeyAction::Leave => control.leave(Cause::Left).await,
    };
    if let Err(denial) = denied {
        tracing::debug!(leg = %ear.leg(), ?denial, "the room denied a key");
    }
}

/// What is said in one go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    /// To the ear.
    pub(super) prompts: Vec<Prompt>,
    /// To the eye, if not the prompts' own words.
    pub(super) written: Option<String>,
}

impl Phrase {
    /// Says prompts in their own words.
    pub(super) fn of(prompts: Vec<Prompt>) -> Phrase {
        Phrase { prompts, written: None }
    }

    /// Says a notice, if there is anything to say.
    fn about(notice: Notice, roster: &Roster, language: Language) -> Option<Phrase> {
        let phrase = match notice.partner() {
            Some(_) => joint_talk::phrase(notice, roster, language)?,
            None => Phrase::of(words(notice)),
        };
        (!phrase.prompts.is_empty()).then_some(phrase)
    }

    fn text(&self, language: Language) -> String {
        match &self.written {
            Some(text) => text.clone(),
            None => message(&self.prompts, language),
        }
    }
}

/// What is spoken, and what waits to be.
struct Speech {
    language: Language,
    playing: Option<PlayId>,
    waiting: Vec<Phrase>,
    /// When it was last explained that a text is not shown.
    explained: Option<Instant>,
}

impl Speech {
    fn new(language: Language) -> Speech {
        Speech {
            language,
            playing: None,
            waiting: Vec::new(),
            explained: None,
        }
    }

    /// Tells whether an explanation is due: two machines must not explain to each other for ever.
    fn may_explain(&mut self) -> bool {
        let now = now();
        let is_due = self.explained.is_none_or(|last| last + EXPLANATIONS <= now);
        if is_due {
            self.explained = Some(now);
        }
        is_due
    }

    /// Says a notice: the answer to a key at once, news after what is being said.
    fn say(&mut self, ear: &mut Ear, notice: Notice, roster: &Roster) {
        let phrase = Phrase::about(notice, roster, self.language);
        if is_answer(notice) {
            return self.answer(ear, phrase.into_iter().collect());
        }
        self.waiting.extend(phrase);
        let too_many = self.waiting.len().saturating_sub(WAITING);
        self.waiting.drain(..too_many);
        if self.playing.is_none() {
            self.next(ear);
        }
    }

    /// Says words in place of whatever is said.
    fn answer(&mut self, ear: &mut Ear, words: Vec<Phrase>) {
        self.waiting = words;
        self.next(ear);
    }

    fn stop(&mut self, ear: &mut Ear) {
        self.waiting.clear();
        self.playing = None;
        ear.stop_playing();
    }

    fn ended(&mut self, ear: &mut Ear, id: PlayId) {
        if self.playing == Some(id) {
            self.playing = None;
            self.next(ear);
        }
    }

    fn next(&mut self, ear: &mut Ear) {
        if !self.waiting.is_empty() {
            let phrases = std::mem::take(&mut self.waiting);
            let texts: Vec<String> = phrases.iter().map(|phrase| phrase.text(self.language)).collect();
            let prompts: Vec<Prompt> = phrases.into_iter().flat_map(|phrase| phrase.prompts).collect();
            self.playing = ear.play_as(&prompts, &texts.join(" "), self.language);
        }
    }
}

/// Tells the answer to one's own key from news.
fn is_answer(notice: Notice) -> bool {
    matches!(
        notice,
        Notice::Muted { by_moderator: false }
            | Notice::Unmuted
            | Notice::HandRaised
            | Notice::HandLowered { by_moderator: false }
            | Notice::ConsentGiven { .. }
            | Notice::ConsentRefused
    )
}

/// Says a notice in prompts.
fn words(notice: Notice) -> Vec<Prompt> {
    let word = match notice {
        Notice::Joined { first, muted } => return state(first, muted).collect(),
        Notice::Admitted { first, muted } => {
            return [Prompt::Admitted].into_iter().chain(state(first, muted)).collect();
        }
        Notice::ConsentGiven { muted: true } => return vec![Prompt::ConsentGiven, Prompt::YouAreMuted],
        Notice::ConsentGiven { muted: false } => return vec![Prompt::ConsentGiven, Prompt::YouAreUnmuted],
        Notice::RecordingStopped { muted: true } => return vec![Prompt::RecordingStopped, Prompt::YouAreMuted],
        Notice::RecordingStopped { muted: false } => Prompt::RecordingStopped,
        Notice::MediaFailed | Notice::Invitation { .. } | Notice::Ended(_) => return Vec::new(),
        // These have words of their own.
        Notice::PartnerInvited(_)
        | Notice::PartnerJoined(_)
        | Notice::PartnerAway(_)
        | Notice::PartnerBack(_)
        | Notice::PartnerLeft(_)
        | Notice::PartnerRefused(_)
        | Notice::PartnerDenied(_) => return Vec::new(),
        Notice::Waiting => Prompt::WaitingRoom,
        Notice::Muted { by_moderator: true } => Prompt::MutedByModerator,
        Notice::Muted { by_moderator: false } => Prompt::YouAreMuted,
        Notice::Unmuted => Prompt::YouAreUnmuted,
        Notice::HandRaised => Prompt::HandRaised,
        Notice::HandLowered { by_moderator: true } => Prompt::HandLoweredByModerator,
        Notice::HandLowered { by_moderator: false } => Prompt::HandLowered,
        Notice::SentToWaitingRoom => Prompt::SentToWaitingRoom,
        Notice::MicrophonesRestricted => Prompt::MicrophonesRestricted,
        Notice::MicrophonesFree => Prompt::MicrophonesFree,
        Notice::HandsDisabled => Prompt::HandsDisabled,
        Notice::BreakoutOpened => Prompt::BreakoutOpened,
        Notice::BreakoutEntered => Prompt::BreakoutEntered,
        Notice::BreakoutClosing => Prompt::BreakoutClosing,
        Notice::BreakoutReturned => Prompt::BreakoutReturned,
        Notice::ConsentAsked => Prompt::ConsentAsked,
        Notice::ConsentRefused => Prompt::ConsentRefused,
        Notice::TimeLimitSoon => Prompt::TimeLimitSoon,
        Notice::ChatMessage => Prompt::ChatMessage,
        Notice::Connecting => Prompt::Joining,
        Notice::Reconnecting => Prompt::Reconnecting,
        Notice::Reconnected => Prompt::Reconnected,
    };
    vec![word]
}

/// Says what a newcomer cannot see: whether anybody is there, and whether the microphone is open.
fn state(first: bool, muted: bool) -> impl Iterator<Item = Prompt> {
    let alone = first.then_some(Prompt::YouAreFirst);
    let silent = muted.then_some(Prompt::YouAreMuted);
    alone.into_iter().chain(silent)
}

fn last_words(cause: Cause) -> Option<Prompt> {
    match cause {
        Cause::Left => Some(Prompt::Goodbye),
        cause => Prompt::farewell(cause).first().copied(),
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

    #[test]
    fn every_ending_that_others_decide_has_its_word() {
        for cause in [
            Cause::Removed,
            Cause::Banned,
            Cause::Debriefed,
            Cause::RoomEnded,
            Cause::TimeLimit,
            Cause::EncryptedRoom,
            Cause::CallInDisabled,
            Cause::Full,
            Cause::Draining,
            Cause::Unreachable,
        ] {
            assert!(last_words(cause).is_some(), "{cause:?}");
        }
    }
}
