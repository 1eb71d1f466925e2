// SPDX-License-Identifier: EUPL-1.2
//! Checks that a value is what its key promises; every error is (what, remedy).

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use landbridge_codecs::Codec;
use landbridge_sip::message::{Host, Uri};
use landbridge_sip::ua::Transport;

use super::Trunk;
use crate::media::Encryption;

pub(crate) type Fault = (String, String);

/// A network in CIDR form; a single address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Tells whether an address lies in the network; an IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let masked = |bits: u128, width: u32| match width - u32::from(self.prefix) {
            shift if shift >= 128 => 0,
            shift => bits >> shift,
        };
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                masked(u128::from(u32::from(a)), 32) == masked(u128::from(u32::from(b)), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => masked(u128::from(a), 128) == masked(u128::from(b), 128),
            _ => false,
        }
    }
}

/// The trunk that stands when none is configured: anybody may call, encryption is taken when offered.
pub(super) fn open_trunk() -> Trunk {
    Trunk {
        name: "any".into(),
        from: Vec::new(),
        tls_names: Vec::new(),
        encryption: Encryption::Prefer,
        language: None,
        codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu],
        credentials: None,
        proxy: None,
    }
}

pub(super) fn listener(text: &str) -> Result<(Transport, SocketAddr), Fault> {
    let fault = || {
        let what = format!("{text:?} is no SIP listener");
        (
            what,
            "write udp:, tcp: or tls: and an address, as in \"udp:0.0.0.0:5060\" or \"tls:[::]:5061\"".to_owned(),
        )
    };
    let (transport, rest) = text.split_once(':').ok_or_else(fault)?;
    let (transport, port) = match transport {
        "udp" => (Transport::Udp, 5060),
        "tcp" => (Transport::Tcp, 5060),
        "tls" => (Transport::Tls, 5061),
        _ => return Err(fault()),
    };
    let address = socket(rest, port).map_err(|_| fault())?;
    Ok((transport, address))
}

pub(super) fn socket(text: &str, port: u16) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let ip = text
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .map_err(|_| {
            let what = format!("{text:?} is no address");
            (
                what,
                format!("write address and port, as in \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
            )
        })?;
    Ok(SocketAddr::new(ip, port))
}

pub(super) fn address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| {
        (
            format!("{text:?} is no IP address"),
            "write it as in \"192.0.2.1\" or \"::1\"".into(),
        )
    })
}

pub(super) fn network(text: &str) -> Result<Network, Fault> {
    let fault = || {
        (
            format!("{text:?} is no network"),
            "write it as in \"192.0.2.0/24\" or \"2001:db8::/32\"".to_owned(),
        )
    };
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix.parse::<u8>().map_err(|_| fault())?)),
        None => (text, None),
    };
    let address: IpAddr = ip.parse().map_err(|_| fault())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    match prefix.unwrap_or(width) {
        prefix if prefix <= width => Ok(Network { address, prefix }),
        _ => Err(fault()),
    }
}

pub(crate) fn encryption(text: &str) -> Result<Encryption, Fault> {
    match text {
        "require" => Ok(Encryption::Require),
        "prefer" => Ok(Encryption::Prefer),
        "off" => Ok(Encryption::Off),
        _ => Err((format!("unknown encryption {text:?}"), "require, prefer or off".into())),
    }
}

pub(crate) fn codec(text: &str) -> Result<Codec, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "opus" => Ok(Codec::Opus),
        "g722" => Ok(Codec::G722),
        "pcma" => Ok(Codec::Pcma),
        "pcmu" => Ok(Codec::Pcmu),
        _ => Err((format!("unknown codec {text:?}"), "opus, g722, pcma or pcmu".into())),
    }
}

pub(super) fn language(text: &str) -> Result<String, Fault> {
    match text {
        "de" | "en" => Ok(text.to_owned()),
        _ => Err((format!("there are no prompts in {text:?}"), "de or en".into())),
    }
}

pub(super) fn one_of(text: &str, known: &[String]) -> Result<String, Fault> {
    if known.iter().any(|k| k == text) {
        return Ok(text.to_owned());
    }
    Err((
        format!("language {text:?} is not offered"),
        format!("add it to [lobby] languages, now {known:?}"),
    ))
}

