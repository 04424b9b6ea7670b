//! What the domain of a reverse path says of the server that hands in (RFC 7208), asked while the body
//! comes. Guarantees an answer within [`limits::SPF_SECONDS_MAX`], `Unknown` where none could be had. It
//! decides nothing but whether a report may go to that path (MX-05).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ceralacca_core::address::Address;
use ceralacca_core::intake::Spf;
use ceralacca_core::limits;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, SpfResult};

use crate::NetError;
use crate::conn::within;
use crate::relay::name_servers;

/// Asks the domains of senders. Of one ring.
pub(crate) struct SenderDomains(MessageAuthenticator);

impl SenderDomains {
    /// Asks `dns`, or whom this machine asks. Made inside the runtime.
    pub(crate) fn new(dns: Option<SocketAddr>) -> Result<Self, NetError> {
        Ok(Self(MessageAuthenticator(name_servers(dns)?)))
    }

    /// Whether `peer`, which calls itself `helo`, may send for the domain of `reverse_path`; `host` are
    /// we.
    pub(crate) async fn judge(
        &self,
        peer: IpAddr,
        helo: &str,
        host: &str,
        reverse_path: &Address,
    ) -> Spf {
        let question = SpfParameters::verify_mail_from(peer, helo, host, reverse_path.as_str());
        let most = Duration::from_secs(limits::SPF_SECONDS_MAX);
        let output = within(most, self.0.verify_spf(question)).await;
        output.map_or(Spf::Unknown, |output| judged(output.result()))
    }
}

fn judged(result: SpfResult) -> Spf {
    match result {
        SpfResult::Pass => Spf::Pass,
        SpfResult::Fail => Spf::Fail,
        SpfResult::SoftFail | SpfResult::Neutral | SpfResult::None | SpfResult::PermError => {
            Spf::None
        }
        SpfResult::TempError => Spf::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Instant;

    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, TXT};
    use hickory_resolver::proto::rr::{RData, Record, RecordType};

    use super::*;

    /// What a name server on loopback says; `silent.example` gets no answer.
    fn data(name: &str, kind: RecordType) -> Option<RData> {
        let txt = |text: &str| Some(RData::TXT(TXT::new(vec![text.to_owned()])));
        match (name, kind) {
            ("good.example.", RecordType::TXT) => txt("v=spf1 ip4:192.0.2.7 -all"),
            ("bad.example.", RecordType::TXT) => txt("v=spf1 ip4:192.0.2.8 -all"),
            ("soft.example.", RecordType::TXT) => txt("v=spf1 ~all"),
            ("host.example.", RecordType::TXT) => txt("v=spf1 a:mx.host.example -all"),
            ("mx.host.example.", RecordType::A) => Some(RData::A(A(Ipv4Addr::new(192, 0, 2, 7)))),
            _ => None,
        }
    }

    fn name_server() -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("an address");
        std::thread::spawn(move || {
            let mut datagram = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut datagram) {
                let question = Message::from_vec(&datagram[..length]).expect("a question");
                let query = question.queries.first().expect("a query").clone();
                let name = query.name().to_ascii();
                if name == "silent.example." {
                    continue;
                }
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                match data(&name, query.query_type()) {
                    Some(data) => {
                        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                    }
                    None => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                answer.add_query(query);
                let octets = answer.to_vec().expect("an answer");
                socket.send_to(&octets, peer).expect("sent");
            }
        });
        address
    }

    #[test]
    fn mx_05_what_the_senders_domain_says_is_known_or_unknown_in_time() {
        let dns = name_server();
        let ring = crate::ring::runtime().expect("a ring");
        ring.block_on(async {
            let domains = SenderDomains::new(Some(dns)).expect("a resolver");
            for (domain, says) in [
                ("good.example", Spf::Pass),
                ("host.example", Spf::Pass),
                ("bad.example", Spf::Fail),
                ("BAD.Example", Spf::Fail),
                ("soft.example", Spf::None),
                ("none.example", Spf::None),
                ("silent.example", Spf::Unknown),
            ] {
                let path = Address::parse(&format!("a@{domain}")).expect("valid");
                let peer = IpAddr::from([192, 0, 2, 7]);
                let start = Instant::now();
                let found = domains.judge(peer, "mx.other.example", "mail.pec.example", &path);
                assert_eq!(found.await, says, "{domain}");
                let most = Duration::from_secs(limits::SPF_SECONDS_MAX + 5);
                assert!(start.elapsed() < most, "{domain}");
            }
        });
    }
}
