// SPDX-License-Identifier: EUPL-1.2
//! The strangers: programs that are not ours.

/// baresip: the phone that speaks every transport, codec and SDES.
pub mod baresip;
/// Chromium with the gateway's page, driven by Playwright.
pub mod browser;
/// linphonec: a classic softphone.
pub mod linphone;
/// Two phones that talk in the meeting while something else goes on.
pub mod pair;
/// Python peers: aiortc over WHIP, and the PJSIP stack.
pub mod python;
/// SIPp: scripted calls in numbers.
pub mod sipp;
