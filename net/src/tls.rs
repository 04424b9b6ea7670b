//! TLS for users: 1.2 at least, and only suites with forward secrecy and authenticated encryption
//! (SE-09): rustls knows no others.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::NetError;

/// The configuration that presents `chain` (own certificate first) with `key`.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, NetError> {
    let refused = |e: rustls::Error| NetError::OperatorTls(e.to_string());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(refused)?;
    Ok(Arc::new(config))
}

/// [`server_config`] from the text of PEM files.
pub fn server_config_from_pem(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, NetError> {
    let told = |what: &str, e: rustls_pki_types::pem::Error| {
        NetError::OperatorTls(format!("the {what} is not PEM as expected: {e}"))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|e| told("certificate chain", e))?;
    if chain.is_empty() {
        return Err(NetError::OperatorTls(
            "the file of the certificate holds none".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| told("private key", e))?;
    server_config(chain, key)
}

#[cfg(test)]
mod tests {
    #[test]
    fn se_09_only_suites_with_forward_secrecy_and_authenticated_encryption() {
        let config = crate::testing::tls().server;
        let suites = &config.crypto_provider().cipher_suites;
        assert!(!suites.is_empty());
        for suite in suites {
            let name = format!("{:?}", suite.suite());
            let is_fresh = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
            assert!(is_fresh, "{name}");
            assert!(name.contains("GCM") || name.contains("CHACHA20"), "{name}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        let told = |chain: &[u8], key: &[u8]| {
            let refused = crate::tls::server_config_from_pem(chain, key);
            refused.err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(told(b"", b"").contains("holds none"));
        let certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(told(certificate, b"x").contains("private key"));
    }
}
