//! Files from the web, for the appliance itself: only from hosts that were configured, never through a
//! proxy or a redirection, bounded in time and size (SE-15). HTTPS checks the server's certificate
//! against the given authorities alone, and may show a certificate of ours.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use crate::report::Failure;

/// Until the connection is there.
const CONNECT_WAIT: Duration = Duration::from_secs(20);
/// The whole of a fetch: 64 MB at 2 Mbit/s.
const WHOLE_WAIT: Duration = Duration::from_secs(300);

/// Why a file was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The operator, or whoever wrote the URL.
    #[error("`{0}` is no URL of HTTP or HTTPS")]
    Url(String),
    /// SE-15.
    #[error("the host `{0}` is not configured; nothing is fetched from it")]
    Host(String),
    /// The server.
    #[error("{url}: the server answers {status}")]
    Status {
        /// Which file.
        url: String,
        /// Of HTTP.
        status: u16,
    },
    /// The server.
    #[error("{0}: it is longer than the {1} octets that are taken")]
    TooLarge(String, usize),
    /// The way there, or its TLS.
    #[error("{url}: {reason}")]
    Way {
        /// Which file.
        url: String,
        /// What happened.
        reason: String,
    },
}

/// What a fetcher trusts and shows.
#[derive(Default)]
pub struct Access {
    /// DER of the authorities for HTTPS servers.
    pub authorities: Vec<Vec<u8>>,
    /// PEM of our certificate with its chain, and of its key.
    pub client: Option<(Vec<u8>, zeroize::Zeroizing<Vec<u8>>)>,
}

/// Fetches from some hosts.
#[derive(Clone)]
pub struct Fetcher {
    agent: Agent,
    hosts: Vec<String>,
}

impl Fetcher {
    /// From nowhere yet.
    pub fn new(access: &Access) -> Result<Self, Failure> {
        let roots = access.authorities.iter();
        let roots: Vec<Certificate<'static>> = roots
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let client = access
            .client
            .as_ref()
            .map(|(chain, key)| client(chain, key));
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .root_certs(RootCerts::from(roots))
            .client_cert(client.transpose()?)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_global(Some(WHOLE_WAIT))
            // Each fetch is rare: no connection waits for the next one.
            .max_idle_connections(0)
            .user_agent(concat!("Ceralacca/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            hosts: Vec::new(),
        })
    }

    /// Also from the host and port of `url`.
    pub fn allow(&mut self, url: &str) -> Result<(), FetchError> {
        let host = host_of(url)?;
        if !self.hosts.contains(&host) {
            self.hosts.push(host);
        }
        Ok(())
    }

    /// Fetches a file of at most `most` octets.
    pub fn fetch(&self, url: &str, most: usize) -> Result<Vec<u8>, FetchError> {
        let host = host_of(url)?;
        if !self.hosts.contains(&host) {
            return Err(FetchError::Host(host));
        }
        let way = |error: &Error| FetchError::Way {
            url: url.to_owned(),
            reason: error.to_string(),
        };
        let mut answer = self.agent.get(url).call().map_err(|error| way(&error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status {
                url: url.to_owned(),
                status,
            });
        }
        // One octet more than is taken shows that there are more.
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
        match body {
            Ok(octets) if octets.len() <= most => Ok(octets),
            Ok(_) | Err(Error::BodyExceedsLimit(_)) => {
                Err(FetchError::TooLarge(url.to_owned(), most))
            }
            Err(error) => Err(way(&error)),
        }
    }
}

fn client(chain: &[u8], key: &[u8]) -> Result<ClientCert, Failure> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let told = |error: &dyn std::fmt::Display| {
        Failure::Refused(format!(
            "the certificate of the client is not usable: {error}"
        ))
    };
    let chain: Vec<Certificate<'static>> = CertificateDer::pem_slice_iter(chain)
        .map(|found| found.map(|der| Certificate::from_der(&der).to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| told(&error))?;
    let key = PrivateKey::from_pem(key).map_err(|error| told(&error))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

/// Scheme, host and port in lower case.
fn host_of(url: &str) -> Result<String, FetchError> {
    let wrong = || FetchError::Url(url.to_owned());
    let parsed: ureq::http::Uri = url.parse().map_err(|_| wrong())?;
    let scheme = parsed
        .scheme_str()
        .filter(|s| matches!(*s, "http" | "https"));
    let (Some(scheme), Some(authority)) = (scheme, parsed.authority()) else {
        return Err(wrong());
    };
    // A user's name in front of the host deceives people.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(wrong());
    }
    let port = authority.port_u16();
    let port = port.unwrap_or(if scheme == "https" { 443 } else { 80 });
    let host = authority.host().to_ascii_lowercase();
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server of one answer; its URL.
    fn once(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            let _ = peer.read(&mut asked);
            let _ = peer.write_all(answer);
        });
        format!("http://{address}/file")
    }

    fn fetch(url: &str, most: usize) -> Result<Vec<u8>, FetchError> {
        let mut fetcher = Fetcher::new(&Access::default()).unwrap();
        fetcher.allow(url).unwrap();
        fetcher.fetch(url, most)
    }

    #[test]
    fn se_15_only_configured_hosts_are_asked() {
        let fetcher = Fetcher::new(&Access::default()).unwrap();
        let mut allowed = fetcher.clone();
        allowed.allow("https://Index.Example/all").unwrap();
        for url in [
            "https://other.example/all",
            "http://index.example/all",
            "https://index.example:444/all",
        ] {
            assert!(
                matches!(allowed.fetch(url, 1), Err(FetchError::Host(_))),
                "{url}"
            );
        }
        for url in [
            "file:///etc/passwd",
            "index.example",
            "https://a@index.example/",
            "",
        ] {
            assert!(
                matches!(allowed.fetch(url, 1), Err(FetchError::Url(_))),
                "{url}"
            );
        }
        assert_eq!(
            host_of("https://INDEX.example/x").unwrap(),
            "https://index.example:443"
        );
    }

    #[test]
    fn se_15_the_size_is_bounded_with_and_without_a_stated_length() {
        let sized = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde";
        let open = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde";
        for answer in [&sized[..], &open[..]] {
            assert_eq!(fetch(&once(answer), 5).unwrap(), b"abcde");
            let refused = fetch(&once(answer), 4);
            assert!(
                matches!(refused, Err(FetchError::TooLarge(_, 4))),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn se_15_a_redirection_is_not_followed() {
        let moved = b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\n\
            Content-Length: 0\r\nConnection: close\r\n\r\n";
        let refused = fetch(&once(moved), 100);
        assert!(
            matches!(refused, Err(FetchError::Status { status: 302, .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn what_does_not_answer_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(fetch(&url, 1), Err(FetchError::Way { .. })));
    }
}
