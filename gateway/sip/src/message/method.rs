// SPDX-License-Identifier: EUPL-1.2
//! Names what a request asks for.

use crate::parse::ValueError;
use crate::parse::scan::is_token_text;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Names what a request asks for; case matters (RFC 3261 §7.1).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $name,)*
            /// A method we do not know, kept as it was spelt.
            Other(Box<str>),
        }

        impl Method {
            /// Reads a method; fails when `text` is not a token.
            pub fn parse(text: &str) -> Result<Method, ValueError> {
                match text {
                    $($text => Ok(Method::$name),)*
                    _ if is_token_text(text.as_bytes()) => Ok(Method::Other(text.into())),
                    _ => Err(ValueError { what: "method is not a token", at: 0 }),
                }
            }

            /// Gives the method as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$name => $text,)*
                    Method::Other(text) => text,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261 §13.
    Invite = "INVITE",
    /// RFC 3261 §13.2.2.4, §17.1.1.3.
    Ack = "ACK",
    /// RFC 3261 §15.
    Bye = "BYE",
    /// RFC 3261 §9.
    Cancel = "CANCEL",
    /// RFC 3261 §11.
    Options = "OPTIONS",
    /// RFC 3261 §10.
    Register = "REGISTER",
    /// RFC 6086.
    Info = "INFO",
    /// RFC 3311.
    Update = "UPDATE",
    /// RFC 3262.
    Prack = "PRACK",
    /// RFC 3515.
    Refer = "REFER",
    /// RFC 6665.
    Subscribe = "SUBSCRIBE",
    /// RFC 6665.
    Notify = "NOTIFY",
    /// RFC 3428.
    Message = "MESSAGE",
    /// RFC 3903.
    Publish = "PUBLISH",
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
