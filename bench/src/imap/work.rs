//! The rows: each does one kind of work until it is long enough to be measured.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Server;
use super::client::Client;
use crate::provider::{PASSWORD, address};
use crate::sums::Trouble;

/// Mailboxes that a server must have.
pub const MAILBOXES: usize = 20;
/// Whose messages are fetched, whose are searched, in whose mailbox others idle; the rest append.
const FETCHED: usize = 16;
const SEARCHED: usize = 17;
const IDLED: usize = 18;
const APPENDERS: usize = 16;
const FETCHES: usize = 20;
const LOGINS: usize = 100;
const IDLERS: usize = 50;
const NEWS: usize = 40;
const SEARCHES: usize = 500;
/// A row of searches ends then.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Messages that are fetched.
    pub messages: usize,
    /// Octets of a message.
    pub octets: usize,
    /// Messages that are appended.
    pub appends: usize,
    /// Messages of the mailbox that is searched.
    pub searched: usize,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What was done.
    pub what: String,
    /// How often in a second.
    pub per_s: f64,
    /// CPU of the server each time, in microseconds.
    pub cpu_us: f64,
}

/// All rows of one server.
pub fn measure(server: &dyn Server, sizes: Sizes) -> Result<Vec<Measured>, Trouble> {
    let mut rows = Vec::new();
    append_to(
        server,
        &(0..APPENDERS).collect::<Vec<_>>(),
        320,
        sizes.octets,
    )?;
    let mut clients = clients(server, &(0..APPENDERS).collect::<Vec<_>>())?;
    rows.push(timed(server, "APPEND, 16 clients", || {
        append_by(&mut clients, sizes.appends, sizes.octets)
    })?);
    drop(clients);
    rows.extend(fetch(server, sizes)?);
    rows.push(retrieve(server, sizes)?);
    rows.push(timed(server, "connection and LOGIN", || login(server))?);
    rows.push(timed(server, "EXISTS to 50 that IDLE", || idle(server))?);
    if sizes.searched > 0 {
        rows.extend(search(server, sizes.searched)?);
    }
    Ok(rows)
}

/// Does `work`, which answers how often it was done.
fn timed(
    server: &dyn Server,
    what: &str,
    work: impl FnOnce() -> Result<usize, Trouble>,
) -> Result<Measured, Trouble> {
    let (cpu, begun) = (server.cpu_seconds()?, Instant::now());
    let count = work()? as f64;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = server.cpu_seconds()? - cpu;
    let row = Measured {
        what: what.to_owned(),
        per_s: count / seconds,
        cpu_us: cpu * 1e6 / count,
    };
    eprintln!(
        "{:<10} {:<34} {:>10.0} /s {:>9.1} us",
        server.name(),
        row.what,
        row.per_s,
        row.cpu_us
    );
    Ok(row)
}

fn client(server: &dyn Server, number: usize) -> Result<Client, Trouble> {
    Client::signed_in(server, &address(number), PASSWORD)
}

/// A message of about `octets` octets, whose number is in its header.
fn message(number: usize, octets: usize) -> Vec<u8> {
    let mut message = format!(
        "From: posta-certificata@pec.test\r\nTo: m{}@pec.test\r\nSubject: CONSEGNA: prova {number}\r\n\
         Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nMessage-ID: <opec{number}@pec.test>\r\n\
         X-Ricevuta: avvenuta-consegna\r\nX-Riferimento-Message-ID: <ref{number}@client.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"limite\"\r\n\r\n\
         --limite\r\nContent-Type: text/plain\r\n\r\nUn testo, il numero {number}.\r\n\
         --limite\r\nContent-Type: application/octet-stream; name=\"dati.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
        number % MAILBOXES
    );
    let line = "QWxsZWdhdG8gZGkgcHJvdmEsIHF1YWxjaGUgb3R0ZXR0byBkaSB0ZXN0byByaXBldHV0bywgYWxs\r\n";
    while message.len() + 80 < octets {
        message.push_str(line);
    }
    message.push_str("--limite--\r\n");
    message.into_bytes()
}

fn append_one(client: &mut Client, number: usize, octets: usize) -> Result<(), Trouble> {
    let message = message(number, octets);
    let mut command = format!("t APPEND INBOX {{{}+}}\r\n", message.len()).into_bytes();
    command.extend_from_slice(&message);
    command.extend_from_slice(b"\r\n");
    client.send(&command)?;
    client.answer("APPEND").map(drop)
}

fn clients(server: &dyn Server, mailboxes: &[usize]) -> Result<Vec<Client>, Trouble> {
    mailboxes
        .iter()
        .map(|mailbox| client(server, *mailbox))
        .collect()
}

fn append_to(
    server: &dyn Server,
    mailboxes: &[usize],
    count: usize,
    octets: usize,
) -> Result<usize, Trouble> {
    append_by(&mut clients(server, mailboxes)?, count, octets)
}

/// All clients at once, each waiting for its answer before its next.
fn append_by(clients: &mut [Client], count: usize, octets: usize) -> Result<usize, Trouble> {
    let next = AtomicUsize::new(0);
    at_once(clients, |client| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            append_one(client, number, octets)?;
        }
    })?;
    Ok(count)
}

/// Does `work` for each on a thread of its own.
fn at_once<T: Send>(
    all: &mut [T],
    work: impl Fn(&mut T) -> Result<(), Trouble> + Sync,
) -> Result<(), Trouble> {
    let ends = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = all
            .iter_mut()
            .map(|one| scope.spawn(move || work(one)))
            .collect();
        threads.into_iter().map(|t| t.join()).collect::<Vec<_>>()
    });
    for end in ends {
        end.map_err(|_| Trouble::from("a client's thread failed"))??;
    }
    Ok(())
}

