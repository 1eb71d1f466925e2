// SPDX-License-Identifier: EUPL-1.2
//! Holds SIP messages and what stands in them.
//!
//! - [`request`]: requests, responses, and the writer
//! - [`headers`]: the ordered list of header fields, octet for octet
//! - [`typed`]: reads what the known fields say
//! - [`name`]: the names of header fields
//! - [`method`], [`status`]: what is asked, how it is answered
//! - [`uri`]: `sip:`, `sips:`, `tel:` and others
//! - [`host`], [`params`], [`address`], [`via`], [`cseq`], [`value`]: the pieces of header values

pub mod address;
pub mod cseq;
pub mod headers;
pub mod host;
pub mod method;
pub mod name;
pub mod params;
pub mod request;
pub mod status;
pub mod typed;
pub mod uri;
pub mod value;
pub mod via;

pub use address::NameAddr;
pub use cseq::{CSeq, RAck};
pub use headers::{Header, HeaderRefused, Headers};
pub use host::Host;
pub use method::Method;
pub use name::HeaderName;
pub use params::Params;
pub use request::{Message, Request, Response};
pub use status::StatusCode;
pub use typed::{Contacts, HeaderError};
pub use uri::{SipUri, TelUri, Uri};
pub use value::{MediaType, Reason, Refresher, SessionExpires};
pub use via::Via;
