//! Cuts into what a run observed: each cut must change something, or the test that asks for it fails.

use ceralacca_admin::client::SubmitReply;
use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::{Observed, Trial};
use ceralacca_core::wording::words::MessageKind;

/// The trial called `name`.
pub fn trial<'a>(observed: &'a mut Observed, name: &str) -> &'a mut Trial {
    observed
        .trials
        .get_mut(name)
        .unwrap_or_else(|| panic!("no trial {name}"))
}

/// All letters of a trial.
fn letters(trial: &mut Trial) -> impl Iterator<Item = &mut Letter> {
    trial
        .sender
        .iter_mut()
        .chain(&mut trial.recipient)
        .chain(&mut trial.remote)
}

/// Changes each letter of one kind by `cut`; at least one must change.
pub fn change(
    observed: &mut Observed,
    name: &str,
    kind: MessageKind,
    cut: impl Fn(&Letter) -> Letter,
) {
    let mut any = false;
    for letter in letters(trial(observed, name)).filter(|l| l.kind() == Some(kind)) {
        let after = cut(letter);
        any |= after.octets() != letter.octets();
        *letter = after;
    }
    assert!(any, "nothing changed in {kind:?} of {name}");
}

/// Puts `to` in the place of the first `from` in each letter of one kind.
pub fn first(observed: &mut Observed, name: &str, kind: MessageKind, from: &str, to: &str) {
    change(observed, name, kind, |letter| replaced(letter, from, to, 1));
}

/// Puts `to` in the place of each `from`.
pub fn every(observed: &mut Observed, name: &str, kind: MessageKind, from: &str, to: &str) {
    change(observed, name, kind, |letter| {
        replaced(letter, from, to, usize::MAX)
    });
}

fn replaced(letter: &Letter, from: &str, to: &str, most: usize) -> Letter {
    let text = String::from_utf8(letter.octets().to_vec()).expect("letters of ours are ASCII");
    Letter::new(letter.name(), text.replacen(from, to, most).into_bytes())
}

/// Edits the certification data of each letter of one kind.
pub fn xml(observed: &mut Observed, name: &str, kind: MessageKind, from: &str, to: &str) {
    change(observed, name, kind, |letter| {
        let data = String::from_utf8(letter.xml().expect("certification data")).unwrap();
        let edited = data.replace(from, to);
        assert_ne!(edited, data, "{from:?} is not in {data}");
        let part = letter.files("daticert.xml").remove(0);
        let place = |at: u64| usize::try_from(at).unwrap();
        let encoded = data_encoding::BASE64_MIME.encode(edited.as_bytes());
        let octets = [
            &letter.octets()[..place(part.body.start)],
            encoded.trim_end().as_bytes(),
            &letter.octets()[place(part.body.end)..],
        ];
        Letter::new(letter.name(), octets.concat())
    });
}

/// Puts a part before the certification data of each letter of one kind.
pub fn add_part(observed: &mut Observed, name: &str, kind: MessageKind, part: &str) {
    change(observed, name, kind, |letter| {
        let text = String::from_utf8(letter.octets().to_vec()).unwrap();
        let at = text
            .find("Content-Type: application/xml")
            .expect("certification data");
        let boundary = text[..at].trim_end().rsplit("\r\n").next().unwrap();
        let added = format!("{}{part}\r\n{boundary}\r\n{}", &text[..at], &text[at..]);
        Letter::new(letter.name(), added.into_bytes())
    });
}

/// Adds an outer field before `From:`.
pub fn add_field(observed: &mut Observed, name: &str, kind: MessageKind, field: &str) {
    first(
        observed,
        name,
        kind,
        "From: ",
        &format!("{field}\r\nFrom: "),
    );
}

/// Turns round each run of forty hexadecimal digits that is a line.
pub fn turn_hashes(observed: &mut Observed, name: &str) {
    change(observed, name, MessageKind::Delivery, |letter| {
        let text = String::from_utf8(letter.octets().to_vec()).unwrap();
        let is_hash = |line: &str| line.len() == 40 && line.bytes().all(|b| b.is_ascii_hexdigit());
        let turned = |line: &str| line.chars().rev().collect::<String>();
        let lines = text.split("\r\n");
        let lines: Vec<String> = lines
            .map(|line| {
                if is_hash(line) {
                    turned(line)
                } else {
                    line.to_owned()
                }
            })
            .collect();
        Letter::new(letter.name(), lines.join("\r\n").into_bytes())
    });
}

/// Takes all letters of one kind away.
pub fn lose(observed: &mut Observed, name: &str, kind: MessageKind) {
    let trial = trial(observed, name);
    let before = trial.letters().count();
    for letters in [&mut trial.sender, &mut trial.recipient, &mut trial.remote] {
        letters.retain(|letter| letter.kind() != Some(kind));
    }
    assert!(trial.letters().count() < before, "{name} has no {kind:?}");
}

/// A copy of a letter of another trial comes into a mailbox of this one.
pub fn stray(observed: &mut Observed, from: (&str, MessageKind), name: &str, to_sender: bool) {
    let letter = observed.trials[from.0].of(from.1)[0].clone();
    let letter = Letter::new(format!("{name}/stray.eml"), letter.octets().to_vec());
    let trial = trial(observed, name);
    match to_sender {
        true => trial.sender.push(letter),
        false => trial.recipient.push(letter),
    }
}

/// A message that had to be refused was accepted instead.
pub fn accept(observed: &mut Observed, name: &str) {
    lose(observed, name, MessageKind::NonAcceptance);
    stray(observed, ("standard", MessageKind::Acceptance), name, true);
}

/// Another reply in a dialogue; `index` counts from its end where it is negative.
pub fn reply(observed: &mut Observed, name: &str, index: isize, code: u16, text: &str) {
    let exchanges = observed.dialogues.get_mut(name).expect("the dialogue");
    let exchanges = exchanges.as_mut().expect("it was held");
    let place = match usize::try_from(index) {
        Ok(place) => place,
        Err(_) => exchanges.len() - index.unsigned_abs(),
    };
    let fresh = SubmitReply {
        code,
        text: text.to_owned(),
    };
    assert_ne!(exchanges[place].reply, fresh);
    exchanges[place].reply = fresh;
}
