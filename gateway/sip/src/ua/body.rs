// SPDX-License-Identifier: EUPL-1.2
//! What a body holds: session descriptions, also inside multipart (RFC 5621), and digits (SIP INFO).

use crate::message::{HeaderName, Headers, MediaType};

/// Most parts of a multipart body that are looked at.
const MAX_PARTS: usize = 16;

/// Says why a body was refused: 415 with Accept, or 415 with Accept-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Type,
    Encoding,
}

/// Finds the session description of a message.
pub(super) fn description(headers: &Headers, body: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    if body.is_empty() {
        return Ok(None);
    }
    if !is_plain(headers) {
        return Err(Refused::Encoding);
    }
    // COMPAT: a body without Content-Type can only be a description
    let Ok(Some(kind)) = headers.content_type() else {
        return if headers.contains(&HeaderName::ContentType) {
            Err(Refused::Type)
        } else {
            Ok(Some(body.to_vec()))
        };
    };
    if kind.is("application/sdp") {
        return Ok(if disposition_is(headers, "session") {
            Some(body.to_vec())
        } else {
            None
        });
    }
    if kind.kind().eq_ignore_ascii_case("multipart") {
        let found = kind
            .params()
            .value("boundary")
            .and_then(|boundary| part_of_type(body, boundary, "application/sdp"));
        return found.map(|part| Some(part.to_vec())).ok_or(Refused::Type);
    }
    // RFC 3261 §20.11: handling=optional "allows the UAS to ignore the body part"
    if is_optional(headers) {
        Ok(None)
    } else {
        Err(Refused::Type)
    }
}

/// Finds the digit of an INFO, and how long it was pressed \[ms\]; `None` for bodies that hold none.
pub(super) fn digit(headers: &Headers, body: &[u8]) -> Result<Option<(char, Option<u32>)>, Refused> {
    if body.is_empty() {
        return Ok(None);
    }
    if !is_plain(headers) {
        return Err(Refused::Encoding);
    }
    let kind = headers.content_type().ok().flatten().ok_or(Refused::Type)?;
    let text = String::from_utf8_lossy(body);
    if kind.is("application/dtmf-relay") {
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let duration = field("Duration").and_then(|d| d.parse().ok());
        return Ok(field("Signal").and_then(|s| signal(&s)).map(|digit| (digit, duration)));
    }
    if kind.is("application/dtmf") {
        return Ok(signal(text.trim()).map(|digit| (digit, None)));
    }
    if is_optional(headers) {
        Ok(None)
    } else {
        Err(Refused::Type)
    }
}

/// Reads `5`, `*`, `#`, `A`; some phones say 10 for the star and 11 for the hash.
fn signal(text: &str) -> Option<char> {
    match text {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut chars = text.chars();
            let digit = chars.next()?.to_ascii_uppercase();
            (chars.next().is_none() && matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(digit)
        }
    }
}

fn is_plain(headers: &Headers) -> bool {
    headers
        .tokens(HeaderName::ContentEncoding)
        .iter()
        .all(|coding| coding.eq_ignore_ascii_case("identity"))
}

fn disposition_is(headers: &Headers, wanted: &str) -> bool {
    match headers.text(&HeaderName::ContentDisposition) {
        None => true,
        Some(value) => {
            let kind = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            kind == wanted || !matches!(kind.as_str(), "early-session" | "render" | "icon" | "alert")
        }
    }
}

fn is_optional(headers: &Headers) -> bool {
    headers.text(&HeaderName::ContentDisposition).is_some_and(|value| {
        value.split(';').skip(1).any(|param| {
            let param: String = param.chars().filter(|c| !c.is_whitespace()).collect();
            param.eq_ignore_ascii_case("handling=optional")
        })
    })
}

