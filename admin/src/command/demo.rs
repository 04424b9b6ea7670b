//! `demo`: a throw-away provider on loopback. It certifies a real message over its own ports, reads what
//! comes back as a mail program would, and has every signed message judged by the offline verifier.

use std::path::PathBuf;
use std::time::Instant;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::registry;
use ceralacca_core::verdict::{Expected, examine};
use ceralacca_core::wording::words::MessageKind;
use ceralacca_firmware::ScannerSettings;
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::appliance::{Appliance, Serving};
use crate::cli::{DemoArguments, InitArguments, SignerKind};
use crate::client::{ImapReader, Submitter, Trust};
use crate::control::{HolderChange, MailboxRequest, Request};
use crate::report::{Failure, Report, Voice};
use crate::{keys, verdict};

const PROVIDER: &str = "Ceralacca Demo";
const DOMAIN: &str = "pec.example";
const BODY_MARK: &str = "This sentence is certified.";

/// Runs the demo; without `--once` it serves on until SIGINT or SIGTERM.
pub fn demo(arguments: DemoArguments, voice: Voice) -> Result<Report, Failure> {
    let mut signals = match arguments.once {
        true => None,
        false => Some(Signals::new([SIGTERM, SIGINT]).map_err(Failure::refused)?),
    };
    let folder = tempfile::Builder::new()
        .prefix("ceralacca-demo-")
        .tempdir()
        .map_err(Failure::refused)?;
    let mut teller = Teller::new(voice);
    let provider = DemoProvider::start(&folder, arguments.port_base, &mut teller)?;
    let held = provider.certify_one(&mut teller)?;
    let mut report = teller.report(held);
    if let Some(signals) = signals.as_mut() {
        voice.say(&provider.how_to_connect());
        report.object["connect"] = provider.connection();
        voice.object(&report.object);
        let _ = signals.forever().next();
        report.words.clear();
        report.object = Value::Null;
    }
    provider.serving.stop();
    folder.close().map_err(Failure::refused)?;
    Ok(report)
}

/// Says each step when it is done, with its time.
struct Teller {
    voice: Voice,
    last: Instant,
    steps: Vec<Value>,
}

impl Teller {
    fn new(voice: Voice) -> Self {
        Self {
            voice,
            last: Instant::now(),
            steps: Vec::new(),
        }
    }

    fn step(&mut self, words: &str) {
        let milliseconds = self.last.elapsed().as_secs_f64() * 1000.0;
        self.note(words, milliseconds);
        self.last = Instant::now();
    }

    fn note(&mut self, words: &str, milliseconds: f64) {
        self.voice.say(&format!("{milliseconds:9.1} ms  {words}"));
        self.steps
            .push(json!({ "step": words.trim_start(), "milliseconds": milliseconds }));
    }

    fn report(self, held: bool) -> Report {
        let words = if held {
            "all held: the three signed messages are genuine"
        } else {
            "NOT all held: see above"
        };
        Report {
            words: words.to_owned(),
            object: json!({ "held": held, "steps": self.steps }),
            held,
        }
    }
}

struct User {
    address: Address,
    password: String,
}

struct DemoProvider {
    data: DataFolder,
    serving: Serving,
    trust: Trust,
    sender: User,
    recipient: User,
}

impl DemoProvider {
    fn start(
        folder: &tempfile::TempDir,
        port_base: Option<u16>,
        teller: &mut Teller,
    ) -> Result<Self, Failure> {
        let data = DataFolder(folder.path().join("data"));
        super::init(&data, &init_arguments(port_base)?)?;
        teller.step("provider made: software key (evaluation only), authority, certificates");
        let serving = Appliance::open(&data)?.serve()?;
        teller.step("appliance serves on loopback");
        let sender = add_user(serving.appliance(), "anna")?;
        let recipient = add_user(serving.appliance(), "bruno")?;
        teller.step("two mailboxes made, passwords hashed with Argon2id");
        let host = &serving.appliance().settings().provider.host;
        let trust =
            Trust::from_pem_file(&keys::authority_file(&data), host).map_err(Failure::refused)?;
        Ok(Self {
            data,
            serving,
            trust,
            sender,
            recipient,
        })
    }

