// SPDX-License-Identifier: EUPL-1.2
//! How it is counted: by partner, never by person.

use landbridge_federation::Deployment;

/// Counts a frame that was posted.
pub(super) fn sent(partner: &Deployment) {
    metrics::counter!("landbridge_federation_frames_sent_total", "partner" => partner.to_string()).increment(1);
}

/// Counts a frame that was taken.
pub(super) fn taken(partner: &Deployment) {
    metrics::counter!("landbridge_federation_frames_taken_total", "partner" => partner.to_string()).increment(1);
}

/// Counts something of a partner that was refused, by its name.
pub(super) fn refused(partner: &Deployment, why: &'static str) {
    metrics::counter!("landbridge_federation_refused_total", "partner" => partner.to_string(), "why" => why)
        .increment(1);
}

/// Counts a frame of ours that came back or was not even posted.
pub(super) fn bounced(partner: &Deployment) {
    metrics::counter!("landbridge_federation_bounced_total", "partner" => partner.to_string()).increment(1);
}

/// Counts a session of sound that ended, and why.
pub(super) fn border_over(partner: &Deployment, why: &'static str) {
    metrics::counter!("landbridge_federation_borders_ended_total", "partner" => partner.to_string(), "why" => why)
        .increment(1);
}

/// Counts something for as long as it lives.
pub(super) struct Counted {
    name: &'static str,
    partner: String,
}

impl Counted {
    /// Counts a link.
    pub(super) fn link(partner: &Deployment) -> Counted {
        Counted::new("landbridge_federation_links_up", partner)
    }

    /// Counts a far person.
    pub(super) fn person(partner: &Deployment) -> Counted {
        Counted::new("landbridge_federation_people", partner)
    }

    /// Counts a session of sound.
    pub(super) fn border(partner: &Deployment) -> Counted {
        Counted::new("landbridge_federation_borders", partner)
    }

    fn new(name: &'static str, partner: &Deployment) -> Counted {
        let partner = partner.to_string();
        metrics::gauge!(name, "partner" => partner.clone()).increment(1.0);
        Counted { name, partner }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.name, "partner" => self.partner.clone()).decrement(1.0);
    }
}
