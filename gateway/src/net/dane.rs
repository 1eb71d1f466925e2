// SPDX-License-Identifier: EUPL-1.2
//! What a partner's domain publishes for its XMPP servers: SRV and TLSA records, validated by DNSSEC (RFC 7673).
//!
//! ```text
//! meet.sh.example ─ SRV _xmpp-server._tcp ─▶ xmpp.sh.example:5269 ─ TLSA _5269._tcp ─▶ certificate that must be shown
//! ```
//!
//! Our own XMPP server makes the connection and checks that certificate, not we: here stands what it could check.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::resolve::{self, TrustAnchor};

/// Most servers of one domain that are looked at.
const MAX_SERVERS: usize = 8;
/// How long all look-ups of one domain may take together.
const LIMIT: Duration = Duration::from_secs(10);
/// Port of a domain without SRV records (RFC 6120 §3.2.2).
const PORT: u16 = 5269;
/// How long an answer is good for, at least and at most, whatever its records say.
const TTL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));
/// How soon is asked again after an answer that is no good.
const SOON: Duration = Duration::from_secs(30);

/// How far DNSSEC vouches for what is published, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Published {
    /// Every server has a TLSA record, and signatures lead to it from a trusted key.
    Secure,
    /// Signatures say that some server has no TLSA record.
    Absent,
    /// The zone is not signed: whatever it says could be anybody's word.
    Insecure,
    /// Nobody answered.
    Unknown,
    /// The zone should be signed, and its signatures are wrong or missing: a fault, or an attack.
    Bogus,
}

/// What is published for one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The worst of all.
    pub state: Published,
    /// The servers, as far as they could be found.
    pub servers: Vec<Server>,
    /// How long this may be believed.
    pub ttl: Duration,
}

/// One XMPP server of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How many TLSA records of use it has.
    pub records: usize,
    /// How far DNSSEC vouches for them.
    pub state: Published,
}

/// Looks up what domains publish. Cheap to clone.
#[derive(Clone)]
pub struct Dane {
    book: Arc<dyn Book>,
}

impl Published {
    /// Returns the state as it is shown, logged and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Published::Secure => "secure",
            Published::Absent => "absent",
            Published::Insecure => "insecure",
            Published::Unknown => "unknown",
            Published::Bogus => "bogus",
        }
    }

    /// All states.
    pub const ALL: [Published; 5] = [
        Published::Secure,
        Published::Absent,
        Published::Insecure,
        Published::Unknown,
        Published::Bogus,
    ];
}

impl Dane {
    /// Asks these name servers, or the system's; the trust anchor is the root's, or the given one.
    ///
    /// # Errors
    /// If there are no name servers, or the trust anchor cannot be read.
    pub fn new(servers: &[std::net::SocketAddr], anchor: Option<&TrustAnchor>) -> Result<Dane, String> {
        let book = resolve::validating(servers, anchor)?;
        Ok(Dane {
            book: Arc::new(Dns(book)),
        })
    }

    /// Finds out what a domain publishes for servers of other domains.
    pub async fn look(&self, domain: &str) -> Finding {
        match tokio::time::timeout(LIMIT, self.walk(domain)).await {
            Ok(finding) => finding,
            Err(_) => Finding {
                state: Published::Unknown,
                servers: Vec::new(),
                ttl: SOON,
            },
        }
    }