    /// Certifies one message; true when everything held.
    fn certify_one(&self, teller: &mut Teller) -> Result<bool, Failure> {
        let imaps = first(&self.serving.addresses().imaps)?;
        let mut sent = self.reader(imaps, &self.sender)?;
        let mut received = self.reader(imaps, &self.recipient)?;
        teller.step("both users signed in over IMAPS");
        self.submit(teller)?;
        sent.wait_for(2).map_err(Failure::refused)?;
        received.wait_for(1).map_err(Failure::refused)?;
        teller.step("acceptance receipt, envelope and delivery receipt are in the mailboxes");
        self.tell_steps(teller);
        let receipts = sent.fetch_from(1).map_err(Failure::refused)?;
        let envelopes = received.fetch_from(1).map_err(Failure::refused)?;
        teller.step("all three read over IMAPS");
        let wanted = [
            (MessageKind::Acceptance, receipts.first()),
            (MessageKind::TransportEnvelope, envelopes.first()),
            (MessageKind::Delivery, receipts.get(1)),
        ];
        let mut held = true;
        for (kind, message) in wanted {
            let octets = message.map(|found| found.octets.as_slice());
            held &= self.judge(kind, octets.unwrap_or_default(), teller)?;
        }
        Ok(held)
    }

    fn reader(&self, imaps: std::net::SocketAddr, user: &User) -> Result<ImapReader, Failure> {
        ImapReader::connect(imaps, &self.trust, user.address.as_str(), &user.password)
            .map_err(Failure::refused)
    }

    fn submit(&self, teller: &mut Teller) -> Result<(), Failure> {
        let smtps = first(&self.serving.addresses().submissions)?;
        let (from, to) = (
            self.sender.address.as_str(),
            self.recipient.address.as_str(),
        );
        let mut client = Submitter::connect(smtps, &self.trust, from, &self.sender.password)
            .map_err(Failure::refused)?;
        teller.step("sender signed in over SMTPS");
        let reply = client
            .submit(from, &[to], self.message().as_bytes())
            .map_err(Failure::refused)?;
        if reply.code != 250 {
            return Err(Failure::Refused(format!(
                "the message was answered {} {}",
                reply.code, reply.text
            )));
        }
        teller.step("message submitted and on disk (250)");
        client.quit().map_err(Failure::refused)
    }

