// SPDX-License-Identifier: EUPL-1.2
//! Other transports for contents, and what shares them (XEP-0338).

use super::rules;
use crate::content::{Content, Transport};
use crate::reason::Reason;
use crate::sdp;

/// Puts other transports in; says whether anything is another.
pub(super) fn exchange(contents: &[Content], remote: &mut sdp::Session) -> Result<bool, Reason> {
    let mut changed = false;
    for content in contents {
        let known = remote
            .contents
            .iter_mut()
            .find(|known| known.name == content.name && !known.refused);
        let Some((known, new)) = known.zip(content.transport.as_ref()) else {
            continue;
        };
        let old = known.transport.clone().unwrap_or_default();
        rules::kept(&old, new)?;
        let mut new = Transport {
            complete: false,
            ..new.clone()
        };
        if new.fingerprints.is_empty() {
            new.fingerprints.clone_from(&old.fingerprints);
        }
        if new.ufrag.is_none() || new.pwd.is_none() {
            (new.ufrag, new.pwd) = (old.ufrag.clone(), old.pwd.clone());
        }
        changed |= new.ufrag != old.ufrag || new.candidates != old.candidates;
        let shared = Transport {
            candidates: Vec::new(),
            ..new.clone()
        };
        known.transport = Some(new);
        share(remote, contents, (&content.name, &old), &shared);
    }
    Ok(changed)
}

/// Puts what comes into a bundled session into the bundle, if its transport is the bundle's.
pub(super) fn join(remote: &mut sdp::Session, content: &Content) {
    let ufrag = content.transport.as_ref().and_then(|transport| transport.ufrag.clone());
    let of = |name: &String| {
        let known = remote.contents.iter().find(|known| known.name == *name);
        known.and_then(|known| known.transport.as_ref()?.ufrag.clone())
    };
    let group = remote
        .groups
        .iter()
        .position(|group| group.names.first().and_then(of) == ufrag);
    let group = group.and_then(|at| remote.groups.get_mut(at));
    if let Some(group) = group.filter(|group| !group.names.contains(&content.name)) {
        group.names.push(content.name.clone());
    }
}

/// Gives the transport to what is in the same bundle and was not named: some clients name one content alone.
fn share(remote: &mut sdp::Session, named: &[Content], (mid, old): (&String, &Transport), shared: &Transport) {
    let group = remote.groups.iter().find(|group| group.names.contains(mid));
    let Some(names) = group.map(|group| group.names.clone()) else {
        return;
    };
    let is_named = |known: &Content| named.iter().any(|content| content.name == known.name);
    for known in remote
        .contents
        .iter_mut()
        .filter(|known| names.contains(&known.name) && !is_named(known))
    {
        if let Some(transport) = known
            .transport
            .as_mut()
            .filter(|transport| transport.ufrag == old.ufrag)
        {
            transport.clone_from(shared);
        }
    }
}