    async fn walk(&self, domain: &str) -> Finding {
        let domain = domain.trim_end_matches('.');
        let services = self.book.services(&format!("_xmpp-server._tcp.{domain}.")).await;
        let mut ttl = services.ttl;
        // RFC 7673 §3.1: TLSA records count only if the SRV records are secure.
        let mut found = match services.state {
            Published::Secure => services.records,
            // RFC 6120 §3.2.2: a domain without SRV records is its own server; secure only if their absence is.
            Published::Absent => vec![(domain.to_owned(), PORT)],
            state => {
                let servers = services.records.into_iter().map(|(host, port)| Server {
                    host: host.trim_end_matches('.').to_owned(),
                    port,
                    records: 0,
                    state,
                });
                return Finding {
                    state,
                    servers: servers.take(MAX_SERVERS).collect(),
                    ttl: span(ttl, state),
                };
            }
        };
        found.truncate(MAX_SERVERS);
        let mut servers = Vec::with_capacity(found.len());
        for (host, port) in found {
            let host = host.trim_end_matches('.').to_owned();
            let answer = self.book.certificates(&format!("_{port}._tcp.{host}.")).await;
            ttl = ttl.min(answer.ttl);
            servers.push(Server {
                host,
                port,
                records: answer.records.len(),
                state: answer.state,
            });
        }
        // A domain whose one target is "." offers no service (RFC 2782); there is nothing to vouch for.
        let state = servers.iter().map(|server| server.state).max();
        let state = state.unwrap_or(Published::Absent);
        Finding {
            state,
            servers,
            ttl: span(ttl, state),
        }
    }
}

fn span(ttl: Duration, state: Published) -> Duration {
    match state {
        Published::Unknown | Published::Bogus => SOON,
        _ => ttl.clamp(TTL.0, TTL.1),
    }
}

/// Records of one name, and how far DNSSEC vouches for them.
struct Answer<T> {
    state: Published,
    records: Vec<T>,
    ttl: Duration,
}

/// The two questions asked of DNS; a stand-in answers them in tests.
#[async_trait]
trait Book: Send + Sync {
    /// SRV: hosts and ports.
    async fn services(&self, name: &str) -> Answer<(String, u16)>;
    /// TLSA: those of use.
    async fn certificates(&self, name: &str) -> Answer<()>;
}

struct Dns(TokioResolver);

impl Dns {
    async fn ask<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Answer<T> {
        let lookup = match self.0.lookup(name, kind).await {
            Ok(lookup) => lookup,
            Err(error) => return refusal(&error),
        };
        let of_kind: Vec<&Record> = lookup
            .answers()
            .iter()
            .filter(|record| record.record_type() == kind)
            .collect();
        let worst = of_kind.iter().map(|record| state(record.proof)).max();
        let ttl = of_kind.iter().map(|record| record.ttl).min().unwrap_or_default();
        let records: Vec<T> = of_kind.iter().filter_map(|record| read(&record.data)).collect();
        let state = match worst {
            None => Published::Insecure,
            Some(Published::Secure) if records.is_empty() => Published::Absent,
            Some(state) => state,
        };
        Answer {
            state,
            records,
            ttl: Duration::from_secs(u64::from(ttl)),
        }
    }
}

#[async_trait]
impl Book for Dns {
    async fn services(&self, name: &str) -> Answer<(String, u16)> {
        let read = |data: &RData| match data {
            RData::SRV(srv) if !srv.target.is_root() => Some((srv.target.to_ascii(), srv.port)),
            _ => None,
        };
        self.ask(name, RecordType::SRV, read).await
    }

    async fn certificates(&self, name: &str) -> Answer<()> {
        let read = |data: &RData| match data {
            // RFC 6698 §2.1: usages 0 to 3, selectors 0 and 1, matching types 0 to 2; others are of no use.
            RData::TLSA(tlsa) => {
                let fields = (
                    u8::from(tlsa.cert_usage),
                    u8::from(tlsa.selector),
                    u8::from(tlsa.matching),
                );
                (matches!(fields, (0..=3, 0..=1, 0..=2)) && !tlsa.cert_data.is_empty()).then_some(())
            }
            _ => None,
        };
        self.ask(name, RecordType::TLSA, read).await
    }
}

fn state(proof: Proof) -> Published {
    match proof {
        Proof::Secure => Published::Secure,
        Proof::Insecure => Published::Insecure,
        Proof::Bogus => Published::Bogus,
        Proof::Indeterminate => Published::Unknown,
    }
}

