// SPDX-License-Identifier: EUPL-1.2
//! Connections to servers: look-up, TCP, and TLS where the address asks for it. Each leg has its own words for what fails.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

/// What a protocol runs over.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why there is no connection.
#[derive(Debug)]
pub enum DialError {
    /// The address has no host or no port, or the host is no name that a certificate can have.
    Address(&'static str),
    /// The name has no address.
    Lookup(io::Error),
    /// No address takes connections.
    Connect(io::Error),
    /// TLS did not come about.
    Tls(io::Error),
}

/// Connects to the host of a URL; the schemes `ws` and `http` go without TLS, all others with it.
pub async fn dial(url: &Url, tls: &Arc<ClientConfig>) -> Result<Box<dyn Wire>, DialError> {
    let host = url.host().ok_or(DialError::Address("it names no host"))?;
    let port = url
        .port_or_known_default()
        .ok_or(DialError::Address("it names no port"))?;
    let addresses: Vec<_> = match host {
        Host::Domain(name) => tokio::net::lookup_host((name, port))
            .await
            .map_err(DialError::Lookup)?
            .collect(),
        Host::Ipv4(address) => vec![(address, port).into()],
        Host::Ipv6(address) => vec![(address, port).into()],
    };
    let tcp = TcpStream::connect(addresses.as_slice())
        .await
        .map_err(DialError::Connect)?;
    // Signalling is small messages that somebody waits for.
    let _ = tcp.set_nodelay(true);
    if matches!(url.scheme(), "ws" | "http") {
        return Ok(Box::new(tcp));
    }
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| DialError::Address("its host is no name that a certificate can have"))?,
        Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(address)),
        Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(address)),
    };
    let stream = tokio_rustls::TlsConnector::from(Arc::clone(tls))
        .connect(name, tcp)
        .await
        .map_err(DialError::Tls)?;
    Ok(Box::new(stream))
}

/// Finds what TLS itself has to say in an error, however deep.
pub fn tls_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An error of I/O keeps what it was made from apart from its source.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialError::Address(why) => f.write_str(why),
            DialError::Lookup(error) => write!(f, "the name has no address ({error})"),
            DialError::Connect(error) | DialError::Tls(error) => error.fmt(f),
        }
    }
}

impl Error for DialError {}
