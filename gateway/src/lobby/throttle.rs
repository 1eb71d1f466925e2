// SPDX-License-Identifier: EUPL-1.2
//! Guards PINs against guessing without locking honest callers out.
//!
//! A wrong try counts against its source and its room for ten minutes.
//! - A source may be wrong ten times, then it must wait. Callers of a trunk that hide their number share a source,
//!   so that source may be wrong as often as a room: nobody can shut the others out cheaply.
//! - A room with sixty wrong tries is under attack; its callers are slowed, never refused for the room's sake:
//!   a clean source waits two seconds, one that erred once or twice four, and all the others share one try in ten
//!   seconds. XMPP addresses cost nothing, so those of one domain err together there.
//!
//! Unknown rooms count like known ones, so neither answer nor delay tells which exist. Memory is bounded: the
//! source and the room that were quiet longest are forgotten first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long a wrong try counts.
const WINDOW: Duration = Duration::from_secs(600);
/// Wrong tries of a source.
const PER_SOURCE: usize = 10;
/// Wrong tries of a room before it slows down, and of a source that many share.
const PER_ROOM: usize = 60;
/// What a clean source waits at a room under attack.
const CLEAN_DELAY: Duration = Duration::from_secs(2);
/// What a source that erred once or twice waits there.
const HUMAN_DELAY: Duration = Duration::from_secs(4);
/// How often a person errs.
const HUMAN_ERRORS: usize = 2;
/// One try in this time for all other sources together.
const SLOW_LANE: Duration = Duration::from_secs(10);
/// The longest anybody waits for an answer.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A try whose outcome is not told by then was given up.
const PENDING: Duration = Duration::from_secs(45);
const MAX_SOURCES: usize = 65_536;
const MAX_ROOMS: usize = 16_384;

/// Names who is counted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Source {
    key: Key,
    /// All who are as easily made as this source, together.
    crowd: Option<Key>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    V4(Ipv4Addr),
    /// The first 64 bits: what one line is given.
    V6([u16; 4]),
    Caller(String, String),
    /// Callers of a trunk without a number.
    Hidden(String),
    /// All addresses of an XMPP domain.
    Domain(String),
    /// An address that may be one telephone or a whole office behind its exchange.
    Shared(IpAddr),
}

impl Source {
    /// Names a source: the address (IPv6: its /64), or behind a trunk the calling number, for all share an address there.
    ///
    /// `from` is the caller's URI or number, as received.
    pub fn new(address: IpAddr, trunk: Option<&str>, from: &str) -> Source {
        let key = match (trunk, address.to_canonical()) {
            (Some(trunk), _) => match calling_number(from) {
                Some(number) => Key::Caller(trunk.to_owned(), number),
                None => Key::Hidden(trunk.to_owned()),
            },
            (None, IpAddr::V4(address)) => Key::V4(address),
            (None, IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Key::V6([a, b, c, d])
            }
        };
        let crowd = from.strip_prefix("xmpp:").map(|jid| Key::Domain(domain_of(jid)));
        Source { key, crowd }
    }

    /// Names a caller that nobody vouches for: it may write whatever number it likes, so its address counts, as often as
    /// that of callers who share one.
    pub fn unproven(address: IpAddr) -> Source {
        let key = match Source::new(address, None, "").key {
            Key::V6([a, b, c, d]) => Key::Shared(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()),
            _ => Key::Shared(address.to_canonical()),
        };
        Source { key, crowd: None }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.key).chain(&self.crowd)
    }

    fn may_err(&self) -> usize {
        if matches!(self.key, Key::Hidden(_) | Key::Shared(_)) {
            PER_ROOM
        } else {
            PER_SOURCE
        }
    }
}

/// Shows no address and no number.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.key {
            Key::V4(_) => "Source(IPv4)",
            Key::V6(_) => "Source(IPv6)",
            Key::Caller(..) => "Source(caller)",
            Key::Hidden(_) => "Source(hidden caller)",
            Key::Shared(_) => "Source(shared address)",
            Key::Domain(_) => "Source(domain)",
        })
    }
}

/// Says that a try is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// When to try again.
    pub retry_after: Duration,
}

/// Counts wrong tries.
#[derive(Default)]
pub struct Throttle {
    sources: Recent<Key, Tries>,
    rooms: Recent<String, Room>,
}

#[derive(Default)]
struct Tries {
    wrong: VecDeque<Instant>,
    /// Asked for, not yet told; counts as wrong, so that many tries at once gain nothing.
    pending: VecDeque<Instant>,
}

#[derive(Default)]
struct Room {
    wrong: VecDeque<Instant>,
    lane: Option<Instant>,
}

