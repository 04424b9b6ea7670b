//! A name server of its own on loopback, over UDP: what it answers can be changed while it runs. A name
//! that nobody put into it does not exist.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, MX, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Seconds for which answers may be kept: none, so that a change is seen at once.
const TTL: u32 = 0;

#[derive(Default)]
struct Names {
    records: HashMap<String, Vec<RData>>,
    failing: HashSet<String>,
    silent: HashSet<String>,
    asked: Vec<(String, RecordType)>,
}

/// The name server; dropped, it ends.
pub struct Zone {
    address: SocketAddr,
    names: Arc<Mutex<Names>>,
    thread: Option<JoinHandle<()>>,
}

impl Zone {
    /// Starts an empty one.
    pub fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("an address");
        let names = Arc::new(Mutex::new(Names::default()));
        let mine = Arc::clone(&names);
        let thread = std::thread::spawn(move || serve(&socket, &mine));
        Self {
            address,
            names,
            thread: Some(thread),
        }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `name MX preference host`; `.` as host is the null MX.
    pub fn mx(&self, name: &str, preference: u16, host: &str) -> &Self {
        self.put(name, RData::MX(MX::new(preference, absolute(host))))
    }

    /// `name A address` or `AAAA`.
    pub fn address_of(&self, name: &str, address: impl Into<IpAddr>) -> &Self {
        self.put(
            name,
            match address.into() {
                IpAddr::V4(v4) => RData::A(A(v4)),
                IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
            },
        )
    }

    /// `name TXT text`, cut into strings of 255 octets.
    pub fn txt(&self, name: &str, text: &str) -> &Self {
        let pieces = text.as_bytes().chunks(255);
        let pieces = pieces.map(|piece| String::from_utf8_lossy(piece).into_owned());
        self.put(name, RData::TXT(TXT::new(pieces.collect())))
    }

    /// Forgets a name.
    pub fn remove(&self, name: &str) {
        self.names().records.remove(&key(name));
    }

    /// Answers SERVFAIL for a name, or no more.
    pub fn fails(&self, name: &str, is_failing: bool) {
        switch(&mut self.names().failing, name, is_failing);
    }

    /// Says nothing when asked for a name, or no more.
    pub fn is_silent(&self, name: &str, is_silent: bool) {
        switch(&mut self.names().silent, name, is_silent);
    }

    /// How often a name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        let key = key(name);
        self.names()
            .asked
            .iter()
            .filter(|(name, _)| *name == key)
            .count()
    }

    fn put(&self, name: &str, data: RData) -> &Self {
        self.names()
            .records
            .entry(key(name))
            .or_default()
            .push(data);
        self
    }

    fn names(&self) -> std::sync::MutexGuard<'_, Names> {
        self.names.lock().expect("no thread failed")
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        // An empty datagram is no question: it ends the thread.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn absolute(name: &str) -> Name {
    Name::from_ascii(format!("{}.", key(name))).expect("a name")
}

fn switch(set: &mut HashSet<String>, name: &str, on: bool) {
    if on {
        set.insert(key(name));
    } else {
        set.remove(&key(name));
    }
}

fn serve(socket: &UdpSocket, names: &Mutex<Names>) {
    let mut datagram = [0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut datagram) else {
            return;
        };
        if length == 0 {
            return;
        }
        let Ok(question) = Message::from_vec(&datagram[..length]) else {
            continue;
        };
        let answer = answer(&question, &mut names.lock().expect("no thread failed"));
        if let Some(octets) = answer.and_then(|answer| answer.to_vec().ok()) {
            let _ = socket.send_to(&octets, peer);
        }
    }
}

fn answer(question: &Message, names: &mut Names) -> Option<Message> {
    let query = question.queries.first()?;
    let (name, kind) = (key(&query.name().to_ascii()), query.query_type());
    names.asked.push((name.clone(), kind));
    if names.silent.contains(&name) {
        return None;
    }
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    match names.records.get(&name) {
        _ if names.failing.contains(&name) => {
            answer.metadata.response_code = ResponseCode::ServFail;
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(records) => {
            for data in records.iter().filter(|data| data.record_type() == kind) {
                let name = query.name().clone();
                answer.add_answer(Record::from_rdata(name, TTL, data.clone()));
            }
        }
    }
    Some(answer)
}
