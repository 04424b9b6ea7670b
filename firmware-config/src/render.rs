//! `appliance.toml` as `init` writes it: every key with its explanation, what has its default written
//! as a comment, so that the file is its own manual.

use std::fmt::Write;

use crate::{
    DirectorySettings, FurtherToken, ListenSettings, PolicySettings, RelaySettings, Settings,
    SignerSettings, ThreadSettings,
};

impl Settings {
    /// The file's text; reading it gives these settings again.
    pub fn render(&self) -> String {
        let mut page = Page::default();
        page.say(
            "How this Ceralacca appliance is set up. Read at start; unknown keys are refused.",
        );
        page.say("Relative paths start at the folder of this file.\n");
        page.say("Virus scanner. \"clamd:/run/clamav/clamd.ctl\" or \"clamd:host:3310\", several after a");
        page.say("comma; \"none\": no message is scanned. clamd.conf must have StreamMaxLength above the");
        page.say("largest message, AlertExceedsMax yes, and MaxFileSize not below MaxScanSize.");
        page.set("scanner", &quoted(&self.scanner.to_string()));
        page.table("provider");
        page.say(
            "Name of the provider, as in the signing certificate and in all certification data.",
        );
        page.set("name", &quoted(&self.provider.name));
        page.say("The provider's own domain: service address and identifiers use it.");
        page.set("domain", &quoted(&self.provider.domain));
        page.say("Name of the server in greetings and Received: fields.");
        page.set("host", &quoted(&self.provider.host));
        page.listen(&self.listen);
        page.table("tls");
        page.say("PEM: the server's certificate first, then its issuers; and its key (PKCS#8).");
        page.set(
            "certificate",
            &quoted(&self.tls.certificate.to_string_lossy()),
        );
        page.set("key", &quoted(&self.tls.key.to_string_lossy()));
        page.signer(&self.signer);
        page.directory(&self.directory);
        page.policy(&self.policy);
        page.abuse(&self.policy);
        page.between(&self.policy);
        page.relay(&self.relay);
        page.threads(&self.threads);
        page.text
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    // Writing to a `String` cannot fail.
    fn say(&mut self, comment: &str) {
        let _ = writeln!(self.text, "# {comment}");
    }

    fn set(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key} = {value}");
    }

    /// A key that has its default is written as a comment.
    fn set_or_default(&mut self, key: &str, value: &str, default: &str) {
        let mark = if value == default { "# " } else { "" };
        let _ = writeln!(self.text, "{mark}{key} = {value}");
    }

    fn table(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n[{name}]");
    }

    fn listen(&mut self, listen: &ListenSettings) {
        self.table("listen");
        self.say("Address to listen on; \"0.0.0.0\" or \"::\" for all.");
        self.set("bind", &quoted(&listen.bind.to_string()));
        self.say("Every listener is this plus its usual port.");
        self.set("port_base", &listen.port_base.to_string());
        self.say("Or one by one; 0: the system picks a free one, and `serve` says which.");
        for (key, usual, port) in [
            ("incoming", 25, listen.incoming),
            ("submission_tls", 465, listen.submission_tls),
            ("submission", 587, listen.submission),
            ("imaps", 993, listen.imaps),
            ("pop3s", 995, listen.pop3s),
            ("https", 443, listen.https),
        ] {
            match port {
                Some(port) => self.set(key, &port.to_string()),
                None => self.say(&format!("{key} = {usual}")),
            }
        }
    }

    fn signer(&mut self, signer: &SignerSettings) {
        self.table("signer");
        self.say("\"soft\": a key in software, for tests and evaluation only.");
        self.say(
            "\"pkcs11\": a security module; also module, token, pin_file, key_label, sessions.",
        );
        self.say("\"vector\": a key in the appliance itself, sealed; fast, no certified HSM; also pin_file,");
        self.say("key_label.");
        match signer {
            SignerSettings::Vector {
                pin_file,
                key_label,
            } => {
                self.set("kind", "\"vector\"");
                self.say("A file of mode 600 that holds the PIN which opens the sealed key.");
                self.set("pin_file", &quoted(&pin_file.to_string_lossy()));
                self.say("Label of the key.");
                self.set("key_label", &quoted(key_label));
            }
            SignerSettings::Soft {} => self.set("kind", "\"soft\""),
            SignerSettings::Pkcs11 {
                module,
                token,
                pin_file,
                key_label,
                sessions,
                further,
            } => {
                self.set("kind", "\"pkcs11\"");
                self.say("The vendor's library, and the token's label.");
                self.set("module", &quoted(&module.to_string_lossy()));
                self.set("token", &quoted(token));
                self.say("A file of mode 600 that holds the PIN.");
                self.set("pin_file", &quoted(&pin_file.to_string_lossy()));
                self.say("Label of the key pair on the token.");
                self.set("key_label", &quoted(key_label));
                self.say("Sessions that sign at the same time; 0: one per core; `hsm bench` measures how many help.");
                self.set("sessions", &sessions.to_string());
                self.further(further);
            }
        }
    }

