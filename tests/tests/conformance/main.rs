//! One test per requirement, named by its ID. Where a requirement shows on the wire it is proved there:
//! submitted over SMTP, read back over IMAP, judged octet by octet with code that is not the product's.
//! The rows are in `tests/conformance/catalogue.toml`; `make conformance` prints the table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod ac;
mod accounts;
mod anomaly;
mod ap;
mod cd;
mod charge;
mod di;
mod dp;
mod dr;
mod hs;
mod incoming;
mod infected;
mod ip;
mod lg;
mod nd;
mod op;
mod relay;
mod se;
mod sg;
mod te;
mod tm;
mod tokens;
mod uncertified;
mod vi;

use std::sync::OnceLock;

use ceralacca_tests::appliance::{Appliance, PASSWORD};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::journey::{Certified, certify};
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::sealed::Sealed;

/// A subject with an accent and a character that ISO-8859-1 lacks: `Perché <b>&€`.
const SUBJECT_FIELD: &str = "=?UTF-8?Q?Perch=C3=A9_=3Cb=3E=26=E2=82=AC?=";
const SUBJECT: &str = "Perché <b>&€";

/// A mailbox of any appliance.
fn at<'a>(appliance: &'a Appliance, address: &str) -> Mailbox<'a> {
    Mailbox::new(appliance, address, PASSWORD)
}

/// A sender, a primary recipient and a copy recipient.
struct Trio<'a> {
    from: Mailbox<'a>,
    to: Mailbox<'a>,
    cc: Mailbox<'a>,
}

impl<'a> Trio<'a> {
    fn new() -> Self {
        Self::at(Appliance::shared())
    }

    fn at(appliance: &'a Appliance) -> Self {
        Self {
            from: appliance.mailbox("mittente"),
            to: appliance.mailbox("destinatario"),
            cc: appliance.mailbox("conoscenza"),
        }
    }

    /// A sound message to both.
    fn draft(&self) -> Draft {
        Draft::new(&self.from.address, &[&self.to.address]).cc(&[&self.cc.address])
    }

    /// A sound message to the primary recipient.
    fn simple(&self) -> Draft {
        Draft::new(&self.from.address, &[&self.to.address])
    }

    fn certify(&self, draft: &Draft) -> Certified {
        certify(&self.from, &[&self.to, &self.cc], draft)
    }

    fn certify_simple(&self, draft: &Draft) -> Certified {
        certify(&self.from, &[&self.to], draft)
    }
}

/// One rich message, certified once for all the tests of this process.
fn standard() -> &'static Certified {
    static STANDARD: OnceLock<Certified> = OnceLock::new();
    STANDARD.get_or_init(|| {
        let trio = Trio::new();
        trio.certify(&trio.draft().subject(SUBJECT_FIELD).mixed(PARTS))
    })
}

/// The same with a brief receipt asked for.
fn brief() -> &'static Certified {
    static BRIEF: OnceLock<Certified> = OnceLock::new();
    BRIEF.get_or_init(|| {
        let trio = Trio::new();
        trio.certify(&trio.draft().field("X-TipoRicevuta", "breve").mixed(PARTS))
    })
}

/// The same with a concise receipt asked for.
fn concise() -> &'static Certified {
    static CONCISE: OnceLock<Certified> = OnceLock::new();
    CONCISE.get_or_init(|| {
        let trio = Trio::new();
        trio.certify(
            &trio
                .draft()
                .field("X-TipoRicevuta", "sintetica")
                .mixed(PARTS),
        )
    })
}

/// A notice of non-acceptance: a copy recipient hidden in `Bcc:`.
fn non_acceptance() -> &'static Sealed {
    static NOTICE: OnceLock<Sealed> = OnceLock::new();
    NOTICE.get_or_init(|| {
        let trio = Trio::new();
        let draft = trio
            .draft()
            .subject(SUBJECT_FIELD)
            .field("Bcc", "nascosto@pec.test");
        let to = [trio.to.address.as_str(), trio.cc.address.as_str()];
        ceralacca_tests::journey::refused(&trio.from, &to, &draft.bytes())
    })
}

/// A message to a mailbox that is not there: acceptance receipt and non-delivery notice.
fn undelivered() -> &'static Certified {
    static NOTICE: OnceLock<Certified> = OnceLock::new();
    NOTICE.get_or_init(|| {
        let trio = Trio::new();
        let missing = format!("ignoto.{}", trio.to.address);
        let draft = Draft::new(&trio.from.address, &[&missing]).subject(SUBJECT_FIELD);
        let octets = draft.bytes();
        ceralacca_tests::journey::certify_octets(&trio.from, &[], &[&missing], &octets)
    })
}

/// One of each kind of message that the appliance emits for local mail.
fn samples() -> Vec<&'static Sealed> {
    let mut all = standard().all();
    all.extend(&brief().answers);
    all.extend(&concise().answers);
    all.push(non_acceptance());
    all.extend(undelivered().all());
    all
}

/// The receipts and notices among the samples.
fn receipts() -> Vec<&'static Sealed> {
    samples()
        .into_iter()
        .filter(|m| m.get("X-Ricevuta").is_some())
        .collect()
}

/// Text, a named attachment in base64, and a named part inside a nested multipart.
const PARTS: &[&str] = &[
    "Content-Type: text/plain; charset=us-ascii\r\n\r\nSalve.\r\n",
    "Content-Type: application/pdf; name=\"atto.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"atto.pdf\"\r\n\r\nJVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURl\r\nY29kZT4+CnN0cmVhbQo=",
    "Content-Type: multipart/alternative; boundary=\"=_dentro\"\r\n\r\n--=_dentro\r\nContent-Type: text/plain\r\n\r\nuno\r\n--=_dentro\r\nContent-Type: text/html\r\nContent-Disposition: inline; filename=\"pagina.html\"\r\n\r\n<p>uno</p>\r\n--=_dentro--\r\n",
];