    fn message(&self) -> String {
        let (from, to) = (&self.sender.address, &self.recipient.address);
        let date = SystemClock.now().header_date();
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: A first certified message\r\nDate: {date}\r\n\
             Message-ID: <demo-1@{DOMAIN}>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\n{BODY_MARK}\r\n"
        )
    }

    /// The commit points, as the appliance noted them.
    fn tell_steps(&self, teller: &mut Teller) {
        let state = self.serving.appliance().state();
        let mut before = None;
        for step in state.steps().since(0, 100) {
            let at = step.at.as_millis();
            let since = before.map_or(0, |before| at - before);
            before = Some(at);
            teller.note(&format!("  record {}", step.name), since as f64);
        }
    }

    fn judge(
        &self,
        kind: MessageKind,
        octets: &[u8],
        teller: &mut Teller,
    ) -> Result<bool, Failure> {
        let settings = self.serving.appliance().settings();
        let expected = Expected {
            provider: Some(settings.provider.name.clone()),
            service_address: Some(keys::service_address(settings)),
            keys: settings.policy().allowed_keys(),
        };
        let anchors = keys::anchors(&self.data).map_err(Failure::refused)?;
        let judged = examine(octets, &anchors, SystemClock.now(), &expected);
        let encloses = kind == MessageKind::Acceptance || contains(octets, BODY_MARK);
        let held = judged.is_genuine() && judged.kind == Some(kind) && encloses;
        let name = verdict::kind_name(kind);
        let words = if held { "genuine" } else { "NOT GENUINE" };
        teller.step(&format!("{name}: {words} ({} octets)", octets.len()));
        if !held {
            teller.voice.say(&verdict::report(&judged).words);
        }
        Ok(held)
    }

    fn how_to_connect(&self) -> String {
        let addresses = self.serving.addresses();
        let port = |list: &[std::net::SocketAddr]| list.first().map_or(0, |a| a.port());
        let (smtps, smtp) = (port(&addresses.submissions), port(&addresses.submission));
        let (imaps, pop3s) = (port(&addresses.imaps), port(&addresses.pop3s));
        let mx = port(&addresses.incoming);
        let (from, to) = (&self.sender, &self.recipient);
        let ca = self.authority();
        let ca = ca.display();
        format!(
            "\nServing until interrupted.\n\
             server      {DOMAIN} at 127.0.0.1\n\
             ports       {smtps} SMTP with TLS, {smtp} SMTP with STARTTLS, {imaps} IMAP with TLS,\n\
             \x20           {pop3s} POP3 with TLS, {mx} SMTP of other servers\n\
             authority   {ca}\n\
             user        {}  password {}\n\
             user        {}  password {}\n\n\
             Send:  swaks --server 127.0.0.1 --port {smtps} --tls-on-connect --auth PLAIN \
             --auth-user {} --auth-password {} --from {} --to {} --header 'Subject: hello'\n\
             Read:  curl --cacert {ca} --resolve {DOMAIN}:{imaps}:127.0.0.1 \
             --user '{}:{}' 'imaps://{DOMAIN}:{imaps}/INBOX;UID=1'\n",
            from.address,
            from.password,
            to.address,
            to.password,
            from.address,
            from.password,
            from.address,
            to.address,
            to.address,
            to.password,
        )
    }

    fn connection(&self) -> Value {
        let user =
            |user: &User| json!({ "address": user.address.as_str(), "password": user.password });
        json!({
            "host": DOMAIN,
            "listens": self.serving.listens(),
            "authority": self.authority(),
            "data": self.data.0,
            "users": [user(&self.sender), user(&self.recipient)],
        })
    }

    fn authority(&self) -> PathBuf {
        keys::authority_file(&self.data)
    }
}

fn init_arguments(port_base: Option<u16>) -> Result<InitArguments, Failure> {
    Ok(InitArguments {
        provider: PROVIDER.to_owned(),
        domains: vec![Domain::parse(DOMAIN).map_err(Failure::refused)?],
        host: None,
        bind: [127, 0, 0, 1].into(),
        port_base: port_base.unwrap_or(0),
        free_ports: port_base.is_none(),
        sandbox_clock: false,
        tls_cert: None,
        tls_key: None,
        signer: SignerKind::Soft,
        module: None,
        token: None,
        pin_file: None,
        key_label: None,
        sessions: None,
        authority: None,
        scanner: ScannerSettings::None,
    })
}

fn add_user(appliance: &Appliance, name: &str) -> Result<User, Failure> {
    let domain = Domain::parse(DOMAIN).map_err(Failure::refused)?;
    let address = Address::of(name, &domain).map_err(Failure::refused)?;
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(Failure::refused)?;
    let password = data_encoding::BASE32_NOPAD.encode(&random).to_lowercase();
    let request = MailboxRequest::Add {
        address: address.to_string(),
        password: Some(registry::hash(password.as_bytes()).map_err(Failure::refused)?),
        quota: None,
        holder: HolderChange::default(),
    };
    appliance.perform(Request::Mailbox(request), "demo")?;
    Ok(User { address, password })
}

fn first(list: &[std::net::SocketAddr]) -> Result<std::net::SocketAddr, Failure> {
    let address = list.first().copied();
    address.ok_or_else(|| Failure::Refused("a listener lacks".to_owned()))
}

fn contains(octets: &[u8], mark: &str) -> bool {
    octets.windows(mark.len()).any(|w| w == mark.as_bytes())
}