    fn further(&mut self, further: &[FurtherToken]) {
        self.say("Further tokens that sign beside this one, of any vendor; one that fails leaves its work to");
        self.say("the others. Each: module, token, pin_file; sessions; key_label, where it is not that of the");
        self.say("key in use; certificate (PEM with its issuers), where it holds a key of its own. Such a one");
        self.say("is published too, and signs once the index has shown it. Its key: `hsm keygen --token LABEL`.");
        if further.is_empty() {
            self.say("[[signer.further]]");
        }
        for token in further {
            self.text.push_str("[[signer.further]]\n");
            self.set("module", &quoted(&token.module.to_string_lossy()));
            self.set("token", &quoted(&token.token));
            self.set("pin_file", &quoted(&token.pin_file.to_string_lossy()));
            if let Some(key_label) = &token.key_label {
                self.set("key_label", &quoted(key_label));
            }
            self.set("sessions", &token.sessions.to_string());
            if let Some(certificate) = &token.certificate {
                self.set("certificate", &quoted(&certificate.to_string_lossy()));
            }
        }
    }

    fn directory(&mut self, directory: &DirectorySettings) {
        let usual = DirectorySettings::default();
        let path = |file: &Option<std::path::PathBuf>| {
            file.as_ref()
                .map(|file| file.to_string_lossy().into_owned())
        };
        self.table("directory");
        self.say("The index of all providers. Without it this appliance works alone.");
        self.say("Where the index is fetched, HTTPS; it needs signer and server_authority.");
        self.set_or_example("url", directory.url.clone(), "https://…/index.p7m");
        self.say("PEM: the certificates that may sign the index, or that vouch for its signer.");
        self.set_or_example("signer", path(&directory.signer), "index-signer.pem");
        self.say("PEM: who vouches for the certificate of the index's HTTPS server.");
        let file = path(&directory.server_authority);
        self.set_or_example("server_authority", file, "index-server.pem");
        self.say("PEM: our certificate as a client of that server, and its key (mode 600).");
        let file = path(&directory.client_certificate);
        self.set_or_example("client_certificate", file, "index-client.pem");
        self.set_or_example(
            "client_key",
            path(&directory.client_key),
            "index-client.key",
        );
        self.say("PEM: who vouches for the signing certificates of other providers.");
        let file = path(&directory.mail_authorities);
        self.set_or_example("mail_authorities", file, "mail-authorities.pem");
        self.say("Seconds after which the index, and revocation lists, are fetched again.");
        self.number(
            "refresh_s",
            directory.refresh_s.into(),
            usual.refresh_s.into(),
        );
        let seconds = directory.crl_refresh_s.into();
        self.number("crl_refresh_s", seconds, usual.crl_refresh_s.into());
        self.say("A new index that loses more of its domains, in percent, waits for");
        self.say("`ceralacca directory confirm`.");
        let percent = directory.lost_domains_percent.into();
        self.number(
            "lost_domains_percent",
            percent,
            usual.lost_domains_percent.into(),
        );
        self.say(
            "Hours for which the fetched index must have shown a new certificate of ours before it",
        );
        self.say("signs; until then `ceralacca hsm recall` takes it back.");
        let hours = directory.certificate_shown_hours.into();
        self.number(
            "certificate_shown_hours",
            hours,
            usual.certificate_shown_hours.into(),
        );
        self.say(
            "Where the centre fetches our own part of the index: listen.https answers with it",
        );
        self.say("at /directory/own.p7m.");
        let url = directory.publish_url.clone();
        self.set_or_example("publish_url", url, "https://…/directory/own.p7m");
        self.say("LDIF: records of our secondary environments, published with our own.");
        self.set_or_example("secondary", path(&directory.secondary), "secondary.ldif");
    }

    /// A key without a default: what is set, or an example as a comment.
    fn set_or_example(&mut self, key: &str, value: Option<String>, example: &str) {
        match value {
            Some(value) => self.set(key, &quoted(&value)),
            None => self.say(&format!("{key} = {}", quoted(example))),
        }
    }