pub(super) fn port_range(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let range = text
        .split_once('-')
        .and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    match range {
        Some((low, high)) if low >= 1024 && high > low => Ok(low..=high),
        _ => Err((
            format!("{text:?} is no port range"),
            "write it as in \"40000-49999\", from 1024 on".into(),
        )),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    let fault = || {
        (
            format!("{text:?} is no duration"),
            "write it as in \"500ms\", \"30s\" or \"5m\"".to_owned(),
        )
    };
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fault)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| fault())?;
    let millis = match unit.trim() {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    millis
        .filter(|ms| (1..=86_400_000).contains(ms))
        .map(Duration::from_millis)
        .ok_or_else(fault)
}

pub(super) fn digits(text: &str, what: &str) -> Result<String, Fault> {
    if (4..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err((
        format!("{text:?} is no {what}"),
        format!("a {what} is a string of 4 to 20 digits"),
    ))
}

pub(super) fn host(text: &str) -> Result<String, Fault> {
    match Host::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err((
            format!("{text:?} is no host"),
            "write a name or an address alone, as in \"sip.example.org\"; the port is the listener's".into(),
        )),
    }
}

/// Checks a next hop, which is a URI or a host, with a port or without.
pub(super) fn proxy(text: &str) -> Result<String, Fault> {
    let is_uri = text.starts_with("sip:") || text.starts_with("sips:");
    let uri = if is_uri { text.to_owned() } else { format!("sip:{text}") };
    match Uri::parse(&uri) {
        Ok(uri) if uri.host().is_some() => Ok(text.to_owned()),
        _ => Err((
            format!("{text:?} is no next hop"),
            "write it as in \"sip:pbx.example.org;transport=tcp\" or \"192.0.2.1:5060\"".into(),
        )),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, Fault> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err((
            format!("{text:?} is no log level: {error}"),
            "write error, warn, info, debug or trace, or a filter as in \"landbridge=debug\"".into(),
        )),
    }
}

/// Returns the key whose value stands at an offset, if that value is a secret.
pub(super) fn secret_key(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = before.rsplit('\n').next()?;
    let (keys, _) = line.rsplit_once('=')?;
    let key = keys
        .trim_end()
        .trim_end_matches('"')
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .next()?;
    [
        "pin",
        "moderator_pin",
        "password",
        "token",
        "secret",
        "api_secret",
        "client_secret",
    ]
    .contains(&key)
    .then_some(key)
}

/// Takes the value out of a fault, for secrets.
pub(super) fn hide((what, remedy): Fault) -> Fault {
    let what = what.rsplit('"').next().unwrap_or_default().trim().to_owned();
    (format!("the value {what}"), remedy)
}

/// Takes a user and a password, which may stand in an address, out of a fault.
pub(super) fn hide_userinfo((what, remedy): Fault, url: &url::Url) -> Fault {
    if url.username().is_empty() && url.password().is_none() {
        return (what, remedy);
    }
    ("the address holds a user or a password".to_owned(), remedy)
}

/// Reads "unknown field `x`, expected one of `a`, `b`" and returns the unknown field with the nearest known one.
pub(super) fn nearest_key(message: &str) -> Option<(&str, &str)> {
    if !message.starts_with("unknown field") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    Some((unknown, landbridge_dialplan::closest_word(unknown, &known)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let n = network("192.0.2.0/24").unwrap();
        assert!(n.contains("192.0.2.255".parse().unwrap()) && !n.contains("192.0.3.0".parse().unwrap()));
        assert!(
            n.contains("::ffff:192.0.2.1".parse().unwrap()),
            "a mapped address is its IPv4 address"
        );
        let all = network("0.0.0.0/0").unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        assert!(network("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(network("192.0.2.0/33").is_err());
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration("1500ms").unwrap(), Duration::from_millis(1500));
        assert_eq!(duration("5m").unwrap(), Duration::from_secs(300));
        for bad in ["", "5", "s", "-1s", "99999999999999999999s", "0s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listeners_have_default_ports() {
        assert_eq!(
            listener("tls:[::1]").unwrap(),
            (Transport::Tls, "[::1]:5061".parse().unwrap())
        );
        assert!(listener("udp").is_err() && listener("udp:host:1").is_err());
    }
}
