// SPDX-License-Identifier: EUPL-1.2
//! Names header fields: canonical spelling, compact form, whether a name may come once only.

use crate::parse::scan::is_token_text;
use std::fmt;

macro_rules! names {
    ($($name:ident = $text:literal $(/ $compact:literal)?,)*) => {
        /// Names a header field; compact forms and any case read as the same name (RFC 3261 §7.3).
        #[derive(Debug, Clone, Eq)]
        #[non_exhaustive]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`")] $name,)*
            /// A name we do not know, kept as it was spelt.
            Other(Box<str>),
        }

        impl HeaderName {
            /// Reads a name; `None` when `text` is not a token.
            pub fn parse(text: &[u8]) -> Option<HeaderName> {
                if let [one] = text {
                    match one.to_ascii_lowercase() {
                        $($($compact => return Some(HeaderName::$name),)?)*
                        _ => {}
                    }
                }
                let initial = text.first()?.to_ascii_lowercase();
                $(
                    const { assert!(!$text.is_empty()) };
                    if $text.len() == text.len()
                        && $text.as_bytes()[0].to_ascii_lowercase() == initial
                        && $text.as_bytes().eq_ignore_ascii_case(text)
                    {
                        return Some(HeaderName::$name);
                    }
                )*
                if !is_token_text(text) {
                    return None;
                }
                std::str::from_utf8(text).ok().map(|t| HeaderName::Other(t.into()))
            }

            /// Gives the long form, as the writer spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$name => $text,)*
                    HeaderName::Other(text) => text,
                }
            }
        }
    };
}

names! {
    Accept = "Accept",
    AcceptContact = "Accept-Contact" / b'a',
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AlertInfo = "Alert-Info",
    Allow = "Allow",
    AllowEvents = "Allow-Events" / b'u',
    AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization",
    CallId = "Call-ID" / b'i',
    CallInfo = "Call-Info",
    Contact = "Contact" / b'm',
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding" / b'e',
    ContentLanguage = "Content-Language",
    ContentLength = "Content-Length" / b'l',
    ContentType = "Content-Type" / b'c',
    CSeq = "CSeq",
    Date = "Date",
    Diversion = "Diversion",
    ErrorInfo = "Error-Info",
    Event = "Event" / b'o',
    Expires = "Expires",
    From = "From" / b'f',
    HistoryInfo = "History-Info",
    Identity = "Identity" / b'y',
    InReplyTo = "In-Reply-To",
    InfoPackage = "Info-Package",
    Join = "Join",
    MaxForwards = "Max-Forwards",
    MimeVersion = "MIME-Version",
    MinExpires = "Min-Expires",
    MinSe = "Min-SE",
    Organization = "Organization",
    PAccessNetworkInfo = "P-Access-Network-Info",
    PAssertedIdentity = "P-Asserted-Identity",
    PEarlyMedia = "P-Early-Media",
    PPreferredIdentity = "P-Preferred-Identity",
    Path = "Path",
    Priority = "Priority",
    Privacy = "Privacy",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyRequire = "Proxy-Require",
    RAck = "RAck",
    RSeq = "RSeq",
    Reason = "Reason",
    RecordRoute = "Record-Route",
    RecvInfo = "Recv-Info",
    ReferTo = "Refer-To" / b'r',
    ReferredBy = "Referred-By" / b'b',
    RejectContact = "Reject-Contact" / b'j',
    Replaces = "Replaces",
    ReplyTo = "Reply-To",
    RequestDisposition = "Request-Disposition" / b'd',
    Require = "Require",
    RetryAfter = "Retry-After",
    Route = "Route",
    Server = "Server",
    ServiceRoute = "Service-Route",
    SessionExpires = "Session-Expires" / b'x',
    Subject = "Subject" / b's',
    SubscriptionState = "Subscription-State",
    Supported = "Supported" / b'k',
    Timestamp = "Timestamp",
    To = "To" / b't',
    Unsupported = "Unsupported",
    UserAgent = "User-Agent",
    UserToUser = "User-to-User",
    Via = "Via" / b'v',
    Warning = "Warning",
    WwwAuthenticate = "WWW-Authenticate",
}

/// Names we do not know are equal in any case, as all header names are.
impl PartialEq for HeaderName {
    fn eq(&self, other: &HeaderName) -> bool {
        match (self, other) {
            (HeaderName::Other(a), HeaderName::Other(b)) => a.eq_ignore_ascii_case(b),
            (HeaderName::Other(_), _) | (_, HeaderName::Other(_)) => false,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl HeaderName {
    /// Tells whether a message may hold one value of this name only (RFC 3261 §7.3.1, §20).
    pub fn is_single(&self) -> bool {
        matches!(
            self,
            HeaderName::CallId
                | HeaderName::ContentDisposition
                | HeaderName::ContentLength
                | HeaderName::ContentType
                | HeaderName::CSeq
                | HeaderName::Date
                | HeaderName::Event
                | HeaderName::Expires
                | HeaderName::From
                | HeaderName::MaxForwards
                | HeaderName::MimeVersion
                | HeaderName::MinExpires
                | HeaderName::MinSe
                | HeaderName::RAck
                | HeaderName::RSeq
                | HeaderName::ReferTo
                | HeaderName::Replaces
                | HeaderName::ReplyTo
                | HeaderName::RetryAfter
                | HeaderName::SessionExpires
                | HeaderName::SubscriptionState
                | HeaderName::Timestamp
                | HeaderName::To
        )
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