    fn policy(&mut self, policy: &PolicySettings) {
        let usual = PolicySettings::default();
        self.table("policy");
        self.say("Largest message, and largest product of size and recipients, in octets.");
        self.number(
            "message_bytes_max",
            policy.message_bytes_max,
            usual.message_bytes_max,
        );
        self.number(
            "message_product_max",
            policy.message_product_max,
            usual.message_product_max,
        );
        self.say("Most recipients of one message.");
        self.number(
            "recipients_max",
            policy.recipients_max.into(),
            usual.recipients_max.into(),
        );
        self.say("Too large up to this many octets gets a notice, above it SMTP answers 552.");
        self.number(
            "notice_bytes_max",
            policy.notice_bytes_max,
            usual.notice_bytes_max,
        );
        self.say("Let 8-bit content inside multipart/signed pass as it is.");
        self.switch(
            "eight_bit_signed_passes",
            policy.eight_bit_signed_passes,
            usual.eight_bit_signed_passes,
        );
        self.say("Allow a signing key on P-256 (ECDSA). The rules of PEC know RSA: other providers may refuse");
        self.say(
            "what such a key signs, so switch it on only after an agreement with all of them.",
        );
        self.switch(
            "ecdsa_keys_allowed",
            policy.ecdsa_keys_allowed,
            usual.ecdsa_keys_allowed,
        );
        self.say("Write offsets in texts as (+01:00) instead of (+0100).");
        self.switch(
            "zone_with_colon",
            policy.zone_with_colon,
            usual.zone_with_colon,
        );
        self.say("Capacity in octets of a mailbox made without --quota.");
        self.number(
            "mailbox_bytes_default",
            policy.mailbox_bytes_default,
            usual.mailbox_bytes_default,
        );
        self.say(
            "Days that a message deleted over POP3 can be restored (`ceralacca mailbox restore`);",
        );
        self.say(
            "0: it is gone at once. It takes no room of the mailbox meanwhile. And whether what",
        );
        self.say("IMAP expunges is kept too.");
        self.number(
            "deleted_kept_days",
            policy.deleted_kept_days.into(),
            usual.deleted_kept_days.into(),
        );
        self.switch(
            "expunged_is_kept",
            policy.expunged_is_kept,
            usual.expunged_is_kept,
        );
        self.say("Holders may take ordinary mail, as anomalies; or have it forwarded.");
        self.switch(
            "ordinary_accept_allowed",
            policy.ordinary_accept_allowed,
            usual.ordinary_accept_allowed,
        );
        self.switch(
            "ordinary_forward_allowed",
            policy.ordinary_forward_allowed,
            usual.ordinary_forward_allowed,
        );
        self.say("Domains whose mailboxes may do neither.");
        let domains: Vec<String> = policy
            .ordinary_refused_domains
            .iter()
            .map(|domain| quoted(domain))
            .collect();
        let domains = format!("[{}]", domains.join(", "));
        self.set_or_default("ordinary_refused_domains", &domains, "[]");
    }

    fn abuse(&mut self, policy: &PolicySettings) {
        let usual = PolicySettings::default();
        let keys = [
            (
                "Most messages per minute that one mailbox may hand in, then SMTP answers 450; how many in\n\
                 # all is not limited.",
                "submissions_per_minute_max",
                policy.submissions_per_minute_max,
                usual.submissions_per_minute_max,
            ),
            (
                "The same of all mailboxes together from one source address.",
                "source_submissions_per_minute_max",
                policy.source_submissions_per_minute_max,
                usual.source_submissions_per_minute_max,
            ),
            (
                "Most sign-ins per minute from one source address, over SMTP, IMAP and POP3 together.",
                "sign_ins_per_minute_max",
                policy.sign_ins_per_minute_max,
                usual.sign_ins_per_minute_max,
            ),
            (
                "So many wrong passwords lock an account for the source that they came from, 3 to 100,",
                "sign_in_failures_max",
                policy.sign_in_failures_max,
                usual.sign_in_failures_max,
            ),
            (
                "within so many minutes,",
                "sign_in_window_minutes",
                policy.sign_in_window_minutes,
                usual.sign_in_window_minutes,
            ),
            (
                "for so many minutes; each further lock lasts twice as long, up to a day.",
                "sign_in_lock_minutes",
                policy.sign_in_lock_minutes,
                usual.sign_in_lock_minutes,
            ),
        ];
        for (comment, key, value, default) in keys {
            self.say(comment);
            self.number(key, value.into(), default.into());
        }
    }

