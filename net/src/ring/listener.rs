//! Listening sockets: bound once per ring with `SO_REUSEPORT`, so that the kernel spreads connections,
//! and stopped by shutting them down, never by dropping an accept that runs.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio_uring::net::{TcpListener, TcpStream};

/// Connections that the kernel holds for us until we accept them.
const BACKLOG: i32 = 1024;
/// Files have run out, or the like: wait before the next accept.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets of one address, one per ring, and what stops them.
pub(crate) struct Bound {
    /// The address with its port.
    pub(crate) address: SocketAddr,
    /// One per ring.
    pub(crate) sockets: Vec<StdListener>,
    /// Second handles on the same sockets.
    pub(crate) stops: Vec<Stop>,
}

/// Stops a listening socket, from any thread.
pub(crate) struct Stop(Socket);

impl Stop {
    /// The accept that waits ends, and no other begins.
    pub(crate) fn stop(&self) {
        // It can only fail because the socket is shut already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Binds `address` for `rings` rings. For port 0 the first socket chooses and the others follow.
pub(crate) fn bind(address: SocketAddr, rings: usize) -> io::Result<Bound> {
    refuse_shared_port(address)?;
    let mut bound = Bound {
        address,
        sockets: Vec::new(),
        stops: Vec::new(),
    };
    for _ in 0..rings {
        let socket = new_socket(bound.address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&bound.address.into())?;
        bound.stops.push(Stop(socket.try_clone()?));
        let socket = StdListener::from(socket);
        bound.address = socket.local_addr()?;
        bound.sockets.push(socket);
    }
    Ok(bound)
}

/// `SO_REUSEPORT` would let us share a port with another process of ours and lose connections to it.
fn refuse_shared_port(address: SocketAddr) -> io::Result<()> {
    let socket = new_socket(address)?;
    socket.bind(&address.into())
}

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Lets all sockets of `bound` take connections: after all are bound, so that a failure leaves none
/// that accepts.
pub(crate) fn listen(bound: &Bound) -> io::Result<()> {
    bound
        .stops
        .iter()
        .try_for_each(|stop| stop.0.listen(BACKLOG))
}

/// Accepts until the socket is stopped. The one long-lived accept task of its socket.
pub(crate) async fn accept_on(
    socket: StdListener,
    is_stopping: impl Fn() -> bool,
    mut take: impl FnMut(TcpStream, SocketAddr),
) {
    let listener = TcpListener::from_std(socket);
    while !is_stopping() {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Our replies are whole already: nothing to wait for.
                let _ = stream.set_nodelay(true);
                take(stream, peer);
            }
            // A stopped socket answers EINVAL.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rings_share_the_port_that_the_first_was_given() {
        let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 3).expect("bound");
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.sockets.len(), 3);
        for socket in &bound.sockets {
            assert_eq!(socket.local_addr().expect("address"), bound.address);
        }
    }

    #[test]
    fn a_port_that_another_process_shares_is_refused() {
        let theirs = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1).expect("bound");
        listen(&theirs).expect("listening");
        let error = bind(theirs.address, 1).err().expect("refused");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_stop_ends_the_accept_that_waits() {
        let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1).expect("bound");
        listen(&bound).expect("listening");
        let mut sockets = bound.sockets;
        let socket = sockets.pop().expect("one");
        let ring = crate::ring::runtime().expect("a ring");
        ring.block_on(async move {
            let accept = tokio_uring::spawn(accept_on(socket, || false, |_, _| ()));
            tokio::task::yield_now().await;
            bound.stops.iter().for_each(Stop::stop);
            accept.await.expect("the task ends");
        });
    }
}
