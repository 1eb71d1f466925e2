// SPDX-License-Identifier: EUPL-1.2
//! Checks the header fields on which every element relies, so that later code can.

use super::head::Fault;
use crate::message::{HeaderError, HeaderName, Headers, Method, StatusCode};

/// Finds the first fault; `method` is the request's, or `None` for a response.
pub(super) fn fault(method: Option<&Method>, headers: &Headers) -> Option<Fault> {
    if let Some(name) = doubled(headers) {
        return Some(Fault {
            field: Some(name),
            ..Fault::bad("given twice", 0)
        });
    }
    first_error(method, headers).err()
}

fn first_error(method: Option<&Method>, headers: &Headers) -> Result<(), Fault> {
    headers.vias().map_err(fault_of)?;
    headers.from().map_err(fault_of)?;
    headers.to().map_err(fault_of)?;
    check_call_id(headers)?;
    let cseq = headers.cseq().map_err(fault_of)?;
    if let Some(method) = method
        && cseq.method != *method
    {
        // RFC 4475 §3.1.2.18: an unknown method is better told so than blamed for its CSeq.
        let known = !matches!(method, Method::Other(_));
        let status = if known {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::NOT_IMPLEMENTED
        };
        return Err(Fault {
            field: Some(HeaderName::CSeq),
            status: Some(status),
            ..Fault::bad("method is not the request's", 0)
        });
    }
    headers.max_forwards().map_err(fault_of)?;
    headers.contacts().map_err(fault_of)?;
    headers.routes().map_err(fault_of)?;
    headers.record_routes().map_err(fault_of)?;
    headers.content_type().map_err(fault_of)?;
    Ok(())
}

fn check_call_id(headers: &Headers) -> Result<(), Fault> {
    let fault = |what| Fault {
        field: Some(HeaderName::CallId),
        ..Fault::bad(what, 0)
    };
    let value = headers.get(&HeaderName::CallId).ok_or(fault("missing"))?;
    if value.is_empty() || value.iter().any(|b| b.is_ascii_control() || *b == b' ') {
        return Err(fault("not a word"));
    }
    Ok(())
}

fn fault_of(error: HeaderError) -> Fault {
    Fault {
        field: Some(error.name),
        ..Fault::bad(error.error.what, error.error.at)
    }
}

/// Finds a name that came twice though RFC 3261 §7.3.1 allows it once.
fn doubled(headers: &Headers) -> Option<HeaderName> {
    let mut seen: Vec<&HeaderName> = Vec::with_capacity(16);
    for header in headers.iter().filter(|h| h.name().is_single()) {
        if seen.contains(&header.name()) {
            return Some(header.name().clone());
        }
        seen.push(header.name());
    }
    None
}
