//! The machine against a simple model (AC-11): random commands of several connections on one folder;
//! sequence numbers, UIDs, flags, EXISTS and EXPUNGE are at each moment those that the model gives.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type FlagSet = BTreeSet<String>;

/// A message as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    uid: u32,
    flags: FlagSet,
}

/// A folder as it is.
#[derive(Debug)]
struct Folder {
    messages: Vec<Message>,
    next: u32,
}

impl Folder {
    fn new() -> Self {
        Self {
            messages: Vec::new(),
            next: 1,
        }
    }

    fn add(&mut self, flags: FlagSet) -> u32 {
        let uid = self.next;
        self.next += 1;
        self.messages.push(Message { uid, flags });
        uid
    }

    fn get(&mut self, uid: u32) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.uid == uid)
    }
}

/// A connection, what it was told, and what the machine has told it last.
struct Peer {
    client: Client,
    /// By sequence number: the UID, and the flags that lines have told.
    known: Vec<(u32, Option<FlagSet>)>,
    /// The flags that SEARCH judges by: those of the last moment when the machine told anything.
    judged: Vec<FlagSet>,
    idles: bool,
    /// Since the last look at what it knows.
    spoke: bool,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Set,
    Add,
    Remove,
}

#[derive(Debug, Clone)]
enum Deed {
    Noop,
    Append(usize),
    Store(usize, usize, How, usize, bool, bool),
    Copy(usize, usize, bool, bool),
    Move(usize, usize, bool),
    Expunge,
    UidExpunge(usize, usize),
    Fetch(usize, usize, bool),
    Search(usize, bool),
    Select,
    Idle,
}

const FLAGS: [&str; 4] = ["\\Seen", "\\Deleted", "\\Flagged", "$Work"];

fn deed() -> impl Strategy<Value = Deed> {
    let how = prop_oneof![Just(How::Set), Just(How::Add), Just(How::Remove)];
    prop_oneof![
        2 => Just(Deed::Noop),
        3 => (0usize..4).prop_map(Deed::Append),
        5 => (0usize..9, 0usize..9, how, 0usize..4, any::<bool>(), any::<bool>())
            .prop_map(|(a, b, how, flag, silent, uid)| Deed::Store(a, b, how, flag, silent, uid)),
        2 => (0usize..9, 0usize..9, any::<bool>(), any::<bool>())
            .prop_map(|(a, b, home, uid)| Deed::Copy(a, b, home, uid)),
        2 => (0usize..9, 0usize..9, any::<bool>()).prop_map(|(a, b, uid)| Deed::Move(a, b, uid)),
        2 => Just(Deed::Expunge),
        1 => (0usize..9, 0usize..9).prop_map(|(a, b)| Deed::UidExpunge(a, b)),
        2 => (0usize..9, 0usize..9, any::<bool>()).prop_map(|(a, b, uid)| Deed::Fetch(a, b, uid)),
        2 => (0usize..4, any::<bool>()).prop_map(|(flag, uid)| Deed::Search(flag, uid)),
        1 => Just(Deed::Select),
        2 => Just(Deed::Idle),
    ]
}

fn flags_in(text: &str) -> FlagSet {
    let list = text.rsplit("FLAGS (").next().unwrap_or_default();
    let list = list.split(')').next().unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}

/// One house, its folders as the model sees them, its connections.
struct World {
    inbox: Folder,
    sent: Folder,
    peers: Vec<Peer>,
}

impl World {
    fn new(peers: usize) -> Self {
        let house = house();
        let peer = |_| {
            let mut client = Client::connect(&house);
            client.say("l LOGIN anna@pec.test segreto\r\nl SELECT INBOX\r\n");
            Peer {
                client,
                known: Vec::new(),
                judged: Vec::new(),
                idles: false,
                spoke: false,
            }
        };
        Self {
            inbox: Folder::new(),
            sent: Folder::new(),
            peers: (0..peers).map(peer).collect(),
        }
    }