impl Throttle {
    /// Takes a try: returns how long to wait before it is made, or that it is not made.
    ///
    /// Tell [`Throttle::failed`] or [`Throttle::succeeded`] afterwards; a try given up tells nothing.
    ///
    /// # Errors
    /// [`Throttled`] if the source has been wrong too often.
    pub fn check(&mut self, now: Instant, source: &Source, meeting: &str) -> Result<Duration, Throttled> {
        let delay = self.pace(now, source, meeting, LONGEST_DELAY)?;
        for key in source.keys() {
            self.sources.get(key, MAX_SOURCES).pending.push_back(now);
        }
        Ok(delay)
    }

    /// Asks for a door where a try takes no time and nobody can be made to wait; tell only [`Throttle::failed`] afterwards.
    ///
    /// # Errors
    /// [`Throttled`] if the source has been wrong too often, or has to wait for a room under attack.
    pub fn allow(&mut self, now: Instant, source: &Source, meeting: &str) -> Result<(), Throttled> {
        self.pace(now, source, meeting, Duration::ZERO).map(|_| ())
    }

    /// Returns the delay of a try; `patience` is how long its caller can be kept in the slow lane.
    fn pace(
        &mut self,
        now: Instant,
        source: &Source,
        meeting: &str,
        patience: Duration,
    ) -> Result<Duration, Throttled> {
        let of_crowd = source.crowd.as_ref().map_or(0, |crowd| self.errors(now, crowd));
        let errors = self.errors(now, &source.key);
        let tries = self.sources.get(&source.key, MAX_SOURCES);
        if errors >= source.may_err() {
            let oldest = tries
                .wrong
                .front()
                .map(|at| WINDOW.saturating_sub(now.saturating_duration_since(*at)));
            return Err(Throttled {
                retry_after: oldest.unwrap_or(PENDING),
            });
        }
        let room = self.rooms.get(&meeting.to_owned(), MAX_ROOMS);
        forget(&mut room.wrong, now, WINDOW);
        if room.wrong.len() < PER_ROOM {
            return Ok(Duration::ZERO);
        }
        if errors.max(of_crowd) <= HUMAN_ERRORS {
            return Ok(if errors.max(of_crowd) == 0 {
                CLEAN_DELAY
            } else {
                HUMAN_DELAY
            });
        }
        let slot = room.lane.map_or(now, |last| (last + SLOW_LANE).max(now));
        let delay = slot.saturating_duration_since(now);
        if delay > patience {
            return Err(Throttled { retry_after: delay });
        }
        room.lane = Some(slot);
        Ok(delay.max(HUMAN_DELAY))
    }

    /// Counts a try that was wrong.
    pub fn failed(&mut self, now: Instant, source: &Source, meeting: &str) {
        for key in source.keys() {
            let tries = self.sources.get(key, MAX_SOURCES);
            tries.pending.pop_front();
            count(&mut tries.wrong, now);
        }
        count(&mut self.rooms.get(&meeting.to_owned(), MAX_ROOMS).wrong, now);
    }

    /// Takes back a try that was right.
    pub fn succeeded(&mut self, _now: Instant, source: &Source) {
        for key in source.keys() {
            self.sources.get(key, MAX_SOURCES).pending.pop_front();
        }
    }

    /// Counts the wrong tries of a source, with those whose outcome is not told yet.
    fn errors(&mut self, now: Instant, key: &Key) -> usize {
        let tries = self.sources.get(key, MAX_SOURCES);
        forget(&mut tries.wrong, now, WINDOW);
        forget(&mut tries.pending, now, PENDING);
        tries.wrong.len() + tries.pending.len()
    }
}

/// Shows how much it knows, not whom.
impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Throttle({} sources, {} rooms)",
            self.sources.map.len(),
            self.rooms.map.len()
        )
    }
}

fn forget(times: &mut VecDeque<Instant>, now: Instant, after: Duration) {
    while times
        .front()
        .is_some_and(|at| now.saturating_duration_since(*at) >= after)
    {
        times.pop_front();
    }
}

fn count(times: &mut VecDeque<Instant>, now: Instant) {
    if times.len() >= PER_ROOM {
        times.pop_front();
    }
    times.push_back(now);
}

/// Returns the domain of an XMPP address.
fn domain_of(jid: &str) -> String {
    let bare = jid.split(['/', '?']).next().unwrap_or_default();
    let domain = bare.rsplit_once('@').map_or(bare, |(_, domain)| domain);
    domain.chars().take(256).collect::<String>().to_lowercase()
}