/// The mailbox that was fetched, over POP3.
fn retrieve(server: &dyn Server, sizes: Sizes) -> Result<Measured, Trouble> {
    let mut client = Client::of_maildrop(server, &address(FETCHED), PASSWORD)?;
    // The first opens what both keep of a maildrop.
    client.retrieve(1)?;
    timed(server, "POP3 RETR, a command each", || {
        for number in 1..=sizes.messages {
            if client.retrieve(number)? < sizes.octets / 2 {
                return Err(Trouble::from(format!("message {number} is cut off")));
            }
        }
        Ok(sizes.messages)
    })
}

fn fetch(server: &dyn Server, sizes: Sizes) -> Result<Vec<Measured>, Trouble> {
    append_to(server, &[FETCHED; 8], sizes.messages, sizes.octets)?;
    let mut client = client(server, FETCHED)?;
    client.command("SELECT INBOX")?;
    let mut rows = Vec::new();
    let mut repeat = |what: &str, command: &str, times: usize| -> Result<(), Trouble> {
        // Once for caches, theirs and ours.
        client.command(command)?;
        rows.push(timed(server, what, || {
            for _ in 0..times {
                let answer = client.command(command)?;
                if answer.lines < sizes.messages {
                    return Err(Trouble::from(format!("{command}: {answer:?}")));
                }
            }
            Ok(times * sizes.messages)
        })?);
        Ok(())
    };
    repeat(
        "FETCH BODY[], one command",
        "FETCH 1:* BODY.PEEK[]",
        FETCHES,
    )?;
    let summary = "FETCH 1:* (ENVELOPE BODYSTRUCTURE)";
    repeat("ENVELOPE and BODYSTRUCTURE", summary, FETCHES)?;
    rows.push(timed(server, "FETCH BODY[], a command each", || {
        for _ in 0..3 {
            for number in 1..=sizes.messages {
                client.command(&format!("FETCH {number} BODY.PEEK[]"))?;
            }
        }
        Ok(3 * sizes.messages)
    })?);
    Ok(rows)
}

/// Four at a time, so that processors wait for nobody.
fn login(server: &dyn Server) -> Result<usize, Trouble> {
    let mut numbers = [0, 1, 2, 3];
    at_once(&mut numbers, |number| {
        for _ in 0..LOGINS / 4 {
            client(server, *number)?.command("LOGOUT")?;
        }
        Ok(())
    })?;
    Ok(LOGINS)
}

/// Each message is waited for by all before the next.
fn idle(server: &dyn Server) -> Result<usize, Trouble> {
    let mut idlers = Vec::new();
    for _ in 0..IDLERS {
        let mut client = client(server, IDLED)?;
        client.command("SELECT INBOX")?;
        client.send(b"t IDLE\r\n")?;
        client.wait_for("+ ")?;
        idlers.push(client);
    }
    let mut sender = client(server, IDLED)?;
    let begun = Instant::now();
    for number in 0..NEWS {
        append_one(&mut sender, number, 500)?;
        for idler in &mut idlers {
            idler.wait_for("EXISTS")?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!(
        "{:<10} a message is known to all of {IDLERS} after {:.2} ms",
        server.name(),
        seconds * 1000.0 / NEWS as f64
    );
    Ok(IDLERS * NEWS)
}

fn search(server: &dyn Server, messages: usize) -> Result<Vec<Measured>, Trouble> {
    append_to(server, &[SEARCHED; APPENDERS], messages, 1000)?;
    let mut client = client(server, SEARCHED)?;
    client.command("SELECT INBOX")?;
    // Whoever makes an index may make it now.
    for _ in 0..3 {
        client.command("UID SEARCH HEADER X-Riferimento-Message-ID <ref1@client.test>")?;
    }
    let mut rows = Vec::new();
    for (what, key, times) in [
        (
            "SEARCH X-Riferimento-Message-ID",
            "<ref{}@client.test>",
            SEARCHES,
        ),
        ("the same without brackets", "ref{}@client.test", SEARCHES),
        ("the same, a part", "ef{}@client", 3),
    ] {
        rows.push(timed(server, what, || {
            let begun = Instant::now();
            for turn in 0..times {
                if begun.elapsed() > LONG_ENOUGH {
                    return Ok(turn);
                }
                let number = (turn * 7919) % messages;
                let key = key.replace("{}", &number.to_string());
                let command = format!("UID SEARCH HEADER X-Riferimento-Message-ID {key}");
                let found = client.command(&command)?.last;
                if found.split_whitespace().count() < 3 {
                    return Err(Trouble::from(format!("{command}: {found}")));
                }
            }
            Ok(times)
        })?);
    }
    for (what, command) in [
        ("SEARCH TEXT, messages", "UID SEARCH TEXT \"il numero 77\""),
        (
            "SEARCH UNSEEN, messages",
            "UID SEARCH RETURN (COUNT) UNSEEN",
        ),
        ("SORT (SUBJECT), messages", "UID SORT (SUBJECT) UTF-8 ALL"),
        (
            "THREAD REFERENCES, messages",
            "UID THREAD REFERENCES UTF-8 ALL",
        ),
    ] {
        rows.push(timed(server, what, || {
            client.command(command)?;
            Ok(messages)
        })?);
    }
    Ok(rows)
}
