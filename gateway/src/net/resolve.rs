// SPDX-License-Identifier: EUPL-1.2
//! Where a SIP request goes: RFC 3263 (NAPTR, SRV, A and AAAA) on hickory-resolver.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use landbridge_sip::ua::{Lookup, Target, Transport};
use rand::Rng;

/// How many targets one name may give; more are not tried.
const MAX_TARGETS: usize = 16;
/// How long all look-ups of one name may take together.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Turns names into targets, in the order in which they are to be tried.
pub struct Resolver {
    zone: Box<dyn Zone>,
}

impl Resolver {
    /// Uses the system's name servers.
    pub fn system() -> Resolver {
        match TokioResolver::builder_tokio().and_then(|builder| builder.build()) {
            Ok(resolver) => Resolver {
                zone: Box::new(Dns(resolver)),
            },
            Err(error) => {
                tracing::warn!(%error, "no system name servers; only addresses can be called; set [dns] servers");
                Resolver { zone: Box::new(NoDns) }
            }
        }
    }

    /// Uses the given name servers (UDP with fallback to TCP).
    pub fn with_servers(servers: &[SocketAddr]) -> Result<Resolver, String> {
        let resolver = builder(servers)
            .build()
            .map_err(|e| format!("cannot set up the name servers: {e}"))?;
        Ok(Resolver {
            zone: Box::new(Dns(resolver)),
        })
    }

    /// Finds the targets of a question; an empty list means there is no such host.
    pub async fn resolve(&self, question: &Lookup) -> Vec<Target> {
        match tokio::time::timeout(LOOKUP_LIMIT, self.targets(question)).await {
            Ok(mut targets) => {
                targets.truncate(MAX_TARGETS);
                targets
            }
            Err(_) => Vec::new(),
        }
    }

    /// RFC 3263 §4.1 and §4.2, read downwards.
    async fn targets(&self, q: &Lookup) -> Vec<Target> {
        let host = &q.host.to_string();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = match (q.transport, q.secure) {
            // sips with transport=tcp is TLS over TCP (RFC 3261 §26.2.2).
            (_, true) => Transport::Tls,
            (Some(transport), _) => transport,
            (None, false) => Transport::Udp,
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            let port = q.port.unwrap_or(default.default_port());
            return vec![target(default, SocketAddr::new(ip, port), host)];
        }
        if let Some(port) = q.port {
            return self.addresses(default, host, port, host).await;
        }
        let candidates = match q.transport {
            Some(_) => vec![(default, srv_name(default, host))],
            None => self.services(host, q.secure).await,
        };
        let mut targets = Vec::new();
        for (transport, service) in candidates {
            for (server, port) in self.servers(&service).await {
                // RFC 5922 §4: the name to verify is the URI's domain, not the server that DNS named.
                targets.extend(self.addresses(transport, &server, port, host).await);
                if targets.len() >= MAX_TARGETS {
                    return targets;
                }
            }
        }
        if targets.is_empty() {
            targets = self.addresses(default, host, default.default_port(), host).await;
        }
        targets
    }

    /// Lists the transports a domain offers with their SRV names: by NAPTR, else all SRV names that we would try.
    async fn services(&self, host: &str, secure: bool) -> Vec<(Transport, String)> {
        let mut records: Vec<Naptr> = self.zone.naptr(host).await;
        records.sort_by_key(|r| (r.order, r.preference));
        let offered: Vec<(Transport, String)> = records
            .into_iter()
            .filter(|r| r.flags.eq_ignore_ascii_case("s"))
            .filter_map(|r| {
                let transport = match r.service.to_ascii_uppercase().as_str() {
                    "SIP+D2U" => Transport::Udp,
                    "SIP+D2T" => Transport::Tcp,
                    "SIPS+D2T" => Transport::Tls,
                    _ => return None,
                };
                // RFC 3263 §4.1: "A client resolving a SIPS URI MUST discard any services that do not contain SIPS".
                (!secure || transport == Transport::Tls).then_some((transport, r.replacement))
            })
            .collect();
        if !offered.is_empty() {
            return offered;
        }
        let ours: &[Transport] = if secure {
            &[Transport::Tls]
        } else {
            &[Transport::Udp, Transport::Tcp, Transport::Tls]
        };
        ours.iter()
            .map(|&transport| (transport, srv_name(transport, host)))
            .collect()
    }

    /// Lists a service's servers by priority and weighted chance (RFC 2782).
    async fn servers(&self, service: &str) -> Vec<(String, u16)> {
        let records = self.zone.srv(service).await;
        // RFC 2782: a single record with target "." means that the service is decidedly not available.
        order_servers(records.into_iter().filter(|r| r.target != ".").collect(), |total| {
            rand::rng().random_range(0..=total)
        })
    }

    async fn addresses(&self, transport: Transport, host: &str, port: u16, name: &str) -> Vec<Target> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => self.zone.addresses(host).await,
        };
        addresses
            .into_iter()
            .map(|ip| target(transport, SocketAddr::new(ip, port), name))
            .collect()
    }
}

