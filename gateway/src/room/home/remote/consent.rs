// SPDX-License-Identifier: EUPL-1.2
//! Whom a recording may take, of the conference itself or of a partner.

use landbridge_opentalk::Command;

use super::guest::{Consent, Phase};
use super::{Deed, RemoteRoom};
use crate::call::LegId;
use crate::room::{Denial, Notice};

impl RemoteRoom {
    /// Takes a guest's answer.
    pub(super) fn consent(&mut self, person: LegId, given: bool) -> Result<(), Denial> {
        let guest = self.guest(person)?;
        if guest.consent == Consent::NotAsked {
            return Err(Denial::NotOffered);
        }
        let is_far = guest.is_far;
        if !self.recorded && !is_far {
            self.answer_partners(person, given);
            return Ok(());
        }
        let guest = self.guest(person)?;
        if !given {
            // A no counts at once, whatever the conference answers, and whenever.
            guest.consent = Consent::Refused;
            guest.muted = true;
            self.tell(person, Notice::ConsentRefused);
        } else if guest.conference_lost {
            self.tell(person, Notice::Reconnecting);
        }
        self.open_or_close(person);
        self.abroad(person, Deed::Say(Command::Consent(given)));
        Ok(())
    }

    /// Asks each of ours for consent to a partner's recording, or tells that it is over. As with a recording of the
    /// conference itself, microphones are closed until there is an answer.
    pub(super) fn set_partners_record(&mut self, recording: bool) {
        if std::mem::replace(&mut self.partners_record, recording) == recording {
            return;
        }
        let ours = self.guests.iter();
        let ours = ours.filter(|guest| !guest.is_far && guest.phase == Phase::Inside);
        let ours: Vec<LegId> = ours.map(|guest| guest.leg).collect();
        for person in ours {
            if recording {
                self.ask_for_partners(person);
            } else if !self.recorded {
                self.partners_recorded(person);
            }
        }
    }

    /// Asks a guest for consent to a partner's recording, unless there is none or it was asked.
    pub(super) fn ask_for_partners(&mut self, person: LegId) {
        let recording = self.partners_record;
        let Ok(guest) = self.guest(person) else { return };
        if recording && !guest.is_far && guest.consent == Consent::NotAsked {
            guest.consent = Consent::Asked;
            self.tell(person, Notice::ConsentAsked);
            self.open_or_close(person);
        }
    }

    /// Notes what a guest says to a partner's recording, of which the conference itself knows nothing.
    fn answer_partners(&mut self, person: LegId, given: bool) {
        let Ok(guest) = self.guest(person) else { return };
        guest.consent = if given { Consent::Given } else { Consent::Refused };
        guest.muted |= !given;
        let muted = guest.is_closed();
        let notice = match given {
            true => Notice::ConsentGiven { muted },
            false => Notice::ConsentRefused,
        };
        self.tell(person, notice);
        self.open_or_close(person);
        self.changed = true;
    }

    fn partners_recorded(&mut self, person: LegId) {
        let Ok(guest) = self.guest(person) else { return };
        if guest.consent != Consent::NotAsked {
            guest.consent = Consent::NotAsked;
            let muted = guest.is_closed();
            self.tell(person, Notice::RecordingStopped { muted });
            self.open_or_close(person);
        }
    }
}