    /// The UIDs and the command's set from numbers `a` to `b`, counted around; `None`: there is nothing.
    fn range(&self, who: usize, a: usize, b: usize, by_uid: bool) -> Option<(Vec<u32>, String)> {
        let known = &self.peers[who].known;
        let (a, b) = (a.checked_rem(known.len())?, b.checked_rem(known.len())?);
        let (a, b) = (a.min(b), a.max(b));
        let uids: Vec<u32> = known[a..=b].iter().map(|(uid, _)| *uid).collect();
        let set = match by_uid {
            true => format!("{}:{}", known[a].0, known[b].0),
            false => format!("{}:{}", a + 1, b + 1),
        };
        Some((uids, set))
    }

    fn act(&mut self, who: usize, deed: &Deed) {
        if self.peers[who].idles {
            let said = self.peers[who].client.say("DONE\r\n");
            self.peers[who].idles = false;
            self.hear(who, &said, true);
            self.settle(who);
        }
        match deed {
            Deed::Noop => self.plain(who, "a NOOP\r\n", true),
            Deed::Append(flag) => self.append(who, *flag),
            Deed::Store(a, b, how, flag, silent, by_uid) => {
                self.store(who, (*a, *b), *how, FLAGS[*flag], *silent, *by_uid);
            }
            Deed::Copy(a, b, home, by_uid) => self.copy(who, (*a, *b), *home, *by_uid),
            Deed::Move(a, b, by_uid) => self.relocate(who, (*a, *b), *by_uid),
            Deed::Expunge => {
                self.inbox
                    .messages
                    .retain(|m| !m.flags.contains("\\Deleted"));
                self.plain(who, "a EXPUNGE\r\n", true);
            }
            Deed::UidExpunge(a, b) => {
                let Some((uids, set)) = self.range(who, *a, *b, true) else {
                    return;
                };
                let goes = |m: &Message| m.flags.contains("\\Deleted") && uids.contains(&m.uid);
                self.inbox.messages.retain(|m| !goes(m));
                self.plain(who, &format!("a UID EXPUNGE {set}\r\n"), true);
            }
            Deed::Fetch(a, b, by_uid) => {
                let Some((uids, set)) = self.range(who, *a, *b, *by_uid) else {
                    return;
                };
                let word = if *by_uid { "UID " } else { "" };
                let said = self.say(who, &format!("a {word}FETCH {set} (UID FLAGS)\r\n"));
                assert!(said.matches(" FETCH (").count() >= uids.len(), "{said}");
                self.hear(who, &said, *by_uid);
            }
            Deed::Search(flag, by_uid) => self.search(who, FLAGS[*flag], *by_uid),
            Deed::Select => self.select(who),
            Deed::Idle => {
                let said = self.say(who, "a IDLE\r\n");
                assert!(said.starts_with("+ "), "{said}");
                self.peers[who].idles = true;
                self.hear(who, &said, true);
            }
        }
        if std::mem::take(&mut self.peers[who].spoke) {
            self.settle(who);
        }
        self.wake();
    }

    fn say(&mut self, who: usize, command: &str) -> String {
        self.peers[who].spoke = true;
        self.peers[who].client.say(command)
    }

    fn plain(&mut self, who: usize, command: &str, may_expunge: bool) {
        let said = self.say(who, command);
        assert!(said.contains("a OK"), "{command}{said}");
        self.hear(who, &said, may_expunge);
    }

    fn append(&mut self, who: usize, flag: usize) {
        let flag = FLAGS[flag];
        let uid = self.inbox.add(FlagSet::from([flag.to_owned()]));
        let said = self.say(who, &format!("a APPEND INBOX ({flag}) {{4+}}\r\nabcd\r\n"));
        let code = said.split("APPENDUID ").nth(1).unwrap_or_default();
        let told = code.split([' ', ']']).nth(1);
        assert_eq!(told, Some(uid.to_string().as_str()), "{said}");
        self.hear(who, &said, true);
    }