/// The keys from which DNSSEC is believed, in place of the root's.
#[derive(Clone)]
pub struct TrustAnchor(Arc<TrustAnchors>);

impl TrustAnchor {
    /// Reads a file of DNSKEY records, one a line, as in `example. 3600 IN DNSKEY 257 3 13 …`.
    ///
    /// # Errors
    /// If it cannot be read, or holds no such record.
    pub fn read(path: &Path) -> Result<TrustAnchor, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))?;
        let anchors: TrustAnchors = text.parse().map_err(|e| format!("{e}"))?;
        // The set counts the root's keys alone.
        let is_key = |line: &str| !line.starts_with(';') && line.contains("DNSKEY");
        if !text.lines().any(is_key) {
            return Err("holds no DNSKEY record".to_owned());
        }
        Ok(TrustAnchor(Arc::new(anchors)))
    }
}

/// Makes a resolver that checks every signature itself (DNSSEC), by these name servers or the system's.
pub(super) fn validating(servers: &[SocketAddr], anchor: Option<&TrustAnchor>) -> Result<TokioResolver, String> {
    let mut builder = match servers {
        [] => TokioResolver::builder_tokio().map_err(|e| format!("no system name servers: {e}; set [dns] servers"))?,
        servers => builder(servers),
    };
    let options = builder.options_mut();
    options.validate = true;
    options.edns0 = true;
    // A line of the hosts file has no signature.
    options.use_hosts_file = ResolveHosts::Never;
    if let Some(TrustAnchor(anchors)) = anchor {
        builder = builder.with_trust_anchor(Arc::clone(anchors));
    }
    builder
        .build()
        .map_err(|e| format!("cannot set up the name servers: {e}"))
}

fn builder(servers: &[SocketAddr]) -> ResolverBuilder<TokioRuntimeProvider> {
    let servers = servers
        .iter()
        .map(|server| {
            let mut udp = ConnectionConfig::udp();
            udp.port = server.port();
            let mut tcp = ConnectionConfig::tcp();
            tcp.port = server.port();
            NameServerConfig::new(server.ip(), true, vec![udp, tcp])
        })
        .collect();
    let config = ResolverConfig::from_name_servers(servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

fn target(transport: Transport, address: SocketAddr, name: &str) -> Target {
    let tls_name = (transport == Transport::Tls).then(|| name.trim_end_matches('.').to_owned());
    Target {
        transport,
        address,
        tls_name,
    }
}

fn srv_name(transport: Transport, host: &str) -> String {
    let host = host.trim_end_matches('.');
    match transport {
        Transport::Udp => format!("_sip._udp.{host}."),
        Transport::Tcp => format!("_sip._tcp.{host}."),
        Transport::Tls => format!("_sips._tcp.{host}."),
    }
}

fn order_servers(mut records: Vec<Srv>, mut pick: impl FnMut(u32) -> u32) -> Vec<(String, u16)> {
    records.sort_by_key(|r| (r.priority, r.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let same = records.iter().take_while(|r| r.priority == priority).count();
        let total: u32 = records.iter().take(same).map(|r| u32::from(r.weight)).sum();
        let mark = pick(total);
        let mut sum = 0;
        let chosen = records
            .iter()
            .take(same)
            .position(|r| {
                sum += u32::from(r.weight);
                sum >= mark
            })
            .unwrap_or(0);
        let record = records.remove(chosen);
        ordered.push((record.target, record.port));
    }
    ordered
}

struct Naptr {
    order: u16,
    preference: u16,
    flags: String,
    service: String,
    replacement: String,
}

struct Srv {
    priority: u16,
    weight: u16,
    port: u16,
    target: String,
}

/// The three questions asked of DNS; a stand-in answers them in tests.
#[async_trait]
trait Zone: Send + Sync {
    async fn naptr(&self, name: &str) -> Vec<Naptr>;
    async fn srv(&self, name: &str) -> Vec<Srv>;
    async fn addresses(&self, name: &str) -> Vec<IpAddr>;
}

struct Dns(TokioResolver);

#[async_trait]
impl Zone for Dns {
    async fn naptr(&self, name: &str) -> Vec<Naptr> {
        let Ok(lookup) = self.0.lookup(absolute(name), RecordType::NAPTR).await else {
            return Vec::new();
        };
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::NAPTR(r) => Some(Naptr {
                order: r.order,
                preference: r.preference,
                flags: String::from_utf8_lossy(&r.flags).into_owned(),
                service: String::from_utf8_lossy(&r.services).into_owned(),
                replacement: r.replacement.to_ascii(),
            }),
            _ => None,
        });
        records.take(MAX_TARGETS).collect()
    }

    async fn srv(&self, name: &str) -> Vec<Srv> {
        let Ok(lookup) = self.0.srv_lookup(absolute(name)).await else {
            return Vec::new();
        };
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(r) => Some(Srv {
                priority: r.priority,
                weight: r.weight,
                port: r.port,
                target: r.target.to_ascii(),
            }),
            _ => None,
        });
        records.take(MAX_TARGETS).collect()
    }

    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        match self.0.lookup_ip(absolute(name)).await {
            Ok(lookup) => lookup.iter().take(MAX_TARGETS).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// Without a final dot the resolver would try the search domains of the machine, too; "localhost" lives in the hosts file.
fn absolute(name: &str) -> String {
    if name.ends_with('.') || !name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.")
    }
}