/// Returns the user part of a caller's URI unless it says that it is hidden (RFC 3323 §4.1.1.3).
fn calling_number(from: &str) -> Option<String> {
    if let Some(jid) = from.strip_prefix("xmpp:") {
        // The servers on the way vouch for the whole address, and its host tells apart who is called alike.
        let jid = jid.split(['/', '?']).next().unwrap_or_default();
        return Some(jid.chars().take(256).collect::<String>().to_lowercase());
    }
    let uri = from.rsplit_once('<').map_or(from, |(_, rest)| rest);
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
    let user: String = user
        .split(';')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(64)
        .collect();
    let user = user.to_ascii_lowercase();
    let hidden = matches!(
        user.as_str(),
        "" | "anonymous" | "unavailable" | "restricted" | "unknown" | "private"
    );
    (!hidden && !host.ends_with("anonymous.invalid")).then_some(user)
}

/// A map that forgets what was not asked for longest.
struct Recent<K, V> {
    map: HashMap<K, (V, u64)>,
    order: BTreeMap<u64, K>,
    turn: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent {
            map: HashMap::new(),
            order: BTreeMap::new(),
            turn: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Recent<K, V> {
    fn get(&mut self, key: &K, capacity: usize) -> &mut V {
        self.turn += 1;
        let turn = self.turn;
        if !self.map.contains_key(key)
            && self.map.len() >= capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.map.remove(&oldest);
        }
        let entry = self.map.entry(key.clone()).or_insert_with(|| (V::default(), 0));
        self.order.remove(&entry.1);
        self.order.insert(turn, key.clone());
        entry.1 = turn;
        &mut entry.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ROOM: &str = "1234567890";

    fn source(n: u32) -> Source {
        Source::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n)), None, "")
    }

    fn wrong(throttle: &mut Throttle, now: Instant, source: &Source, room: &str) -> bool {
        let taken = throttle.check(now, source, room).is_ok();
        if taken {
            throttle.failed(now, source, room);
        }
        taken
    }

    #[test]
    fn a_source_errs_ten_times_in_ten_minutes_and_no_more() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let made = (0..50)
            .filter(|i| wrong(&mut throttle, start + Duration::from_secs(*i), &source(1), "1"))
            .count();
        assert_eq!(made, 10);
        let refused = throttle
            .check(start + Duration::from_secs(60), &source(1), "2")
            .unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(540));
        assert!(
            throttle
                .check(start + Duration::from_secs(601), &source(1), "1")
                .is_ok()
        );
    }

    #[test]
    fn many_tries_at_once_gain_nothing() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(
            (0..50)
                .filter(|_| throttle.check(now, &source(1), ROOM).is_ok())
                .count(),
            10
        );
        assert!(
            throttle.check(now + PENDING, &source(1), ROOM).is_ok(),
            "tries given up are forgotten"
        );
    }

    #[test]
    fn an_office_behind_one_address_joins_by_the_page_all_at_once() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        assert!((0..500).all(|_| throttle.allow(now, &source(1), ROOM).is_ok()));
        (0..10).for_each(|_| throttle.failed(now, &source(2), ROOM));
        assert!(throttle.allow(now, &source(2), ROOM).is_err());
    }

    #[test]
    fn the_page_has_no_way_around_the_slow_lane() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for attacker in (0..100).map(source) {
            (0..3).for_each(|_| throttle.failed(now, &attacker, ROOM));
        }
        let allowed = (0..100)
            .filter(|i| throttle.allow(now, &source(*i), ROOM).is_ok())
            .count();
        assert_eq!(allowed, 1);
        assert!(
            throttle.allow(now, &source(7_777), ROOM).is_ok(),
            "a clean source is not refused"
        );
    }

    #[test]
    fn right_answers_cost_nothing() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(throttle.check(now, &source(1), ROOM), Ok(Duration::ZERO));
            throttle.succeeded(now, &source(1));
        }
    }

    #[test]
    fn a_clean_caller_gets_in_within_five_seconds_while_a_room_is_under_attack() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let mut guesses = 0;
        for second in 0..600_u64 {
            let now = start + Duration::from_secs(second);
            // A thousand attackers, a hundred guesses a second.
            for i in 0..100 {
                let attacker = source(u32::try_from((second * 100 + i) % 1_000).unwrap());
                guesses += usize::from(wrong(&mut throttle, now, &attacker, ROOM));
            }
            let caller = source(1_000_000 + u32::try_from(second).unwrap());
            let delay = throttle.check(now, &caller, ROOM).unwrap();
            assert!(delay <= Duration::from_secs(5), "{delay:?}");
            throttle.succeeded(now + delay, &caller);
        }
        // Three guesses a source, and the slow lane; a PIN has ten digits.
        assert!(guesses <= 60 + 3 * 1_000 + 60, "{guesses}");
    }

    #[test]
    fn a_few_attackers_get_sixty_guesses_and_the_slow_lane() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let made = (0..6_000_u64)
            .filter(|i| {
                wrong(
                    &mut throttle,
                    start + Duration::from_millis(i * 100),
                    &source(u32::try_from(i % 12).unwrap()),
                    ROOM,
                )
            })
            .count();
        assert!((60..=120).contains(&made), "{made}");
    }

    #[test]
    fn a_caller_who_mistyped_once_still_gets_in_under_attack() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        (0..100).for_each(|i| assert!(wrong(&mut throttle, now, &source(i), ROOM)));
        assert!(wrong(&mut throttle, now, &source(7_777), ROOM));
        assert_eq!(throttle.check(now, &source(7_777), ROOM), Ok(HUMAN_DELAY));
    }

    #[test]
    fn other_rooms_are_not_slowed() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        (0..100).for_each(|i| assert!(wrong(&mut throttle, now, &source(i), ROOM)));
        assert_eq!(throttle.check(now, &source(7_777), "other"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_caller_that_nobody_vouches_for_gains_nothing_by_another_address_of_its_line() {
        let unproven = |address: &str| Source::unproven(address.parse().unwrap());
        assert_eq!(unproven("2001:db8:1:2::3"), unproven("2001:db8:1:2:ffff::1"));
        assert_ne!(unproven("2001:db8:1:2::3"), unproven("2001:db8:1:3::3"));
        assert_eq!(unproven("::ffff:192.0.2.1"), unproven("192.0.2.1"));
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let made = (0..200).filter(|i| wrong(&mut throttle, now, &unproven("192.0.2.1"), &i.to_string()));
        assert_eq!(made.count(), PER_ROOM);
    }

    #[test]
    fn phones_behind_a_trunk_are_told_apart_by_number() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let caller = |from| Source::new(address, Some("office"), from);
        assert_ne!(caller("sip:+49361123@gw"), caller("sip:+49361124@gw"));
        assert_eq!(caller("\"A\" <sip:+49361123@gw>;tag=1"), caller("sip:+49361123@gw2"));
        for hidden in [
            "sip:anonymous@anonymous.invalid",
            "sip:x@anonymous.invalid",
            "",
            "sip:gw",
        ] {
            let expected = if hidden == "sip:gw" {
                "Source(caller)"
            } else {
                "Source(hidden caller)"
            };
            assert_eq!(format!("{:?}", caller(hidden)), expected, "{hidden}");
        }
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let hidden = caller("sip:anonymous@anonymous.invalid");
        assert_eq!(
            (0..100)
                .filter(|i| wrong(&mut throttle, now, &hidden, &i.to_string()))
                .count(),
            60
        );
        assert!(throttle.check(now, &caller("sip:+49361123@gw"), "5").is_ok());
    }

    #[test]
    fn an_ipv6_line_is_one_source() {
        let v6 = |text: &str| Source::new(text.parse().unwrap(), None, "sip:x@y");
        assert_eq!(v6("2001:db8:1:2::1"), v6("2001:db8:1:2:ffff::9"));
        assert_ne!(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), v6("192.0.2.1"));
    }

    #[test]
    fn a_domain_full_of_addresses_gains_nothing_at_a_room_under_attack() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let jid = |user: usize, domain: &str| {
            let from = format!("xmpp:u{user}@{domain}");
            Source::new(Ipv4Addr::UNSPECIFIED.into(), Some("xmpp"), &from)
        };
        let mut last = start;
        let mut made = 0;
        for user in 0..1000 {
            let source = jid(user, "evil.example");
            if let Ok(delay) = throttle.check(start, &source, "1234567890") {
                made += 1;
                last = last.max(start + delay);
                throttle.failed(start, &source, "1234567890");
            }
        }
        let lane = last.saturating_duration_since(start).as_secs() / 10;
        assert!(made <= PER_ROOM + 1 + usize::try_from(lane).unwrap(), "{made} tries");
        let honest = throttle.check(start, &jid(1, "a.example"), "1234567890");
        assert_eq!(honest, Ok(CLEAN_DELAY));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for i in 0..100_000 {
            wrong(&mut throttle, now, &source(i), &i.to_string());
        }
        assert_eq!(format!("{throttle:?}"), "Throttle(65536 sources, 16384 rooms)");
        assert_eq!(
            (throttle.sources.order.len(), throttle.rooms.order.len()),
            (MAX_SOURCES, MAX_ROOMS)
        );
    }
}
