//! Any input, and clients that believe every line.

use proptest::prelude::*;

use super::*;

fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("a "),
        Just("\r\n"),
        Just("SELECT INBOX\r\n"),
        Just("b FETCH "),
        Just("1:* "),
        Just("(BODY[] FLAGS)\r\n"),
        Just("c UID FETCH *:1 (ENVELOPE BODYSTRUCTURE BODY[1.2.MIME]<3.4>)\r\n"),
        Just("d STORE 1 +FLAGS (x)\r\n"),
        Just("e SEARCH TEXT a OR SUBJECT b 1\r\n"),
        Just("f APPEND INBOX {5}\r\n"),
        Just("g APPEND INBOX {3+}\r\n"),
        Just("12345\r\n"),
        Just("h IDLE\r\n"),
        Just("DONE\r\n"),
        Just("i EXPUNGE\r\n"),
        Just("j MOVE 1 Sent\r\n"),
        Just("k CLOSE\r\n"),
        Just("l LIST \"\" *\r\n"),
        Just("m AUTHENTICATE PLAIN\r\n"),
        Just("n CREATE a/b\r\n"),
        Just("{99}\r\n"),
        Just("o RENAME INBOX y\r\n"),
        Just("p ENABLE QRESYNC UTF8=ACCEPT IMAP4rev2\r\n"),
        Just("q SELECT INBOX (QRESYNC (1 2 1:9 (1:4 2:5)))\r\n"),
        Just("r UID FETCH 1:* (MODSEQ PREVIEW EMAILID) (CHANGEDSINCE 1 VANISHED)\r\n"),
        Just("s FETCH 1:* (BINARY[1]<1.2> BINARY.SIZE[1] BINARY.PEEK[])\r\n"),
        Just("t STORE 1:* (UNCHANGEDSINCE 2) +FLAGS.SILENT (\\Deleted)\r\n"),
        Just("u STATUS INBOX (HIGHESTMODSEQ MAILBOXID)\r\n"),
        Just("v CREATE \"à\" (USE (\\Archive))\r\n"),
        Just("w APPEND INBOX UTF8 (~{3+}\r\nabc)\r\n"),
        Just("x COMPRESS DEFLATE\r\n"),
        Just("y SEARCH RETURN (SAVE) ALL\r\nz FETCH $ SAVEDATE\r\n"),
    ];
    let piece = prop_oneof![
        8 => word.prop_map(|w| w.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// What a client that believes every line knows of its folder: a flag word per message.
#[derive(Default)]
struct Believer(Vec<Option<String>>);

impl Believer {
    fn hear(&mut self, said: &str) {
        for line in said.lines().filter_map(|line| line.strip_prefix("* ")) {
            let Some((number, rest)) = line.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            match rest {
                "EXISTS" => {
                    assert!(number >= self.0.len(), "EXISTS never shrinks");
                    self.0.resize(number, None);
                }
                "EXPUNGE" => drop(self.0.remove(number - 1)),
                "RECENT" => {}
                fetch => {
                    let flags = fetch
                        .rsplit("FLAGS (")
                        .next()
                        .and_then(|f| f.split(')').next());
                    self.0[number - 1] = flags.map(str::to_owned);
                }
            }
        }
    }
}

const DEEDS: [&str; 9] = [
    "a NOOP",
    "a STORE 1 +FLAGS (\\Deleted)",
    "a STORE 2:* +FLAGS (\\Flagged $K)",
    "a UID STORE 1:* -FLAGS (\\Deleted)",
    "a EXPUNGE",
    "a FETCH 1:* FLAGS",
    "a UID MOVE 2:3 INBOX",
    "a COPY 1 INBOX",
    "a SEARCH ALL",
];

proptest! {
    #[test]
    fn ac_11_clients_that_believe_every_line_know_the_folder(
        deeds in proptest::collection::vec((0usize..3, 0usize..DEEDS.len()), 0..40),
    ) {
        let house = house();
        (0..4).for_each(|_| house.deliver("A: b\r\n\r\nc"));
        let mut clients: Vec<(Client, Believer)> = Vec::new();
        for _ in 0..3 {
            let mut client = Client::connect(&house);
            let mut believer = Believer::default();
            client.say("l LOGIN anna@pec.test segreto\r\n");
            believer.hear(&client.say("s SELECT INBOX\r\n"));
            believer.hear(&client.say("f FETCH 1:* FLAGS\r\n"));
            clients.push((client, believer));
        }
        for (who, what) in deeds {
            let (client, believer) = &mut clients[who];
            believer.hear(&client.say(&format!("{}\r\n", DEEDS[what])));
        }
        let folder = house.view.folder(BOX, FolderId::INBOX).expect("there");
        for (client, believer) in &mut clients {
            believer.hear(&client.say("n NOOP\r\n"));
            prop_assert_eq!(believer.0.len(), folder.messages.size());
            let mut truth = Believer::default();
            truth.0.resize(folder.messages.size(), None);
            truth.hear(&client.say("t FETCH 1:* FLAGS\r\n"));
            for (known, true_flags) in believer.0.iter().zip(&truth.0) {
                // Of a new message no flags were told, and none were asked for.
                prop_assert!(known.is_none() || known == true_flags);
            }
        }
    }

    #[test]
    fn ac_02_no_client_makes_the_machine_panic_or_hoard(octets in words(), piece in 1usize..50) {
        let house = house();
        house.deliver(MESSAGE);
        house.deliver("Subject: b\r\n\r\na");
        let mut client = Client::connect(&house);
        client.say("z LOGIN anna@pec.test segreto\r\n");
        client.send(&octets, piece);
        prop_assert!(client.most < 3 * limits::IMAP_CHUNK_BYTES);
    }
}
