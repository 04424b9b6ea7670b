//! Where a domain takes its mail (RFC 5321 §5.1): its MX hosts by preference, equals in random order; its
//! address record when it has none; nobody by a null MX (RFC 7505). Guarantees that what DNS says for
//! good is told apart from what it cannot say now, and that mail never goes round in our own house.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ceralacca_core::address::Domain;
use ceralacca_core::limits;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError as LookupError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use crate::NetError;

/// A host that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name, without a final dot.
    pub name: String,
    /// Where it is.
    pub addresses: Vec<IpAddr>,
}

/// Why a domain has no host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHost {
    /// For good; an enhanced status code and why.
    Refused(&'static str, String),
    /// Not now.
    Deferred(String),
}

/// Finds hosts.
pub struct Resolver {
    dns: TokioResolver,
    port: u16,
    /// Where this appliance takes mail.
    own: Vec<SocketAddr>,
}

impl Resolver {
    /// Asks `dns`, or whom this machine asks. `own` are the addresses on which this appliance listens.
    /// Made inside the runtime.
    pub fn new(dns: Option<SocketAddr>, port: u16, own: Vec<SocketAddr>) -> Result<Self, NetError> {
        let dns = name_servers(dns)?;
        Ok(Self { dns, port, own })
    }

    /// The hosts of `domain`, in the order in which they are to be tried.
    pub async fn hosts(&self, domain: &Domain) -> Result<Vec<Host>, NoHost> {
        let name = format!("{domain}.");
        let exchanges = match self.dns.lookup(name.as_str(), RecordType::MX).await {
            Ok(found) => exchanges(found.answers().iter().map(|record| &record.data)),
            Err(error) => match judged(&error) {
                Judged::NoName => return Err(no_such_domain(domain)),
                Judged::NoRecord => Vec::new(),
                Judged::Trouble => return Err(NoHost::Deferred(told(domain.as_str(), &error))),
            },
        };
        if exchanges.is_empty() {
            return self.alone(domain).await;
        }
        if let [(_, null)] = exchanges.as_slice()
            && null.is_empty()
        {
            let reply = format!("{domain} takes no mail (null MX)");
            return Err(NoHost::Refused("5.1.10", reply));
        }
        self.addresses(domain, exchanges).await
    }

    /// A domain without MX is its own host.
    async fn alone(&self, domain: &Domain) -> Result<Vec<Host>, NoHost> {
        match self.lookup(domain.as_str()).await {
            Ok(addresses) if addresses.iter().any(|ip| self.is_us(*ip)) => Err(own_house(domain)),
            Ok(addresses) => Ok(vec![Host {
                name: domain.to_string(),
                addresses,
            }]),
            Err(error) => match judged(&error) {
                Judged::NoName => Err(no_such_domain(domain)),
                Judged::NoRecord => {
                    let reply = format!("{domain} has no host for mail");
                    Err(NoHost::Refused("5.1.2", reply))
                }
                Judged::Trouble => Err(NoHost::Deferred(told(domain.as_str(), &error))),
            },
        }
    }

    async fn addresses(
        &self,
        domain: &Domain,
        exchanges: Vec<(u16, String)>,
    ) -> Result<Vec<Host>, NoHost> {
        let mut hosts = Vec::new();
        let mut ours = None;
        let mut trouble = None;
        for (preference, name) in exchanges.into_iter().take(limits::RELAY_EXCHANGES_MAX) {
            // RFC 5321 §5.1: we may pass mail on only to hosts that are preferred to us.
            if ours.is_some_and(|ours| preference >= ours) {
                break;
            }
            match self.lookup(&name).await {
                Ok(addresses) if addresses.iter().any(|ip| self.is_us(*ip)) => {
                    ours = Some(preference);
                    hosts.retain(|(other, _)| *other < preference);
                }
                Ok(addresses) => hosts.push((preference, Host { name, addresses })),
                Err(error) if matches!(judged(&error), Judged::Trouble) => {
                    trouble = Some(told(&name, &error));
                }
                // A host without address is none.
                Err(_) => {}
            }
        }
        match (hosts.is_empty(), trouble, ours) {
            (false, ..) => Ok(hosts.into_iter().map(|(_, host)| host).collect()),
            (true, Some(trouble), _) => Err(NoHost::Deferred(trouble)),
            (true, None, Some(_)) => Err(own_house(domain)),
            (true, None, None) => {
                let reply = format!("no host that takes mail for {domain} has an address");
                Err(NoHost::Refused("5.4.4", reply))
            }
        }
    }