/// Says what it means that there are no records.
fn refusal<T>(error: &NetError) -> Answer<T> {
    let state = match error {
        NetError::Dns(DnsError::Nsec { proof, .. }) => match state(*proof) {
            Published::Secure => Published::Absent,
            state => state,
        },
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let soa = none.soa.as_ref().map(|soa| soa.proof);
            let others = none.authorities.iter().flat_map(|records| records.iter());
            let proofs = soa.into_iter().chain(others.map(|record| record.proof)).map(state);
            match proofs.max() {
                Some(Published::Secure) => Published::Absent,
                // Nobody proved that there is nothing: the zone is not signed.
                _ => Published::Insecure,
            }
        }
        NetError::Dns(DnsError::DnssecBogus) => Published::Bogus,
        _ => Published::Unknown,
    };
    Answer {
        state,
        records: Vec::new(),
        ttl: SOON,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A stand-in for DNS: the servers of one domain, and which of them have TLSA records.
    struct Records {
        srv: (Published, Vec<(&'static str, u16)>),
        tlsa: Vec<(&'static str, Published)>,
    }

    #[async_trait]
    impl Book for Records {
        async fn services(&self, name: &str) -> Answer<(String, u16)> {
            assert_eq!(name, "_xmpp-server._tcp.meet.sh.example.");
            Answer {
                state: self.srv.0,
                records: self
                    .srv
                    .1
                    .iter()
                    .map(|(host, port)| ((*host).to_owned(), *port))
                    .collect(),
                ttl: Duration::from_secs(600),
            }
        }

        async fn certificates(&self, name: &str) -> Answer<()> {
            let found = self.tlsa.iter().find(|(owner, _)| *owner == name);
            let state = found.map_or(Published::Absent, |(_, state)| *state);
            Answer {
                state,
                records: (state == Published::Secure).then_some(()).into_iter().collect(),
                ttl: Duration::from_secs(60),
            }
        }
    }

    async fn look(srv: (Published, Vec<(&'static str, u16)>), tlsa: Vec<(&'static str, Published)>) -> Finding {
        let dane = Dane {
            book: Arc::new(Records { srv, tlsa }),
        };
        dane.look("meet.sh.example").await
    }

    #[tokio::test]
    async fn a_domain_is_as_good_as_the_worst_of_its_servers() {
        let both = || vec![("one.sh.example.", 5269), ("two.sh.example.", 5270)];
        let (one, two) = ("_5269._tcp.one.sh.example.", "_5270._tcp.two.sh.example.");
        use Published::{Absent, Bogus, Insecure, Secure, Unknown};
        for (tlsa, state) in [
            (vec![(one, Secure), (two, Secure)], Secure),
            (vec![(one, Secure)], Absent),
            (vec![(one, Secure), (two, Insecure)], Insecure),
            (vec![(one, Unknown), (two, Secure)], Unknown),
            (vec![(one, Bogus), (two, Absent)], Bogus),
        ] {
            let found = look((Secure, both()), tlsa).await;
            assert_eq!((found.state, found.servers.len()), (state, 2), "{found:?}");
            assert!(found.ttl <= Duration::from_secs(60));
        }
    }

    #[tokio::test]
    async fn tlsa_records_behind_servers_that_nobody_vouches_for_are_worth_nothing() {
        for state in [Published::Insecure, Published::Bogus, Published::Unknown] {
            let tlsa = vec![("_5269._tcp.one.sh.example.", Published::Secure)];
            assert_eq!(look((state, vec![("one.sh.example.", 5269)]), tlsa).await.state, state);
        }
    }

    #[tokio::test]
    async fn a_domain_that_provably_names_no_server_is_its_own() {
        let tlsa = vec![("_5269._tcp.meet.sh.example.", Published::Secure)];
        let found = look((Published::Absent, Vec::new()), tlsa).await;
        assert_eq!((found.state, found.servers[0].port), (Published::Secure, 5269));
        assert_eq!(
            look((Published::Secure, Vec::new()), Vec::new()).await.state,
            Published::Absent
        );
    }
}