    fn between(&mut self, policy: &PolicySettings) {
        let usual = PolicySettings::default();
        self.say("Minutes from acceptance to the final time-out notice, 1320 to 1440.");
        self.number(
            "final_notice_minutes",
            policy.final_notice_minutes.into(),
            usual.final_notice_minutes.into(),
        );
        self.say("Take a correct envelope in charge although it holds a virus.");
        self.switch(
            "infected_is_charged",
            policy.infected_is_charged,
            usual.infected_is_charged,
        );
        self.say("Largest message taken from other servers, in octets.");
        self.number(
            "arrival_bytes_max",
            policy.arrival_bytes_max,
            usual.arrival_bytes_max,
        );
        self.say("Most messages per minute that one source address may hand in on port 25.");
        self.number(
            "arrivals_per_minute_max",
            policy.arrivals_per_minute_max.into(),
            usual.arrivals_per_minute_max.into(),
        );
        self.say("Providers whose mail may be from domains that their record does not list.");
        let names: Vec<String> = policy
            .tolerated_providers
            .iter()
            .map(|name| quoted(name))
            .collect();
        let names = format!("[{}]", names.join(", "));
        self.set_or_default("tolerated_providers", &names, "[]");
        self.say("Virus signatures older than this many hours are as good as no scanner: 451.");
        self.number(
            "scanner_stale_hours_max",
            policy.scanner_stale_hours_max.into(),
            usual.scanner_stale_hours_max.into(),
        );
        self.say("Let a message pass whose archives are over the scanner's bounds.");
        self.switch(
            "over_bounds_passes",
            policy.over_bounds_passes,
            usual.over_bounds_passes,
        );
        self.say("Extensions of attachments that make a submission fail, in archives too: [\"exe\", \"js\"].");
        let list = |types: &[String]| toml::Value::from(types.to_vec()).to_string();
        self.set_or_default(
            "forbidden_types",
            &list(&policy.forbidden_types),
            &list(&usual.forbidden_types),
        );
    }

    fn relay(&mut self, relay: &RelaySettings) {
        let usual = RelaySettings::default();
        self.table("relay");
        self.say("Mail for other servers. The name server to ask, with its port; left out: the system's.");
        let dns = relay
            .dns
            .map_or("127.0.0.1:53".to_owned(), |dns| dns.to_string());
        self.optional("dns", relay.dns.is_some(), &quoted(&dns));
        self.say("The port of other servers; another one than 25 serves tests only.");
        self.number("port", relay.port.into(), usual.port.into());
        self.say("Addresses of this machine from which mail leaves, to PEC providers and to the");
        self.say("Internet: two of them keep the one's reputation from the other's; left out: the");
        self.say("system chooses.");
        for (key, source) in [
            ("certified_source", relay.certified_source),
            ("ordinary_source", relay.ordinary_source),
        ] {
            let shown = source.map_or("192.0.2.1".to_owned(), |source| source.to_string());
            self.optional(key, source.is_some(), &quoted(&shown));
        }
        self.say(
            "DKIM for mail to the Internet: the name of the key in the DNS, and the key, RSA in",
        );
        self.say(
            "PEM, which is made where it is missing. `ceralacca domain show` prints the record.",
        );
        let (selector, key) = (&relay.dkim_selector, relay.dkim_key.to_string_lossy());
        self.set_or_default(
            "dkim_selector",
            &quoted(selector),
            &quoted(&usual.dkim_selector),
        );
        let usual_key = usual.dkim_key.to_string_lossy();
        self.set_or_default("dkim_key", &quoted(&key), &quoted(&usual_key));
        self.say("Connections at the same time, and those of them to one destination.");
        self.number(
            "connections_max",
            relay.connections_max.into(),
            usual.connections_max.into(),
        );
        self.number(
            "connections_per_destination_max",
            relay.connections_per_destination_max.into(),
            usual.connections_per_destination_max.into(),
        );
    }

    /// A key without default: an example as a comment where it is not set.
    fn optional(&mut self, key: &str, is_set: bool, value: &str) {
        let mark = if is_set { "" } else { "# " };
        let _ = writeln!(self.text, "{mark}{key} = {value}");
    }

    fn threads(&mut self, threads: &ThreadSettings) {
        self.table("threads");
        self.say("Threads that talk to the network; 0: one per core.");
        self.number("rings", threads.rings.into(), 0);
    }

    fn number(&mut self, key: &str, value: u64, default: u64) {
        self.set_or_default(key, &value.to_string(), &default.to_string());
    }

    fn switch(&mut self, key: &str, value: bool, default: bool) {
        self.set_or_default(key, &value.to_string(), &default.to_string());
    }
}

/// A TOML string with its escapes.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
