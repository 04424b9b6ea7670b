//! The file with which Thunderbird and others of its family set themselves up: client configuration 1.1.

use axum::response::Response;
use ceralacca_core::address::Domain;
use ceralacca_core::wording::pages;

use super::{Site, fill, told};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="{domain}">
    <domain>{domain}</domain>
    <displayName>{provider}</displayName>
    <displayShortName>{provider}</displayShortName>
"#;

const SERVER: &str = r#"    <{element} type="{type}">
      <hostname>{host}</hostname>
      <port>{port}</port>
      <socketType>{socket}</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </{element}>
"#;

const TAIL: &str = r#"    <documentation url="{url}">
      <descr lang="it">{words}</descr>
    </documentation>
  </emailProvider>
</clientConfig>
"#;

/// The settings of mailboxes of `domain`, the preferred first.
pub fn answer(site: &Site, domain: &Domain) -> Response {
    let reach = &site.reach;
    let mut text = fill(
        HEAD,
        &[("domain", domain.as_str()), ("provider", &site.provider)],
    );
    for (element, kind, port, socket) in [
        ("incomingServer", "imap", reach.imaps, "SSL"),
        ("incomingServer", "pop3", reach.pop3s, "SSL"),
        ("outgoingServer", "smtp", reach.submission_tls, "SSL"),
        ("outgoingServer", "smtp", reach.submission, "STARTTLS"),
    ] {
        let Some(port) = port else { continue };
        text.push_str(&fill(
            SERVER,
            &[
                ("element", element),
                ("type", kind),
                ("host", &reach.host),
                ("port", &port.to_string()),
                ("socket", socket),
            ],
        ));
    }
    let url = reach.url("/aiuto");
    text.push_str(&fill(TAIL, &[("url", &url), ("words", pages::HELP_LINK)]));
    told("application/xml; charset=utf-8", text)
}