/// Finds the first part of one type in a multipart body (RFC 2046 §5.1.1), one level of nesting deep.
fn part_of_type<'a>(body: &'a [u8], boundary: &str, wanted: &str) -> Option<&'a [u8]> {
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut rest = body.get(find(body, &delimiter)? + delimiter.len()..)?;
    for _ in 0..MAX_PARTS {
        if rest.starts_with(b"--") {
            return None;
        }
        let end = find(rest, &delimiter).unwrap_or(rest.len());
        let part = rest.get(..end)?;
        if let Some(content) = content_of_type(part, wanted) {
            return Some(content);
        }
        rest = rest.get(end + delimiter.len()..)?;
    }
    None
}

fn content_of_type<'a>(part: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    // the line break after the delimiter is not the part's
    let start = find(part, b"\n")? + 1;
    let part = part.get(start..)?;
    let (head, content) = match (find(part, b"\r\n\r\n"), find(part, b"\n\n")) {
        (Some(at), other) if other.is_none_or(|o| at < o) => (part.get(..at)?, part.get(at + 4..)?),
        (_, Some(at)) => (part.get(..at)?, part.get(at + 2..)?),
        _ => return None,
    };
    let head = String::from_utf8_lossy(head);
    let is_wanted = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            (name.trim().eq_ignore_ascii_case("content-type") || name.trim().eq_ignore_ascii_case("c"))
                && MediaType::parse(value.trim()).is_ok_and(|kind| kind.is(wanted))
        })
    });
    // the line break before the next delimiter belongs to that
    let content = content
        .strip_suffix(b"\r\n")
        .or_else(|| content.strip_suffix(b"\n"))
        .unwrap_or(content);
    is_wanted.then_some(content)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.push_named(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn a_description_is_found_alone_and_inside_multipart() {
        let alone = headers(&[("Content-Type", "application/sdp;charset=utf-8")]);
        assert_eq!(description(&alone, b"v=0\r\n"), Ok(Some(b"v=0\r\n".to_vec())));
        let mixed = headers(&[("Content-Type", "multipart/mixed; boundary=\"xx\"")]);
        let body = b"preamble\r\n--xx\r\nContent-Type: text/plain\r\n\r\nhello\r\n--xx\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--xx--\r\n";
        assert_eq!(description(&mixed, body), Ok(Some(b"v=0\r\n".to_vec())));
        assert_eq!(
            description(&mixed, b"--xx\r\nContent-Type: text/plain\r\n\r\nhello\r\n--xx--"),
            Err(Refused::Type)
        );
        assert_eq!(description(&mixed, b"--xx"), Err(Refused::Type));
    }

    #[test]
    fn a_strange_body_is_refused_unless_it_is_optional() {
        let strange = headers(&[("Content-Type", "application/x-strange")]);
        assert_eq!(description(&strange, b"?"), Err(Refused::Type));
        let optional = headers(&[
            ("Content-Type", "application/x-strange"),
            ("Content-Disposition", "render; handling = optional"),
        ]);
        assert_eq!(description(&optional, b"?"), Ok(None));
        let packed = headers(&[("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")]);
        assert_eq!(description(&packed, b"?"), Err(Refused::Encoding));
    }

    #[test]
    fn digits_are_read_from_both_kinds_of_info() {
        let relay = headers(&[("Content-Type", "application/dtmf-relay")]);
        assert_eq!(
            digit(&relay, b"Signal= 5\r\nDuration=160\r\n"),
            Ok(Some(('5', Some(160))))
        );
        assert_eq!(digit(&relay, b"Signal=#\n"), Ok(Some(('#', None))));
        assert_eq!(digit(&relay, b"Duration=160\r\n"), Ok(None));
        let plain = headers(&[("Content-Type", "application/dtmf")]);
        assert_eq!(digit(&plain, b"10\r\n"), Ok(Some(('*', None))));
        assert_eq!(digit(&plain, b"55"), Ok(None));
        assert_eq!(
            digit(&headers(&[("Content-Type", "text/plain")]), b"5"),
            Err(Refused::Type)
        );
        assert_eq!(digit(&headers(&[]), b""), Ok(None));
    }
}
