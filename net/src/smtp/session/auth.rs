//! AUTH PLAIN (RFC 4616) and LOGIN, with initial response or by challenge, under TLS only (AC-04). The
//! name is the full address (AC-05); who it is, the driver finds out.

use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use zeroize::Zeroizing;

use super::{
    Account, Action, Asked, MUST_START_TLS, OUT_OF_ORDER, Phase, Secret, Session, TOO_MANY_FAILURES,
};

const NOT_BASE64: &str = "501 5.5.2 Cannot decode the response";

/// RFC 4954 §6, RFC 5248: for good, for now, or until the provider changes something.
const fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Wrong => {
            "535 5.7.8 Authentication credentials invalid (two-step login needs an application password)"
        }
        Refusal::Locked { .. } => "454 4.7.0 Too many wrong passwords, try again later",
        Refusal::Busy => "454 4.7.0 Temporary authentication failure, try again later",
        Refusal::SwitchedOff => "525 5.7.13 Submission is switched off for this mailbox",
        Refusal::NotForThis => "525 5.7.13 This application password is not for submission",
        Refusal::NotInService => "525 5.7.13 Mailbox is not in service",
    }
}

impl Session {
    /// The answer to [`Action::Verify`].
    pub fn signed_in(&mut self, account: Result<Account, Refusal>) {
        if !matches!(self.phase, Phase::Driver(Asked::SignedIn)) {
            return;
        }
        self.phase = Phase::Command;
        let refusal = match account {
            Ok(account) => {
                self.account = Some(account);
                return self.say("235 2.7.0 Authentication successful");
            }
            Err(refusal) => refusal,
        };
        self.failures += 1;
        self.say(words(refusal));
        if self.failures >= limits::SIGN_IN_FAILURES_MAX {
            self.close(TOO_MANY_FAILURES);
        }
    }

    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) {
        if self.settings.tls.is_none() {
            return self.refuse(MUST_START_TLS);
        }
        if self.account.is_some() || self.greeted.is_none() {
            return self.refuse(OUT_OF_ORDER);
        }
        // RFC 4954 §4: `=` is an empty initial response.
        let initial = initial.map(|text| if text == "=" { "" } else { text }.as_bytes());
        match (&*mechanism.to_ascii_uppercase(), initial) {
            ("PLAIN", Some(response)) => self.plain(response),
            ("PLAIN", None) => {
                self.phase = Phase::Plain;
                self.say("334 ");
            }
            ("LOGIN", Some(name)) => self.login_name(name),
            ("LOGIN", None) => {
                self.phase = Phase::LoginName;
                self.say("334 VXNlcm5hbWU6");
            }
            _ => self.refuse("504 5.5.4 Authentication mechanism not supported"),
        }
    }

    fn decode(&mut self, line: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if line == b"*" {
            self.refuse("501 5.7.0 Authentication cancelled");
            return None;
        }
        let decoded = data_encoding::BASE64.decode(line).ok().map(Zeroizing::new);
        if decoded.is_none() {
            self.refuse(NOT_BASE64);
        }
        decoded
    }

    /// RFC 4616: `[authzid] NUL authcid NUL passwd`.
    pub(super) fn plain(&mut self, line: &[u8]) {
        let Some(response) = self.decode(line) else {
            return;
        };
        let mut fields = response.split(|octet| *octet == 0);
        let (Some(acts_as), Some(name), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return self.refuse(NOT_BASE64);
        };
        // Nobody acts for another here: a name that nobody has fails as slowly as a wrong password.
        let is_own = acts_as.is_empty() || acts_as.eq_ignore_ascii_case(name);
        let name = if is_own { name } else { b"" };
        self.verify(String::from_utf8_lossy(name).into_owned(), password);
    }

    pub(super) fn login_name(&mut self, line: &[u8]) {
        if let Some(name) = self.decode(line) {
            self.phase = Phase::LoginPassword(String::from_utf8_lossy(&name).into_owned());
            self.say("334 UGFzc3dvcmQ6");
        }
    }

    pub(super) fn login_password(&mut self, name: String, line: &[u8]) {
        if let Some(password) = self.decode(line) {
            self.verify(name, &password);
        }
    }

    fn verify(&mut self, name: String, password: &[u8]) {
        self.phase = Phase::Driver(Asked::SignedIn);
        let secret = Secret(Zeroizing::new(password.to_vec()));
        self.ready.push_back(Action::Verify(name, secret));
    }
}