    fn store(
        &mut self,
        who: usize,
        (a, b): (usize, usize),
        how: How,
        flag: &str,
        silent: bool,
        by_uid: bool,
    ) {
        let Some((uids, set)) = self.range(who, a, b, by_uid) else {
            return;
        };
        let change = |flags: &mut FlagSet| match how {
            How::Set => *flags = FlagSet::from([flag.to_owned()]),
            How::Add => drop(flags.insert(flag.to_owned())),
            How::Remove => drop(flags.remove(flag)),
        };
        for uid in &uids {
            if let Some(message) = self.inbox.get(*uid) {
                change(&mut message.flags);
                // The client computes what it is not told.
                let known = &mut self.peers[who].known;
                let own = known.iter_mut().find(|(own, _)| own == uid);
                if let Some((_, Some(flags))) = own.filter(|_| silent) {
                    change(flags);
                }
            }
        }
        let sign = match how {
            How::Set => "",
            How::Add => "+",
            How::Remove => "-",
        };
        let word = if by_uid { "UID " } else { "" };
        let end = if silent { ".SILENT" } else { "" };
        self.plain(
            who,
            &format!("a {word}STORE {set} {sign}FLAGS{end} ({flag})\r\n"),
            by_uid,
        );
    }

    fn copy(&mut self, who: usize, (a, b): (usize, usize), home: bool, by_uid: bool) {
        let Some((uids, set)) = self.range(who, a, b, by_uid) else {
            return;
        };
        for uid in uids {
            if let Some(flags) = self.inbox.get(uid).map(|m| m.flags.clone()) {
                let goal = if home {
                    &mut self.inbox
                } else {
                    &mut self.sent
                };
                goal.add(flags);
            }
        }
        let goal = if home { "INBOX" } else { "Sent" };
        let word = if by_uid { "UID " } else { "" };
        self.plain(who, &format!("a {word}COPY {set} {goal}\r\n"), by_uid);
    }

    fn relocate(&mut self, who: usize, (a, b): (usize, usize), by_uid: bool) {
        let Some((uids, set)) = self.range(who, a, b, by_uid) else {
            return;
        };
        for uid in &uids {
            if let Some(flags) = self.inbox.get(*uid).map(|m| m.flags.clone()) {
                self.sent.add(flags);
            }
        }
        self.inbox.messages.retain(|m| !uids.contains(&m.uid));
        let word = if by_uid { "UID " } else { "" };
        self.plain(who, &format!("a {word}MOVE {set} Sent\r\n"), true);
    }

    fn search(&mut self, who: usize, flag: &str, by_uid: bool) {
        let peer = &self.peers[who];
        let found = (1..).zip(peer.known.iter().zip(&peer.judged));
        let found = found.filter(|(_, (_, flags))| flags.contains(flag));
        let expected: String = found
            .map(|(number, ((uid, _), _))| format!(" {}", if by_uid { *uid } else { number }))
            .collect();
        let key = match flag {
            "$Work" => "KEYWORD $Work".to_owned(),
            system => system[1..].to_owned(),
        };
        let word = if by_uid { "UID " } else { "" };
        let said = self.say(who, &format!("a {word}SEARCH {key}\r\n"));
        let list = said.lines().find_map(|line| line.strip_prefix("* SEARCH"));
        assert_eq!(list, Some(expected.as_str()), "{said}");
        self.hear(who, &said, by_uid);
    }

    fn select(&mut self, who: usize) {
        let said = self.say(who, "a SELECT INBOX\r\n");
        let exists = format!("* {} EXISTS\r\n", self.inbox.messages.len());
        assert!(said.contains(&exists), "{said}");
        assert!(
            said.contains(&format!("[UIDNEXT {}]", self.inbox.next)),
            "{said}"
        );
        let all = self.inbox.messages.iter();
        self.peers[who].known = all.map(|m| (m.uid, None)).collect();
    }

