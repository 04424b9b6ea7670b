//! Against servers that answer badly, late, in part or not at all: never clean.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use super::*;

/// A command and, for `INSTREAM`, the message.
type Taken = (Vec<u8>, Vec<u8>);

/// Reads one command.
fn take(stream: &mut dyn Read) -> Taken {
    let (mut command, mut octet) = (Vec::new(), [0]);
    while stream.read_exact(&mut octet).is_ok() && octet[0] != 0 {
        command.push(octet[0]);
    }
    let mut message = Vec::new();
    let mut length = [0; 4];
    while command == b"zINSTREAM" && stream.read_exact(&mut length).is_ok() {
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            break;
        }
        let before = message.len();
        message.resize(before + length, 0);
        stream.read_exact(&mut message[before..]).unwrap();
    }
    (command, message)
}

/// A server that takes one command and says `answer`; gives what it took.
fn server(answer: &'static [u8]) -> (String, JoinHandle<Taken>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let taken = take(&mut stream);
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        taken
    };
    (address, std::thread::spawn(serve))
}

fn clamd(addresses: &str) -> Clamd {
    Clamd::new(format!("clamd:{addresses}").parse().unwrap(), 72)
}

fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn vi_11_the_message_is_streamed_as_it_is() {
    let message: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let (address, served) = server(b"stream: OK\0");
    let verdict = clamd(&address).scan(&mut &message[..]);
    assert_eq!(verdict, Ok(ScanVerdict::Clean));
    let (command, taken) = served.join().unwrap();
    assert_eq!(command, b"zINSTREAM");
    assert!(taken == message, "every octet, in order");
}

#[test]
fn vi_10_partial_garbled_and_repeated_answers_are_no_verdict() {
    let answers: [&'static [u8]; 8] = [
        b"",
        b"stream: OK",
        b"stream: O",
        b"stream: OK\n",
        b"stream: OK\0stream: OK\0",
        b"HTTP/1.1 200 OK\r\n\r\n\0",
        b"Can't open file or directory ERROR\0",
        b"\xff\xfe\0",
    ];
    for answer in answers {
        let (address, served) = server(answer);
        let verdict = clamd(&address).scan(&mut &b"x"[..]);
        let away = verdict.unwrap_err();
        assert!(away.0.contains(&address), "{answer:?}: {away}");
        served.join().unwrap();
    }
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let (address, served) = server(Box::leak(vec![b'x'; 100_000].into_boxed_slice()));
    let away = clamd(&address).scan(&mut &b"x"[..]).unwrap_err();
    assert!(away.0.contains("no end"), "{away}");
    // It may fail to write all that it had to say.
    drop(served.join());
}

#[test]
fn vi_10_a_server_that_ends_in_the_middle_is_away_and_one_that_finds_too_much_says_so() {
    for (answer, is_long) in [
        (&b""[..], false),
        (b"stream: OK\0", false),
        (b"INSTREAM size limit exceeded. ERROR\0", true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serve = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 4096]).unwrap();
            stream.write_all(answer).unwrap();
        });
        // Larger than any socket's buffers.
        let message = vec![b'x'; 64 * 1024 * 1024];
        let verdict = clamd(&address).scan(&mut &message[..]);
        let told = matches!(verdict, Ok(ScanVerdict::TooLong(_)));
        assert_eq!((told, verdict.is_err()), (is_long, !is_long), "{verdict:?}");
        serve.join().unwrap();
    }
}

#[test]
fn a_dead_server_gives_way_to_the_next_and_none_is_away() {
    for order in [true, false] {
        let (alive, served) = server(b"stream: X FOUND\0");
        let gone = dead();
        let pair = if order { [gone, alive] } else { [alive, gone] };
        let verdict = clamd(&pair.join(",")).scan(&mut &b"x"[..]);
        assert_eq!(verdict, Ok(ScanVerdict::Infected("X".to_owned())));
        served.join().unwrap();
    }
    let (one, other) = (dead(), dead());
    let away = clamd(&format!("{one},{other}")).scan(&mut &b"x"[..]);
    let away = away.unwrap_err();
    assert!(away.0.contains(&one) && away.0.contains(&other), "{away}");
    assert!(clamd("/nowhere/clamd.ctl").scan(&mut &b"x"[..]).is_err());
}

#[test]
fn a_message_that_cannot_be_read_to_its_end_is_never_clean() {
    struct Broken(bool);
    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("gone"));
            }
            into[0] = b'x';
            Ok(1)
        }
    }
    let (address, served) = server(b"stream: OK\0");
    let away = clamd(&address).scan(&mut Broken(false)).unwrap_err();
    assert!(away.0.contains("the message cannot be read"), "{away}");
    drop(served.join());
}

#[test]
fn vi_10_health_asks_each_server_and_an_old_one_is_not_asked_to_scan() {
    let now = Instant::from_ctime("Wed Nov 25 12:00:00 2026").unwrap();
    let (fresh, first) = server(b"ClamAV 1.4.6/27900/Wed Nov 25 08:00:00 2026\0");
    let health = clamd(&fresh).health(now);
    assert!(health.reachable && health.alarm.is_none(), "{health:?}");
    assert_eq!(health.signatures_at, Some(now.plus_millis(-4 * 3_600_000)));
    assert_eq!(first.join().unwrap().0, b"zVERSION");

    let (old, second) = server(b"ClamAV 1.4.6/27000/Fri Nov 20 08:00:00 2026\0");
    let scanner = clamd(&old);
    let health = scanner.health(now);
    assert!(!health.reachable, "{health:?}");
    assert!(health.alarm.unwrap().contains("counts as no scanner"));
    second.join().unwrap();
    let away = scanner.scan(&mut &b"x"[..]).unwrap_err();
    assert!(away.0.contains("older than 72 hours"), "{away}");

    let (undated, third) = server(b"ClamAV 1.4.6\0");
    let health = clamd(&format!("{undated},{}", dead())).health(now);
    assert!(health.reachable, "{health:?}");
    let alarm = health.alarm.unwrap();
    assert!(alarm.contains("no date") && alarm.contains("; "), "{alarm}");
    third.join().unwrap();
}

#[test]
fn a_unix_socket_is_spoken_to_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let listener = UnixListener::bind(&path).unwrap();
    let serve = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        take(&mut stream);
        stream.write_all(b"stream: OK\0").unwrap();
    });
    let verdict = clamd(path.to_str().unwrap()).scan(&mut &b"x"[..]);
    assert_eq!(verdict, Ok(ScanVerdict::Clean));
    serve.join().unwrap();
}
