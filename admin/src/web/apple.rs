//! A configuration profile for Apple's Mail: IMAP and submission over TLS, for one address. It holds no
//! password, which the device asks for, and is not signed. The same address gives the same profile, so
//! that installing it again replaces the old one.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use ceralacca_core::address::Address;
use ceralacca_core::wording::pages;

use super::{Site, fill, form};

const PROFILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>EmailAccountDescription</key><string>{address}</string>
      <key>EmailAccountType</key><string>EmailTypeIMAP</string>
      <key>EmailAddress</key><string>{address}</string>
      <key>IncomingMailServerAuthentication</key><string>EmailAuthPassword</string>
      <key>IncomingMailServerHostName</key><string>{host}</string>
      <key>IncomingMailServerPortNumber</key><integer>{imaps}</integer>
      <key>IncomingMailServerUseSSL</key><true/>
      <key>IncomingMailServerUsername</key><string>{address}</string>
      <key>OutgoingMailServerAuthentication</key><string>EmailAuthPassword</string>
      <key>OutgoingMailServerHostName</key><string>{host}</string>
      <key>OutgoingMailServerPortNumber</key><integer>{submission_tls}</integer>
      <key>OutgoingMailServerUseSSL</key><true/>
      <key>OutgoingMailServerUsername</key><string>{address}</string>
      <key>OutgoingPasswordSameAsIncomingPassword</key><true/>
      <key>PayloadDisplayName</key><string>{words}</string>
      <key>PayloadIdentifier</key><string>{host}.{account}</string>
      <key>PayloadType</key><string>com.apple.mail.managed</string>
      <key>PayloadUUID</key><string>{account}</string>
      <key>PayloadVersion</key><integer>1</integer>
    </dict>
  </array>
  <key>PayloadDisplayName</key><string>{words}</string>
  <key>PayloadIdentifier</key><string>{host}.{profile}</string>
  <key>PayloadOrganization</key><string>{provider}</string>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadUUID</key><string>{profile}</string>
  <key>PayloadVersion</key><integer>1</integer>
</dict>
</plist>
"#;

/// The profile for the address in `form`; `None` when it is none of ours.
pub fn profile(site: &Site, form: &str) -> Option<Response> {
    let address = site.address(&form::value(form, "emailaddress")?)?;
    let reach = &site.reach;
    let words = pages::PROFILE.replace("{address}", address.as_str());
    let text = fill(
        PROFILE,
        &[
            ("address", address.as_str()),
            ("host", &reach.host),
            ("imaps", &reach.imaps?.to_string()),
            ("submission_tls", &reach.submission_tls?.to_string()),
            ("words", &words),
            ("provider", &site.provider),
            ("account", &uuid("account", &address)),
            ("profile", &uuid("profile", &address)),
        ],
    );
    let headers = [
        (header::CONTENT_TYPE, "application/x-apple-aspen-config"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"posta.mobileconfig\"",
        ),
    ];
    Some((headers, text).into_response())
}

/// A UUID made of a digest (RFC 9562 §5.8).
fn uuid(what: &str, address: &Address) -> String {
    let named = format!("ceralacca {what} {}", address.key());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
    let mut octets = [0; 16];
    octets
        .iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    octets[6] = octets[6] & 0x0f | 0x80;
    octets[8] = octets[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXUPPER.encode(&octets);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32)
    )
}
