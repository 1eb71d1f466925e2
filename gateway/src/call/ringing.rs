// SPDX-License-Identifier: EUPL-1.2
//! How many calls out of meetings ring: neither a meeting nor anybody who is called is made a nuisance of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Calls out of one room that may ring at once.
pub(super) const OF_ROOM: usize = 5;
/// Calls out of one room within [`A_WHILE`].
const OF_ROOM_IN_A_WHILE: usize = 20;
/// Calls to one address within [`A_WHILE`], out of whichever room; at once it is one.
pub(super) const TO_ADDRESS_IN_A_WHILE: usize = 3;
const A_WHILE: Duration = Duration::from_secs(5 * 60);

/// The calls that ring, and those of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Ringing(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    rooms: HashMap<String, Account>,
    addresses: HashMap<String, Account>,
}

/// The calls out of one room, or to one address.
#[derive(Debug, Default)]
struct Account {
    ringing: usize,
    begun: Vec<Instant>,
}

/// One call that rings; gives its place back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    ringing: Ringing,
    room: String,
    address: String,
}

impl Ringing {
    /// Takes a place for one more call, if there is one.
    pub(super) fn place(&self, now: Instant, room: &str, address: &str) -> Option<Place> {
        let mut ledger = self.ledger();
        let Ledger { rooms, addresses } = &mut *ledger;
        for accounts in [&mut *rooms, &mut *addresses] {
            accounts.retain(|_, account| account.is_live(now));
        }
        let may = |accounts: &HashMap<String, Account>, name: &str, at_once, in_a_while| {
            let fits = |account: &Account| account.ringing < at_once && account.begun.len() < in_a_while;
            accounts.get(name).is_none_or(fits)
        };
        if !may(rooms, room, OF_ROOM, OF_ROOM_IN_A_WHILE) || !may(addresses, address, 1, TO_ADDRESS_IN_A_WHILE) {
            return None;
        }
        for (accounts, name) in [(rooms, room), (addresses, address)] {
            let account = accounts.entry(name.to_owned()).or_default();
            account.ringing += 1;
            account.begun.push(now);
        }
        drop(ledger);
        Some(Place {
            ringing: self.clone(),
            room: room.to_owned(),
            address: address.to_owned(),
        })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Forgets what was long ago; tells whether anything is left.
    fn is_live(&mut self, now: Instant) -> bool {
        self.begun.retain(|at| now.saturating_duration_since(*at) < A_WHILE);
        self.ringing > 0 || !self.begun.is_empty()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut ledger = self.ringing.ledger();
        let Ledger { rooms, addresses } = &mut *ledger;
        let accounts = [rooms.get_mut(&self.room), addresses.get_mut(&self.address)];
        for account in accounts.into_iter().flatten() {
            account.ringing = account.ringing.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_address_rings_once_at_a_time_and_three_times_in_a_while() {
        let (ringing, now) = (Ringing::default(), Instant::now());
        for room in ["1", "2", "3"] {
            let place = ringing.place(now, room, "bob").unwrap();
            assert!(ringing.place(now, "4", "bob").is_none(), "it rings already");
            drop(place);
        }
        assert!(ringing.place(now, "4", "bob").is_none(), "three times are enough");
        assert!(ringing.place(now, "4", "carol").is_some());
        assert!(ringing.place(now + A_WHILE, "4", "bob").is_some());
    }

    #[test]
    fn a_room_has_five_calls_ringing_and_twenty_in_a_while() {
        let (ringing, now) = (Ringing::default(), Instant::now());
        let call = |n: usize| ringing.place(now, "1", &format!("person-{n}"));
        let places: Vec<_> = (0..OF_ROOM).map_while(call).collect();
        assert_eq!(places.len(), OF_ROOM);
        assert!(call(99).is_none());
        drop(places);
        let later = (OF_ROOM..99).map_while(|n| call(n).map(drop)).count();
        assert_eq!(later, OF_ROOM_IN_A_WHILE - OF_ROOM);
        drop(ringing.place(now + A_WHILE, "2", "x"));
        assert_eq!(ringing.ledger().rooms.len(), 1, "what was long ago is forgotten");
    }
}
