// SPDX-License-Identifier: EUPL-1.2
//! Keys inside a room, as OpenTalk users know them: 0 stop prompt, 1 mute, 2 raise hand, 3 and 6 yes and no to being
//! recorded, 4 mute video, 5 breakout room and back, * help. For moderators, 8 invites the partner of a joint session.

use crate::room::Notice;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Stop the prompt that is played.
    StopPrompt,
    /// Mute or open the own microphone.
    SetMuted(bool),
    /// Raise or lower the own hand.
    SetHand(bool),
    /// Say yes or no to being recorded.
    Consent(bool),
    /// Switch the own camera, which a telephone has not.
    Video,
    /// Go to the open breakout room, or back.
    ChangeRoom,
    /// Invite the partners that are set up for this room; for moderators.
    InvitePartners,
    /// Say what the keys do.
    Help,
    /// Leave the room; by word alone, for a telephone hangs up.
    Leave,
}

/// Turns keys into actions; what is muted and raised is known from the room alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    muted: bool,
    hand: bool,
}

impl Keys {
    /// Learns what the room says.
    pub fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Joined { muted, .. }
            | Notice::Admitted { muted, .. }
            | Notice::ConsentGiven { muted }
            | Notice::RecordingStopped { muted } => self.muted = *muted,
            Notice::Muted { .. } | Notice::MicrophonesRestricted | Notice::ConsentRefused => self.muted = true,
            Notice::Unmuted => self.muted = false,
            Notice::HandRaised => self.hand = true,
            Notice::HandLowered { .. } => self.hand = false,
            Notice::SentToWaitingRoom | Notice::HandsDisabled => self.hand = false,
            _ => {}
        }
    }

    /// Returns what a key asks for; keys without meaning ask for nothing.
    pub fn press(&self, key: char) -> Option<KeyAction> {
        match key {
            '0' => Some(KeyAction::StopPrompt),
            '1' => Some(KeyAction::SetMuted(!self.muted)),
            '2' => Some(KeyAction::SetHand(!self.hand)),
            '3' => Some(KeyAction::Consent(true)),
            '4' => Some(KeyAction::Video),
            '5' => Some(KeyAction::ChangeRoom),
            '6' => Some(KeyAction::Consent(false)),
            '8' => Some(KeyAction::InvitePartners),
            '*' => Some(KeyAction::Help),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_asks_for_the_opposite_of_what_the_room_last_said() {
        let mut keys = Keys::default();
        assert_eq!(keys.press('1'), Some(KeyAction::SetMuted(true)));
        assert_eq!(
            keys.press('1'),
            Some(KeyAction::SetMuted(true)),
            "the room has not answered yet"
        );
        keys.notice(&Notice::Muted { by_moderator: true });
        assert_eq!(keys.press('1'), Some(KeyAction::SetMuted(false)));
        keys.notice(&Notice::Unmuted);
        assert_eq!(keys.press('1'), Some(KeyAction::SetMuted(true)));
    }

    #[test]
    fn a_hand_lowered_by_a_moderator_can_be_raised_again() {
        let mut keys = Keys::default();
        keys.notice(&Notice::HandRaised);
        assert_eq!(keys.press('2'), Some(KeyAction::SetHand(false)));
        keys.notice(&Notice::HandLowered { by_moderator: true });
        assert_eq!(keys.press('2'), Some(KeyAction::SetHand(true)));
    }

    #[test]
    fn other_keys_are_free() {
        let keys = Keys::default();
        assert_eq!(keys.press('0'), Some(KeyAction::StopPrompt));
        assert_eq!(keys.press('*'), Some(KeyAction::Help));
        assert_eq!(keys.press('3'), Some(KeyAction::Consent(true)));
        assert_eq!(keys.press('6'), Some(KeyAction::Consent(false)));
        assert_eq!(keys.press('8'), Some(KeyAction::InvitePartners));
        for key in ['7', '9', '#', 'A', 'x'] {
            assert_eq!(keys.press(key), None);
        }
    }
}
