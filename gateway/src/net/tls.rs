// SPDX-License-Identifier: EUPL-1.2
//! TLS for SIP: TLS 1.2 with AEAD suites and TLS 1.3, names by RFC 5922.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};

/// Where the keys of TLS lie.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM files with our certificate and its chain, and with our private key; a program that only calls needs none.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// PEM file with the authorities whose client certificates name a trunk; without it no client is asked for one.
    pub client_ca: Option<PathBuf>,
    /// PEM file with the authorities that servers we call must be signed by; without it the system's are used.
    pub server_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// Trusts the authorities of a file and shows no certificate.
    pub fn trusting(server_ca: &Path) -> TlsFiles {
        TlsFiles {
            identity: None,
            client_ca: None,
            server_ca: Some(server_ca.to_owned()),
        }
    }
}

/// Says why TLS could not be set up: which file, what is wrong, and what to do.
#[derive(Debug)]
pub struct TlsError {
    file: PathBuf,
    what: String,
    remedy: &'static str,
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.remedy)
    }
}

impl std::error::Error for TlsError {}

/// Makes aws-lc-rs the process's crypto provider; call it first in `main`.
pub fn install_crypto_provider() {
    // A second call finds the same provider in place, which is what we want.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Returns the provider with the suites of BSI TR-02102-2: TLS 1.3 and ECDHE with AEAD.
fn provider() -> Arc<CryptoProvider> {
    // rustls offers no CBC and no static RSA suites: its default list is AEAD only.
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Builds the listener's configuration from its files.
pub fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let nowhere = (PathBuf::from("[sip.tls]"), PathBuf::from("[sip.tls]"));
    let (certificate, key_file) = files.identity.as_ref().unwrap_or(&nowhere);
    let (chain, key) = identity(certificate, key_file)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(certificate, e, "report this as a defect"))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(ca)?);
            // A client without a certificate may still connect: it is then known by its address only.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .allow_unauthenticated()
                .build()
                .map_err(|e| fault(ca, e, "give a PEM file with at least one CA certificate"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder
        .with_single_cert(chain, key)
        .map_err(|e| fault(key_file, e, "the key must belong to the first certificate of the chain"))
}

/// Builds the configuration for connections we open; shows our certificate when asked.
pub fn client_config(files: Option<&TlsFiles>) -> Result<ClientConfig, TlsError> {
    let nowhere = PathBuf::from("[sip.tls]");
    let roots = match files.and_then(|f| f.server_ca.as_deref()) {
        Some(ca) => roots(ca)?,
        None => system_roots(),
    };
    let provider = provider();
    let verifier = Arc::new(SipNames {
        roots,
        algorithms: provider.signature_verification_algorithms,
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(&nowhere, e, "report this as a defect"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match files.and_then(|files| files.identity.as_ref()) {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key_file)) => {
            let (chain, key) = identity(certificate, key_file)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| fault(key_file, e, "the key must belong to the first certificate of the chain"))
        }
    }
}

/// Builds the configuration for HTTPS and secure WebSockets, with the names of RFC 9525; `ca` takes the place of the
/// system's authorities.
pub fn https_config(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let nowhere = PathBuf::from("ca");
    let roots = match ca {
        Some(ca) => roots(ca)?,
        None => system_roots(),
    };
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(&nowhere, e, "report this as a defect"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Lists the SIP domains that a verified certificate speaks for.
///
/// RFC 5922 §7.1: "sip" URIs of the subjectAltName; DNS names only if there is no such URI.
pub fn sip_identities(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let uris: Vec<String> = certificate
        .valid_uri_names()
        // RFC 5922 §7.1: a URI with a user part is no domain identity.
        .filter_map(|uri| {
            uri.get(..4)
                .filter(|s| s.eq_ignore_ascii_case("sip:"))
                .map(|_| &uri[4..])
        })
        .filter(|host| !host.is_empty() && !host.contains(['@', ';', '?', ',']))
        .map(str::to_ascii_lowercase)
        .collect();
    if !uris.is_empty() {
        return uris;
    }
    certificate.valid_dns_names().map(str::to_ascii_lowercase).collect()
}

/// Verifies a server's chain, then its names as RFC 5922 §7.2 asks: exact match, no wildcard.
#[derive(Debug)]
struct SipNames {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for SipNames {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        match server_name {
            ServerName::DnsName(wanted) => {
                let wanted = wanted.as_ref();
                // RFC 5922 §7.2: "Implementations MUST NOT match wildcards".
                if sip_identities(end_entity)
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(wanted))
                {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName))
                }
            }
            // An address has no SIP domain; the certificate's iPAddress entries are the only sensible check.
            other => {
                rustls::client::verify_server_name(&parsed, other)?;
                Ok(ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| {
            fault(
                certificate,
                e,
                "give a readable PEM file with the certificate first, then its chain",
            )
        })?;
    if chain.is_empty() {
        return Err(fault(
            certificate,
            "no certificate in this file",
            "give a PEM file that holds one",
        ));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| {
        fault(
            key,
            e,
            "give a readable PEM file with an unencrypted PKCS#8, SEC1 or RSA key",
        )
    })?;
    Ok((chain, key_der))
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| fault(file, e, "give a readable PEM file with CA certificates"))?;
    let (added, _) = store.add_parsable_certificates(certificates);
    match added {
        0 => Err(fault(
            file,
            "no usable CA certificate in this file",
            "give a PEM file that holds one",
        )),
        _ => Ok(store),
    }
}

fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

fn fault(file: &Path, what: impl std::fmt::Display, remedy: &'static str) -> TlsError {
    TlsError {
        file: file.to_owned(),
        what: what.to_string(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn certificate(names: Vec<rcgen::SanType>) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = names;
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_sip_uri_in_the_certificate_beats_its_dns_names() {
        let both = certificate(vec![
            rcgen::SanType::URI("sip:a.example".try_into().unwrap()),
            rcgen::SanType::DnsName("www.a.example".try_into().unwrap()),
        ]);
        assert_eq!(sip_identities(&both), ["a.example"]);
    }

    #[test]
    fn dns_names_count_when_there_is_no_sip_uri() {
        let dns = certificate(vec![rcgen::SanType::DnsName("A.example".try_into().unwrap())]);
        assert_eq!(sip_identities(&dns), ["a.example"]);
    }

    #[test]
    fn a_uri_with_a_user_part_is_no_domain_identity() {
        let user = certificate(vec![rcgen::SanType::URI("sip:alice@a.example".try_into().unwrap())]);
        assert_eq!(sip_identities(&user), Vec::<String>::new());
    }

    #[test]
    fn a_missing_key_file_is_named_with_its_remedy() {
        let files = TlsFiles {
            identity: Some(("/nonexistent/cert.pem".into(), "/nonexistent/key.pem".into())),
            client_ca: None,
            server_ca: None,
        };
        let text = server_config(&files).unwrap_err().to_string();
        assert!(text.contains("/nonexistent/cert.pem") && text.contains("PEM"), "{text}");
    }
}
