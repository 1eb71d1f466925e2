// SPDX-License-Identifier: EUPL-1.2
//! Who may be talked to: the rules of RFC 8842 and XEP-0320 for fingerprints and DTLS roles.
//!
//! A call that breaks them ends with `security-error` before anybody hears anything.

use crate::content::Content;
use crate::content::transport::{Setup, Transport};
use crate::reason::Reason;

/// Checks an offer of a whole session: there must be sound, by ICE, with a fingerprint. Other media that miss
/// something are marked as refused.
pub(crate) fn offer(contents: &mut [Content]) -> Result<(), Reason> {
    let mut verdict = Err(Reason::UnsupportedApplications);
    for content in contents.iter_mut() {
        let checked = offered(content);
        content.refused |= checked.is_err();
        if content
            .description
            .as_ref()
            .is_some_and(|description| description.is_audio())
        {
            verdict = match verdict {
                Ok(()) => Ok(()),
                Err(_) => checked,
            };
        }
    }
    verdict
}

/// Checks one medium of an offer.
pub(crate) fn offered(content: &mut Content) -> Result<(), Reason> {
    let description = content.description.as_ref().ok_or(Reason::UnsupportedApplications)?;
    if description.payloads.is_empty() {
        return Err(Reason::IncompatibleParameters);
    }
    let transport = content
        .transport
        .as_mut()
        .filter(|transport| !transport.raw)
        .ok_or(Reason::UnsupportedTransports)?;
    // RFC 8842 §5.1: an offer of DTLS has a fingerprint; without one it is plain RTP, or a fingerprint that comes late.
    if transport.fingerprints.is_empty() {
        return Err(Reason::SecurityError);
    }
    if transport.ufrag.is_none() || transport.pwd.is_none() {
        return Err(Reason::FailedTransport);
    }
    if transport.setup() == Some(Setup::Holdconn) {
        return Err(Reason::SecurityError);
    }
    // XEP-0320 before version 0.3 had no roles: the answer chooses.
    assume(transport, Setup::Actpass);
    Ok(())
}

/// Checks the media of an answer.
pub(crate) fn answered(contents: &mut [Content]) -> Result<(), Reason> {
    if contents.iter().all(|content| content.refused) {
        return Err(Reason::IncompatibleParameters);
    }
    for content in contents.iter_mut().filter(|content| !content.refused) {
        let transport = content
            .transport
            .as_mut()
            .filter(|transport| !transport.raw)
            .ok_or(Reason::UnsupportedTransports)?;
        if transport.fingerprints.is_empty() {
            return Err(Reason::SecurityError);
        }
        if transport.ufrag.is_none() || transport.pwd.is_none() {
            return Err(Reason::FailedTransport);
        }
        // RFC 8842 §5.3: "the answerer MUST insert [...] 'active' or 'passive'".
        // COMPAT(dino 0.4, dino#1072): said `actpass` in answers and then waited for us.
        if matches!(transport.setup(), Some(Setup::Actpass | Setup::Holdconn)) {
            return Err(Reason::SecurityError);
        }
        assume(transport, Setup::Active);
    }
    Ok(())
}

/// Checks what a transport becomes while the session lasts: another certificate or another role needs a new ICE
/// session (RFC 8842 §4).
pub(crate) fn kept(old: &Transport, new: &Transport) -> Result<(), Reason> {
    let restarted = new.ufrag.is_some() && new.ufrag != old.ufrag;
    if restarted || new.fingerprints.is_empty() {
        return Ok(());
    }
    let same = |new: &crate::content::transport::Fingerprint| {
        old.fingerprints
            .iter()
            .any(|old| (&old.hash, &old.value) == (&new.hash, &new.value))
    };
    let roles = (old.setup(), new.setup());
    let swapped = matches!(
        roles,
        (Some(Setup::Active), Some(Setup::Passive)) | (Some(Setup::Passive), Some(Setup::Active))
    );
    if swapped || !new.fingerprints.iter().all(same) {
        Err(Reason::SecurityError)
    } else {
        Ok(())
    }
}

/// Says who starts DTLS, where it was not said.
pub(crate) fn assume(transport: &mut Transport, setup: Setup) {
    for fingerprint in &mut transport.fingerprints {
        fingerprint.setup.get_or_insert(setup);
    }
}

/// Says who starts DTLS, whatever was said.
pub(crate) fn decide(transport: &mut Transport, setup: Setup) {
    for fingerprint in &mut transport.fingerprints {
        fingerprint.setup = Some(setup);
    }
}