    /// Takes lines in, each judged by the model.
    fn hear(&mut self, who: usize, said: &str, may_expunge: bool) {
        let known = &mut self.peers[who].known;
        for line in said.lines().filter_map(|line| line.strip_prefix("* ")) {
            let Some((Ok(number), rest)) =
                line.split_once(' ').map(|(n, r)| (n.parse::<usize>(), r))
            else {
                continue;
            };
            match rest {
                "EXISTS" => {
                    let last = known.last().map_or(0, |(uid, _)| *uid);
                    let new = self.inbox.messages.iter().filter(|m| m.uid > last);
                    known.extend(new.map(|m| (m.uid, None)));
                    assert_eq!(known.len(), number, "{said}");
                }
                "EXPUNGE" => {
                    assert!(may_expunge, "{said}");
                    let (uid, _) = known.remove(number - 1);
                    assert!(
                        self.inbox.get(uid).is_none(),
                        "{uid} is still there: {said}"
                    );
                }
                "RECENT" => {}
                fetch => {
                    let (uid, flags) = &mut known[number - 1];
                    assert!(fetch.contains(&format!("UID {uid} ")), "{uid}: {said}");
                    *flags = Some(flags_in(fetch));
                }
            }
        }
    }

    /// After a command the client knows the truth, but for messages that are gone and not told.
    fn settle(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        let mut judged = Vec::with_capacity(peer.known.len());
        for (at, (uid, told)) in peer.known.iter().enumerate() {
            let truth = self.inbox.messages.iter().find(|m| m.uid == *uid);
            if let (Some(told), Some(truth)) = (told, truth) {
                assert_eq!(told, &truth.flags, "flags of {uid}");
            }
            let before = peer.judged.get(at).filter(|_| truth.is_none());
            let flags = truth.map(|m| m.flags.clone()).or_else(|| before.cloned());
            judged.push(flags.or_else(|| told.clone()).unwrap_or_default());
        }
        peer.judged = judged;
        let last = peer.known.last().map_or(0, |(uid, _)| *uid);
        let untold = self.inbox.messages.iter().filter(|m| m.uid > last).count();
        assert_eq!(untold, 0, "messages that were not told");
    }

    /// Whoever idles is told at once, everything.
    fn wake(&mut self) {
        for who in 0..self.peers.len() {
            if self.peers[who].idles {
                let client = &mut self.peers[who].client;
                client.session.wake();
                client.flush();
                let said = client.said();
                self.hear(who, &said, true);
                self.settle(who);
                let uids: Vec<u32> = self.inbox.messages.iter().map(|m| m.uid).collect();
                let known: Vec<u32> = self.peers[who].known.iter().map(|(u, _)| *u).collect();
                assert_eq!(known, uids, "who idles knows all");
            }
        }
    }
}

proptest! {
    #[test]
    fn ac_11_the_machine_is_the_model_for_every_connection(
        deeds in proptest::collection::vec((0usize..3, deed()), 1..60),
    ) {
        let mut world = World::new(3);
        for (who, deed) in &deeds {
            world.act(*who, deed);
        }
        for who in 0..world.peers.len() {
            world.act(who, &Deed::Noop);
            let known: Vec<u32> = world.peers[who].known.iter().map(|(uid, _)| *uid).collect();
            let truth: Vec<u32> = world.inbox.messages.iter().map(|m| m.uid).collect();
            prop_assert_eq!(known, truth);
            let client = &mut world.peers[who].client;
            let said = client.say("s STATUS Sent (MESSAGES UIDNEXT)\r\n");
            let counts = format!("(MESSAGES {} UIDNEXT {})", world.sent.messages.len(), world.sent.next);
            prop_assert!(said.contains(&counts), "{}", said);
        }
    }
}
