// SPDX-License-Identifier: EUPL-1.2
//! What can be said, and in which languages.

use std::fmt;

use crate::call::Cause;

/// A language of the prompts: two small letters (ISO 639-1). German unless told otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language([u8; 2]);

impl Language {
    /// German.
    pub const GERMAN: Language = Language(*b"de");
    /// English.
    pub const ENGLISH: Language = Language(*b"en");

    /// Reads `de`, `en`, …; also `de-DE`, in any case.
    pub fn parse(text: &str) -> Option<Language> {
        let primary = text.split(['-', '_']).next()?;
        let letters: [u8; 2] = primary.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Language(letters.map(|b| b.to_ascii_lowercase())))
    }

    /// Returns the two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("de")
    }
}

impl Default for Language {
    fn default() -> Language {
        Language::GERMAN
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a prompt of the operator: at most 32 of `a`–`z`, `0`–`9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stem([u8; 32]);

impl Stem {
    /// Takes a file stem.
    pub fn parse(text: &str) -> Option<Stem> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let mut stem = [0; 32];
        stem.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (plain && !text.is_empty()).then_some(Stem(stem))
    }

    /// Returns the file stem.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        self.0
            .get(..end)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! prompts {
    ($($(#[$doc:meta])* $name:ident = $stem:literal,)*) => {
        /// What can be said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Prompt {
            $($(#[$doc])* $name,)*
            /// A greeting of the operator in place of the welcome.
            Own(Stem),
        }

        impl Prompt {
            /// All built-in prompts.
            pub const ALL: &[Prompt] = &[$(Prompt::$name,)*];

            /// Returns the file stem.
            pub fn stem(&self) -> &str {
                match self {
                    $(Prompt::$name => $stem,)*
                    Prompt::Own(stem) => stem.as_str(),
                }
            }
        }
    };
}

prompts! {
    /// The first words.
    Welcome = "welcome",
    /// "Für Deutsch drücken Sie die Eins. For English, press two."
    ChooseLanguage = "choose-language",
    /// Asks for the meeting id.
    EnterMeetingId = "enter-meeting-id",
    /// Asks for the PIN.
    EnterPin = "enter-pin",
    /// Id or PIN were wrong.
    WrongCredentials = "wrong-credentials",
    /// One more try.
    LastTry = "last-try",
    /// No more tries in this call.
    TooManyTries = "too-many-tries",
    /// No tries for some minutes.
    Throttled = "throttled",
    /// No key was pressed.
    NoInput = "no-input",
    /// You are being connected.
    Joining = "joining",
    /// Nobody else is there yet.
    YouAreFirst = "you-are-first",
    /// Your microphone is muted.
    YouAreMuted = "you-are-muted",
    /// Your microphone is open.
    YouAreUnmuted = "you-are-unmuted",
    /// A moderator muted you.
    MutedByModerator = "muted-by-moderator",
    /// Your hand is up.
    HandRaised = "hand-raised",
    /// Your hand is down.
    HandLowered = "hand-lowered",
    /// A moderator lowered your hand.
    HandLoweredByModerator = "hand-lowered-by-moderator",
    /// You wait for a moderator.
    WaitingRoom = "waiting-room",
    /// A moderator let you in.
    Admitted = "admitted",
    /// The room is locked.
    RoomLocked = "room-locked",
    /// The room is full.
    RoomFull = "room-full",
    /// A moderator removed you.
    Removed = "removed",
    /// A moderator ended the meeting.
    RoomEnded = "room-ended",
    /// This service cannot carry emergency calls.
    Emergency = "emergency",
    /// You may not call here.
    Forbidden = "forbidden",
    /// No such number.
    NotFound = "not-found",
    /// The far end cannot be reached.
    Unreachable = "unreachable",
    /// The service is being restarted.
    Draining = "draining",
    /// What the keys do.
    KeysHelp = "keys-help",
    /// The sound is being restored.
    Reconnecting = "reconnecting",
    /// The last words.
    Goodbye = "goodbye",
    /// Are you still there?
    StillThere = "still-there",
    /// A moderator closed the microphones; you can only listen.
    MicrophonesRestricted = "microphones-restricted",
    /// The microphones may be used again.
    MicrophonesFree = "microphones-free",
    /// A moderator moved you to the waiting room.
    SentToWaitingRoom = "sent-to-waiting-room",
    /// There are breakout rooms; the key that enters yours.
    BreakoutOpened = "breakout-opened",
    /// You are in your breakout room.
    BreakoutEntered = "breakout-entered",
    /// The breakout rooms close shortly.
    BreakoutClosing = "breakout-closing",
    /// You are back in the main room.
    BreakoutReturned = "breakout-returned",
    /// The meeting is recorded or streamed; the keys that agree and refuse.
    ConsentAsked = "consent-asked",
    /// You agreed to the recording.
    ConsentGiven = "consent-given",
    /// You refused the recording; the microphone stays closed.
    ConsentRefused = "consent-refused",
    /// The recording has ended.
    RecordingStopped = "recording-stopped",
    /// The meeting ends in some minutes.
    TimeLimitSoon = "time-limit-soon",
    /// The meeting has used up its time.
    TimeLimitReached = "time-limit-reached",
    /// The meeting is end-to-end encrypted; phones cannot join.
    EncryptedRoom = "encrypted-room",
    /// A moderator excluded you for good.
    Banned = "banned",
    /// A moderator ended the meeting for guests.
    Debriefed = "debriefed",
    /// The meeting cannot be joined by phone.
    CallInDisabled = "call-in-disabled",
    /// Hands cannot be raised now.
    HandsDisabled = "hands-disabled",
    /// This call carries no video.
    NoVideo = "no-video",
    /// The connection is back.
    Reconnected = "reconnected",
    /// Somebody wrote in the chat.
    ChatMessage = "chat-message",
    /// What the keys do in an OpenTalk meeting.
    KeysHelpOpenTalk = "keys-help-opentalk",
    /// "Connected with …"; an authority follows.
    ConnectedWith = "connected-with",
    /// "Inviting …"; an authority follows.
    PartnerInvited = "partner-invited",
    /// An authority, named before, cannot be reached.
    PartnerAway = "partner-away",
    /// An authority, named before, is back.
    PartnerBack = "partner-back",
    /// An authority, named before, has left the meeting.
    PartnerLeft = "partner-left",
    /// An authority, named before, has not accepted the invitation.
    PartnerRefused = "partner-refused",
    /// An authority, named before, does not allow what was done to its people.
    PartnerDenied = "partner-denied",
    /// There is nobody to share this room with.
    NoPartner = "no-partner",
    /// What the key 8 does, for moderators of rooms that can be shared.
    KeysHelpModerator = "keys-help-moderator",
    /// An authority that has no clip of its own.
    AuthorityOther = "authority-other",
    /// The same, behind "connected with".
    AuthorityOtherDative = "authority-other-dative",
    /// The authority Baden-Württemberg.
    BadenWuerttemberg = "authority-bw",
    /// The authority Bayern.
    Bayern = "authority-by",
    /// The authority Berlin.
    Berlin = "authority-be",
    /// The authority Brandenburg.
    Brandenburg = "authority-bb",
    /// The authority Bremen.
    Bremen = "authority-hb",
    /// The authority Hamburg.
    Hamburg = "authority-hh",
    /// The authority Hessen.
    Hessen = "authority-he",
    /// The authority Mecklenburg-Vorpommern.
    MecklenburgVorpommern = "authority-mv",
    /// The authority Niedersachsen.
    Niedersachsen = "authority-ni",
    /// The authority Nordrhein-Westfalen.
    NordrheinWestfalen = "authority-nw",
    /// The authority Rheinland-Pfalz.
    RheinlandPfalz = "authority-rp",
    /// The authority Saarland.
    Saarland = "authority-sl",
    /// The authority Sachsen.
    Sachsen = "authority-sn",
    /// The authority Sachsen-Anhalt.
    SachsenAnhalt = "authority-st",
    /// The authority Schleswig-Holstein.
    SchleswigHolstein = "authority-sh",
    /// The authority Thüringen.
    Thueringen = "authority-th",
}

impl Prompt {
    /// Finds a built-in prompt by its file stem.
    pub fn from_stem(stem: &str) -> Option<Prompt> {
        Prompt::ALL.iter().copied().find(|prompt| prompt.stem() == stem)
    }

    /// Returns what is said before a call ends for this cause; nothing if the caller ended it.
    pub fn farewell(cause: Cause) -> &'static [Prompt] {
        match cause {
            Cause::Emergency => &[Prompt::Emergency],
            Cause::NotFound => &[Prompt::NotFound],
            Cause::Forbidden | Cause::Declined => &[Prompt::Forbidden],
            Cause::WrongCredentials | Cause::TooManyTries => &[Prompt::TooManyTries],
            Cause::Throttled => &[Prompt::Throttled],
            Cause::NoInput => &[Prompt::NoInput, Prompt::Goodbye],
            Cause::Locked => &[Prompt::RoomLocked],
            Cause::Full => &[Prompt::RoomFull],
            Cause::Removed => &[Prompt::Removed],
            Cause::RoomEnded => &[Prompt::RoomEnded],
            Cause::Banned => &[Prompt::Banned],
            Cause::Debriefed => &[Prompt::Debriefed],
            Cause::TimeLimit => &[Prompt::TimeLimitReached],
            Cause::EncryptedRoom => &[Prompt::EncryptedRoom],
            Cause::CallInDisabled => &[Prompt::CallInDisabled],
            Cause::Draining => &[Prompt::Draining],
            Cause::Unreachable | Cause::Overloaded | Cause::Busy | Cause::NoAnswer | Cause::Internal => {
                &[Prompt::Unreachable]
            }
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_stem_finds_its_prompt_and_only_one() {
        for prompt in Prompt::ALL {
            assert_eq!(Prompt::from_stem(prompt.stem()), Some(*prompt));
        }
        assert_eq!(Prompt::ALL.len(), 81);
    }

    #[test]
    fn languages_and_stems_are_read_strictly() {
        assert_eq!(Language::parse("de-DE"), Some(Language::GERMAN));
        assert_eq!(Language::parse("EN").unwrap().as_str(), "en");
        for text in ["", "d", "deu", "../", "é"] {
            assert_eq!(Language::parse(text), None, "{text}");
        }
        assert_eq!(Stem::parse("town-hall-2").unwrap().as_str(), "town-hall-2");
        for text in ["", "../etc", "Ä", "a_b", "abcdefghijklmnopqrstuvwxyzabcdefg"] {
            assert_eq!(Stem::parse(text), None, "{text}");
        }
    }
}
