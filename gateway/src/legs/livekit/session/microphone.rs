// SPDX-License-Identifier: EUPL-1.2
//! The phone's own track on the server: asked for, published, muted, taken away.

use livekit_protocol::{
    AddTrackRequest, MuteTrackRequest, ParticipantPermission, TrackInfo, TrackPublishedResponse, TrackSource, TrackType,
};

/// What is known of the phone's own track.
pub(super) struct Microphone {
    name: String,
    /// As the owner wants it, or as the server forced it.
    pub(super) muted: bool,
    /// The participant may publish a microphone.
    pub(super) allowed: bool,
    stage: Stage,
}

enum Stage {
    Absent,
    Asked { cid: String },
    Published { cid: String, track: Box<TrackInfo> },
}

impl Microphone {
    pub(super) fn new(muted: bool, name: String) -> Microphone {
        Microphone {
            name,
            muted,
            allowed: false,
            stage: Stage::Absent,
        }
    }

    /// Begins anew: the server knows nothing of the track.
    pub(super) fn forget(&mut self) {
        self.stage = Stage::Absent;
    }

    /// Takes the permission; returns whether the right to speak changed.
    pub(super) fn permit(&mut self, permission: Option<&ParticipantPermission>) -> bool {
        let allowed = permission.is_none_or(|permission| {
            let sources = &permission.can_publish_sources;
            permission.can_publish && (sources.is_empty() || sources.contains(&TrackSource::Microphone.into()))
        });
        if let (false, Stage::Asked { .. }) = (allowed, &self.stage) {
            // The track that was asked for will not come.
            self.stage = Stage::Absent;
        }
        std::mem::replace(&mut self.allowed, allowed) != allowed
    }

    /// Asks for the track, when it is allowed and not there.
    pub(super) fn ask(&mut self, cid: impl FnOnce() -> String) -> Option<AddTrackRequest> {
        if !self.allowed || !matches!(self.stage, Stage::Absent) {
            return None;
        }
        let cid = cid();
        self.stage = Stage::Asked { cid: cid.clone() };
        Some(AddTrackRequest {
            cid,
            name: self.name.clone(),
            r#type: TrackType::Audio.into(),
            source: TrackSource::Microphone.into(),
            muted: self.muted,
            // One Opus stream; the gateway does not send RED.
            disable_red: true,
            ..AddTrackRequest::default()
        })
    }

    /// Takes the server's consent; returns the name under which to send.
    pub(super) fn published(&mut self, response: TrackPublishedResponse) -> Option<String> {
        let Stage::Asked { cid } = &self.stage else { return None };
        if *cid != response.cid {
            return None;
        }
        let cid = response.cid;
        self.stage = Stage::Published {
            cid: cid.clone(),
            track: Box::new(response.track.unwrap_or_default()),
        };
        Some(cid)
    }

    /// Takes notice that the server took the track away; returns whether it was ours.
    pub(super) fn unpublished(&mut self, sid: &str) -> bool {
        let ours = matches!(&self.stage, Stage::Published { track, .. } if track.sid == sid);
        if ours {
            self.stage = Stage::Absent;
        }
        ours
    }

    /// Mutes or unmutes; returns what to tell the server.
    pub(super) fn mute(&mut self, muted: bool) -> Option<MuteTrackRequest> {
        self.muted = muted;
        self.muting()
    }

    /// Returns what tells the server how the microphone stands.
    pub(super) fn muting(&self) -> Option<MuteTrackRequest> {
        match &self.stage {
            Stage::Published { track, .. } => Some(MuteTrackRequest {
                sid: track.sid.clone(),
                muted: self.muted,
            }),
            Stage::Absent | Stage::Asked { .. } => None,
        }
    }

    /// Takes the server's order to mute; returns whether that is news.
    pub(super) fn forced(&mut self, request: &MuteTrackRequest) -> bool {
        let ours = matches!(&self.stage, Stage::Published { track, .. } if track.sid == request.sid);
        ours && std::mem::replace(&mut self.muted, request.muted) != request.muted
    }

    /// Returns what a resumed session tells of the track.
    pub(super) fn as_published(&self) -> Option<TrackPublishedResponse> {
        match &self.stage {
            Stage::Published { cid, track } => Some(TrackPublishedResponse {
                cid: cid.clone(),
                track: Some(TrackInfo::clone(track)),
            }),
            Stage::Absent | Stage::Asked { .. } => None,
        }
    }
}
