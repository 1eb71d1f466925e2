// SPDX-License-Identifier: EUPL-1.2
//! What every call needs: the configuration of the moment, rooms, media, prompts, the throttle.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use landbridge_dialplan::{Call, Decision, Dialplan};
use tokio::sync::watch;

use super::abroad::Ways;
use super::federation::Federation;
use super::ringing::Ringing;
use super::vouching::Vouching;
use super::{Invitation, clock};
use crate::config::Config;
use crate::legs::Leg;
use crate::lobby::{PromptLibrary, Throttle};
use crate::media::Plane;
use crate::room::{Meetings, Rooms};

/// The shared services of one running gateway.
pub struct House {
    config: ArcSwap<Config>,
    dialplan: ArcSwap<Dialplan>,
    /// The media plane.
    pub plane: Plane,
    /// The live rooms.
    pub rooms: Rooms,
    /// The configured meetings.
    pub meetings: Meetings,
    /// The ways to rooms elsewhere.
    pub ways: Ways,
    /// The spoken prompts.
    pub prompts: PromptLibrary,
    throttle: Mutex<Throttle>,
    legs: OnceLock<Vec<Box<dyn Leg>>>,
    federation: OnceLock<Arc<dyn Federation>>,
    /// What partners publish for their servers.
    pub vouching: Arc<Vouching>,
    draining: AtomicBool,
    /// The calls out of meetings that ring.
    pub(super) ringing: Ringing,
    calls: AtomicUsize,
    stopping: watch::Sender<bool>,
}

/// Counts a call while it lives.
pub struct Counted {
    house: Arc<House>,
}

impl House {
    /// Puts the services together.
    pub fn new(config: Config, ways: Ways, rooms: Rooms, meetings: Meetings, prompts: PromptLibrary) -> Arc<House> {
        Arc::new(House {
            dialplan: ArcSwap::from_pointee(config.dialplan.clone()),
            config: ArcSwap::from_pointee(config),
            plane: ways.plane.clone(),
            rooms,
            meetings,
            ways,
            prompts,
            throttle: Mutex::new(Throttle::default()),
            legs: OnceLock::new(),
            federation: OnceLock::new(),
            vouching: Arc::default(),
            draining: AtomicBool::new(false),
            ringing: Ringing::default(),
            calls: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
        })
    }

    /// Returns the configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Takes a re-read configuration: its dial plan, trunks, meetings and lobby; listeners stay as they are.
    pub fn reload(&self, config: Config) {
        self.dialplan.store(Arc::new(config.dialplan.clone()));
        self.meetings.replace(config.meetings.iter().map(Into::into).collect());
        self.config.store(Arc::new(config));
    }

    /// Decides where an invitation goes.
    pub fn route(&self, invitation: &Invitation) -> Decision {
        self.dialplan.load().route(&Call {
            trunk: invitation.trunk.as_deref(),
            from: &invitation.from,
            to: &invitation.to,
            at: clock::now(),
        })
    }

    /// Registers the protocols that can place calls.
    pub fn set_legs(&self, legs: Vec<Box<dyn Leg>>) {
        // Set once, at start.
        let _ = self.legs.set(legs);
    }

    /// Lists the protocols that can place calls.
    pub fn legs(&self) -> &[Box<dyn Leg>] {
        self.legs.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Registers what shares rooms with partners.
    pub fn set_federation(&self, federation: Arc<dyn Federation>) {
        // Set once, at start.
        let _ = self.federation.set(federation);
    }

    /// Returns what shares rooms with partners, if anything does.
    pub fn federation(&self) -> Option<&dyn Federation> {
        self.federation.get().map(Arc::as_ref)
    }

    /// Asks the throttle; see [`Throttle`].
    pub fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether new calls are refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Refuses new calls from now on, or takes them again.
    pub fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
        self.rooms.set_draining(draining);
    }

    /// Ends every call that is still up, at the end of a drain.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns what turns true when calls must end.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Counts a call until the returned value is dropped.
    pub fn count(self: &Arc<Self>) -> Counted {
        self.calls.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("landbridge_calls").increment(1.0);
        Counted {
            house: Arc::clone(self),
        }
    }

    /// Returns how many phone calls are up.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.house.calls.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("landbridge_calls").decrement(1.0);
    }
}

/// Names who the throttle counts: behind a trunk all callers share an address, so the calling number counts there.
pub fn source_key(source: IpAddr, trunk: Option<&str>, from: &str) -> crate::lobby::Source {
    crate::lobby::Source::new(source, trunk, from)
}

/// Returns the instant that the cores are told.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
