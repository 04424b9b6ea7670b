//! TLS towards other servers. The line is always encrypted with whom we speak; who that is, is looked at
//! afterwards and told, never a reason to send nothing: the certificates of mail servers match too
//! rarely, and mail that must arrive would not (TE-14, RFC 7435).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::NetError;

/// How connections are encrypted and their certificates judged.
pub struct Outward {
    /// For the handshake.
    pub config: Arc<ClientConfig>,
    judge: Option<Arc<WebPkiServerVerifier>>,
}

impl Outward {
    /// With the authorities that this machine trusts, and `more`.
    pub fn new(more: Vec<CertificateDer<'static>>) -> Result<Self, NetError> {
        let refused = |e: &dyn std::fmt::Display| NetError::OperatorTls(e.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|e| refused(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(Arc::clone(&provider))))
            .with_no_client_auth();
        let mut roots = RootCertStore::empty();
        // A machine without a store judges every certificate as unknown, which is what is told.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(more);
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Ok(Self {
            config: Arc::new(config),
            judge: judge.build().ok(),
        })
    }

    /// What is wrong with the certificates that `name` showed; `None` when nothing is.
    pub fn judge(&self, shown: &[CertificateDer<'_>], name: &ServerName<'_>) -> Option<String> {
        let Some(judge) = &self.judge else {
            return Some("this machine knows no authority".to_owned());
        };
        let Some((own, issuers)) = shown.split_first() else {
            return Some("no certificate was shown".to_owned());
        };
        let verdict = judge.verify_server_cert(own, issuers, name, &[], UnixTime::now());
        verdict.err().map(|error| error.to_string())
    }
}

/// Takes any certificate whose key is the one that signs the handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