struct NoDns;

#[async_trait]
impl Zone for NoDns {
    async fn naptr(&self, _: &str) -> Vec<Naptr> {
        Vec::new()
    }
    async fn srv(&self, _: &str) -> Vec<Srv> {
        Vec::new()
    }
    async fn addresses(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use landbridge_sip::message::Host;

    use super::*;

    /// A stand-in for DNS: the records of `a.example`.
    #[derive(Default)]
    struct Book {
        naptr: Vec<(u16, &'static str, &'static str)>,
        srv: Vec<(&'static str, u16, &'static str)>,
        a: Vec<(&'static str, &'static str)>,
    }

    #[async_trait]
    impl Zone for Book {
        async fn naptr(&self, _: &str) -> Vec<Naptr> {
            let record = |&(order, service, replacement): &(u16, &str, &str)| Naptr {
                order,
                preference: 0,
                flags: "s".into(),
                service: service.into(),
                replacement: replacement.into(),
            };
            self.naptr.iter().map(record).collect()
        }
        async fn srv(&self, name: &str) -> Vec<Srv> {
            let of = self.srv.iter().filter(|(service, ..)| *service == name);
            of.map(|&(_, priority, target)| Srv {
                priority,
                weight: 0,
                port: 5070,
                target: target.into(),
            })
            .collect()
        }
        async fn addresses(&self, name: &str) -> Vec<IpAddr> {
            self.a
                .iter()
                .filter(|(host, _)| *host == name)
                .map(|(_, ip)| ip.parse().unwrap())
                .collect()
        }
    }

    fn ask(host: &str) -> Lookup {
        Lookup {
            host: Host::parse(host).unwrap(),
            port: None,
            transport: None,
            secure: false,
        }
    }

    async fn found(book: Book, q: Lookup) -> Vec<String> {
        let resolver = Resolver { zone: Box::new(book) };
        resolver
            .resolve(&q)
            .await
            .iter()
            .map(|t| format!("{:?} {}", t.transport, t.address))
            .collect()
    }

    #[tokio::test]
    async fn an_address_needs_no_dns() {
        assert_eq!(found(Book::default(), ask("192.0.2.1")).await, ["Udp 192.0.2.1:5060"]);
        assert_eq!(
            found(Book::default(), ask("[2001:db8::1]")).await,
            ["Udp [2001:db8::1]:5060"]
        );
    }

    #[tokio::test]
    async fn naptr_decides_the_transport_and_srv_the_order_of_servers() {
        let book = Book {
            naptr: vec![
                (20, "SIP+D2U", "_sip._udp.a.example."),
                (10, "SIPS+D2T", "_sips._tcp.a.example."),
            ],
            srv: vec![
                ("_sips._tcp.a.example.", 2, "two."),
                ("_sips._tcp.a.example.", 1, "one."),
            ],
            a: vec![("one.", "192.0.2.1"), ("two.", "2001:db8::2")],
        };
        assert_eq!(
            found(book, ask("a.example")).await,
            ["Tls 192.0.2.1:5070", "Tls [2001:db8::2]:5070"]
        );
    }

    #[tokio::test]
    async fn a_sips_uri_never_falls_back_to_an_open_transport() {
        let book = Book {
            naptr: vec![(1, "SIP+D2U", "_sip._udp.a.example.")],
            srv: vec![("_sip._udp.a.example.", 1, "one.")],
            a: vec![("one.", "192.0.2.1"), ("a.example", "192.0.2.9")],
        };
        let q = Lookup {
            secure: true,
            ..ask("a.example")
        };
        assert_eq!(found(book, q).await, ["Tls 192.0.2.9:5061"]);
    }

    #[tokio::test]
    async fn a_port_in_the_uri_skips_naptr_and_srv() {
        let book = Book {
            a: vec![("a.example", "192.0.2.9")],
            ..Book::default()
        };
        let q = Lookup {
            port: Some(5099),
            ..ask("a.example")
        };
        assert_eq!(found(book, q).await, ["Udp 192.0.2.9:5099"]);
    }

    #[tokio::test]
    async fn an_unknown_host_gives_no_target() {
        assert!(found(Book::default(), ask("nowhere.example")).await.is_empty());
    }

    #[test]
    fn heavier_servers_of_one_priority_come_first_more_often() {
        let records = || {
            vec![
                Srv {
                    priority: 1,
                    weight: 90,
                    port: 1,
                    target: "heavy".into(),
                },
                Srv {
                    priority: 1,
                    weight: 10,
                    port: 1,
                    target: "light".into(),
                },
            ]
        };
        let first = |mark| order_servers(records(), |total| mark * total / 100)[0].0.clone();
        assert_eq!((first(5), first(50)), ("light".to_owned(), "heavy".to_owned()));
    }
}
