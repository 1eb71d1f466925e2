// SPDX-License-Identifier: EUPL-1.2
//! Deployments that talk to each other in virtual time.
//!
//! - `cut`: what a cut, a restart and a wrong clock leave behind.
//! - `hostile`: a partner that does what it may not.
//! - `life`: from the invitation to the end.
//! - `play`: the world they live in.
//! - `storm`: seeds of bad weather.

mod cut;
mod hostile;
mod life;
pub(crate) mod play;
mod storm;