    async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let found = self.dns.lookup_ip(format!("{name}.")).await?;
        let addresses = found.iter().take(limits::RELAY_ADDRESSES_MAX);
        Ok(addresses.map(|ip| ip.to_canonical()).collect())
    }

    /// This appliance itself listens where we would connect to.
    fn is_us(&self, ip: IpAddr) -> bool {
        self.own.iter().any(|own| {
            let is_there = own.ip() == ip || (own.ip().is_unspecified() && is_of_this_machine(ip));
            own.port() == self.port && is_there
        })
    }
}

/// A machine without `resolv.conf` may run a name server itself.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// Asks `server`, or whom this machine asks. Made inside the runtime.
pub(crate) fn name_servers(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        Some(server) => asking(server),
        None => TokioResolver::builder_tokio().unwrap_or_else(|error| {
            // Mail then waits until there is one; all else goes on.
            ceralacca_core::warning!("the system names no name server ({error}); {LOCAL} is asked");
            asking(LOCAL)
        }),
    };
    set(builder.options_mut());
    let refused = |e: LookupError| NetError::OperatorDns(e.to_string());
    builder.build().map_err(refused)
}

fn asking(server: SocketAddr) -> ResolverBuilder<TokioRuntimeProvider> {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

fn set(options: &mut ResolverOpts) {
    options.timeout = Duration::from_secs(limits::RELAY_DNS_SECONDS_MAX);
    options.attempts = 2;
    options.cache_size = limits::RELAY_DNS_CACHE_MAX;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // Mail goes by the DNS alone (TE-14).
    options.use_hosts_file = ResolveHosts::Never;
    let longest = Duration::from_secs(limits::RELAY_DNS_KEPT_SECONDS_MAX);
    options.positive_max_ttl = Some(longest);
    options.negative_max_ttl = Some(longest);
}

/// MX records by preference; equals in random order.
fn exchanges<'a>(records: impl Iterator<Item = &'a RData>) -> Vec<(u16, String)> {
    let exchange = |data: &RData| match data {
        RData::MX(mx) => {
            let name = mx.exchange.to_ascii();
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let chance = u16::from_be_bytes(ceralacca_core::random::bytes());
            Some((mx.preference, chance, name))
        }
        _ => None,
    };
    let mut found: Vec<_> = records.filter_map(exchange).collect();
    found.sort();
    // A null MX among others means nothing.
    let is_alone = found.len() == 1;
    let real = found
        .into_iter()
        .filter(|(_, _, name)| is_alone || !name.is_empty());
    real.map(|(preference, _, name)| (preference, name))
        .collect()
}

enum Judged {
    NoName,
    NoRecord,
    Trouble,
}

fn judged(error: &LookupError) -> Judged {
    let LookupError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return Judged::Trouble;
    };
    match none.response_code {
        ResponseCode::NXDomain => Judged::NoName,
        ResponseCode::NoError => Judged::NoRecord,
        _ => Judged::Trouble,
    }
}

fn told(name: &str, error: &LookupError) -> String {
    format!("the DNS does not say where {name} is: {error}")
}

fn no_such_domain(domain: &Domain) -> NoHost {
    NoHost::Refused("5.1.2", format!("the domain {domain} does not exist"))
}

fn own_house(domain: &Domain) -> NoHost {
    let reply = format!("the mail of {domain} would come back to this server");
    NoHost::Refused("5.4.6", reply)
}

/// An address that a socket can be bound to is one of this machine.
fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}
