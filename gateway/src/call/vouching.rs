// SPDX-License-Identifier: EUPL-1.2
//! What partners publish for their servers, looked at again and again, and whom we may speak to because of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::house::House;
use crate::config::federation::{Federation, Partner};
use crate::net::dane::{Dane, Finding, Published};

/// How soon a partner that a reload brought is looked at.
const ROUND: Duration = Duration::from_secs(10);

/// The last finding about each partner, by the domain of its component.
#[derive(Debug, Default)]
pub struct Vouching {
    findings: Mutex<BTreeMap<String, Finding>>,
}

/// Our federation as operators see it; no secret is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Outlook {
    name: String,
    authority: String,
    /// The key that partners pin.
    key: String,
    partners: Vec<PartnerOutlook>,
    rooms: Vec<RoomOutlook>,
}

/// One partner as operators see it.
#[derive(Clone, Debug, Serialize)]
struct PartnerOutlook {
    partner: String,
    authority: String,
    address: String,
    keys: Vec<String>,
    /// secure, absent, insecure, unknown or bogus.
    dane: &'static str,
    require_dane: bool,
    servers: Vec<ServerOutlook>,
}

/// One of a partner's servers.
#[derive(Clone, Debug, Serialize)]
struct ServerOutlook {
    host: String,
    port: u16,
    tlsa: usize,
    dane: &'static str,
}

/// One joint room.
#[derive(Clone, Debug, Serialize)]
struct RoomOutlook {
    room: String,
    meeting: String,
    home: String,
    join: &'static str,
    partners: Vec<String>,
}

impl Vouching {
    /// Returns how far DNSSEC vouches for a partner's servers.
    pub fn state(&self, partner: &Partner) -> Published {
        let found = self.findings();
        found
            .get(&partner.address)
            .map_or(Published::Unknown, |finding| finding.state)
    }

    /// Tells whether anything may be sent to a partner, or believed of it.
    pub fn permits(&self, partner: &Partner) -> bool {
        !partner.require_dane || self.state(partner) == Published::Secure
    }

    /// Looks at every partner now and whenever its records run out, for as long as the house lives.
    pub fn watch(self: &Arc<Self>, house: &Arc<House>, dane: Dane) {
        let (vouching, house) = (Arc::clone(self), Arc::downgrade(house));
        tokio::spawn(async move {
            let mut due: BTreeMap<String, Instant> = BTreeMap::new();
            while let Some(config) = house.upgrade().map(|house| house.config()) {
                let partners = config.federation.iter().flat_map(|part| &part.partners);
                let partners: Vec<Partner> = partners.cloned().collect();
                due.retain(|address, _| partners.iter().any(|partner| partner.address == *address));
                let now = Instant::now();
                let mut looks = JoinSet::new();
                for partner in partners {
                    if due.get(&partner.address).is_none_or(|due| *due <= now) {
                        let dane = dane.clone();
                        looks.spawn(async move {
                            let found = dane.look(&partner.address).await;
                            (partner, found)
                        });
                    }
                }
                while let Some(found) = looks.join_next().await {
                    let Ok((partner, finding)) = found else { continue };
                    due.insert(partner.address.clone(), Instant::now() + finding.ttl);
                    vouching.take(&partner, finding);
                }
                let next = due.values().min().copied();
                let round = Instant::now() + ROUND;
                tokio::time::sleep_until(next.map_or(round, |next| next.min(round))).await;
            }
        });
    }

    /// Returns our federation as operators see it.
    pub fn outlook(&self, federation: &Federation) -> Outlook {
        let found = self.findings();
        let partner = |partner: &Partner| {
            let finding = found.get(&partner.address);
            let servers = finding.into_iter().flat_map(|finding| &finding.servers);
            let servers = servers.map(|server| ServerOutlook {
                host: server.host.clone(),
                port: server.port,
                tlsa: server.records,
                dane: server.state.as_str(),
            });
            PartnerOutlook {
                partner: partner.name.to_string(),
                authority: partner.authority.clone(),
                address: partner.address.clone(),
                keys: partner.keys.keys().iter().map(|key| key.id().to_string()).collect(),
                dane: finding.map_or(Published::Unknown, |finding| finding.state).as_str(),
                require_dane: partner.require_dane,
                servers: servers.collect(),
            }
        };
        let rooms = federation.rooms.iter().map(|room| RoomOutlook {
            room: room.alias.to_string(),
            meeting: room.meeting.clone(),
            home: room.home.to_string(),
            join: room.join.as_str(),
            partners: room.partners.iter().map(ToString::to_string).collect(),
        });
        Outlook {
            name: federation.name.to_string(),
            authority: federation.authority.clone(),
            key: federation.seal.public_key().to_string(),
            partners: federation.partners.iter().map(partner).collect(),
            rooms: rooms.collect(),
        }
    }

    fn take(&self, partner: &Partner, finding: Finding) {
        let state = finding.state;
        let before = self.findings().insert(partner.address.clone(), finding);
        for other in Published::ALL {
            let gauge = metrics::gauge!(
                "landbridge_federation_dane",
                "partner" => partner.name.to_string(), "state" => other.as_str()
            );
            gauge.set(f64::from(u8::from(other == state)));
        }
        if before.is_some_and(|before| before.state == state) {
            return;
        }
        let (partner_name, dane) = (&partner.name, state.as_str());
        match state {
            Published::Secure => {
                tracing::info!(partner = %partner_name, dane, "DNSSEC vouches for the partner's servers")
            }
            _ if partner.require_dane => tracing::error!(
                partner = %partner_name,
                dane,
                "DNSSEC does not vouch for the partner's servers, and require_dane is set: nothing is sent to it"
            ),
            Published::Bogus => {
                tracing::error!(partner = %partner_name, dane, "the signatures of the partner's DNS records are wrong")
            }
            _ => tracing::info!(partner = %partner_name, dane, "DNSSEC does not vouch for the partner's servers"),
        }
    }

    fn findings(&self) -> MutexGuard<'_, BTreeMap<String, Finding>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
