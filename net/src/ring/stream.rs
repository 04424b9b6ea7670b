//! A TCP stream on the ring. A task of its own owns the reads, so that waiting for a chunk may be given
//! up without losing an octet; a write that lasts too long is ended by shutting the socket down and
//! waiting for the operation's own end. No ring operation is ever dropped while it runs.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use ceralacca_core::limits;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_uring::net::TcpStream;

/// Chunks read ahead of the session.
const CHUNKS_AHEAD: usize = 1;

/// A buffer that a session is done with, for the next read: fresh ones of changing sizes for each read
/// leave a heap full of holes.
type Spare = Rc<Cell<Vec<u8>>>;

thread_local! {
    /// Large buffers of this ring that no read is using. A connection needs one while a body comes in, and
    /// a small one again until the next: memory that is given back in between would be made ready each time.
    static LARGE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// One connection's socket.
pub(crate) struct Stream {
    tcp: Rc<TcpStream>,
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    spare: Spare,
    reader: JoinHandle<()>,
}

impl Stream {
    /// Takes over `tcp` and starts to read.
    pub(crate) fn new(tcp: TcpStream) -> Self {
        let tcp = Rc::new(tcp);
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let spare = Spare::default();
        let reader = tokio_uring::spawn(read_on(Rc::clone(&tcp), sender, Rc::clone(&spare)));
        Self {
            tcp,
            chunks,
            spare,
            reader,
        }
    }

    /// The next octets, `None` once the peer has ended. May be given up and asked again.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.chunks.recv().await.transpose()
    }

    /// Gives back a chunk that is done with.
    pub(crate) fn give_back(&self, mut chunk: Vec<u8>) {
        chunk.clear();
        if chunk.capacity() == limits::READ_BYTES_MAX {
            give_back_large(chunk);
        } else {
            self.spare.set(chunk);
        }
    }

    /// Throws away what was read ahead.
    pub(crate) fn discard(&mut self) {
        while self.chunks.try_recv().is_ok() {}
    }

    /// Writes all octets, or fails with `TimedOut` and leaves the stream shut. Not to be given up.
    pub(crate) async fn write_all(&self, octets: Vec<u8>, within: Duration) -> io::Result<Vec<u8>> {
        let write = self.tcp.write_all(octets);
        tokio::pin!(write);
        let mut late = false;
        let (result, octets) = tokio::select! {
            biased;
            done = &mut write => done,
            () = tokio::time::sleep(within) => {
                late = true;
                self.shut(Shutdown::Both);
                write.await
            }
        };
        match result {
            Ok(()) => Ok(octets),
            Err(_) if late => Err(io::ErrorKind::TimedOut.into()),
            Err(e) => Err(e),
        }
    }

    /// Ends our side, gives the peer a moment to end its own, and waits for the reader.
    pub(crate) async fn close(mut self) {
        self.shut(Shutdown::Write);
        let deadline = Instant::now() + Duration::from_secs(limits::LINGER_SECONDS_MAX);
        for _ in 0..limits::LINGER_CHUNKS_MAX {
            match timeout_at(deadline, self.chunk()).await {
                Ok(Ok(Some(_))) => {}
                _ => break,
            }
        }
        self.shut(Shutdown::Both);
        self.chunks.close();
        self.discard();
        // The reader cannot fail but by a bug, and then it has ended too.
        let _ = (&mut self.reader).await;
    }

    fn shut(&self, how: Shutdown) {
        // An error here says that the peer was quicker.
        let _ = self.tcp.shutdown(how);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The reader's operation ends by this, and with it the socket is closed.
        self.shut(Shutdown::Both);
    }
}

async fn read_on(tcp: Rc<TcpStream>, chunks: mpsc::Sender<io::Result<Vec<u8>>>, spare: Spare) {
    let mut size = limits::READ_BYTES_MIN;
    while let Ok(place) = chunks.reserve().await {
        let (result, chunk) = tcp.read(buffer(size, &spare)).await;
        match result {
            Ok(0) => return,
            Ok(length) => {
                size = next_size(size, length);
                place.send(Ok(chunk));
            }
            Err(e) => return place.send(Err(e)),
        }
    }
}

/// A buffer of this size: `spare` or one that the ring has left, where it fits.
fn buffer(size: usize, spare: &Spare) -> Vec<u8> {
    let left = match size {
        limits::READ_BYTES_MAX => LARGE.with_borrow_mut(Vec::pop).unwrap_or_default(),
        _ => spare.take(),
    };
    if left.capacity() == size {
        left
    } else {
        Vec::with_capacity(size)
    }
}

fn give_back_large(chunk: Vec<u8>) {
    LARGE.with_borrow_mut(|left| {
        if left.len() < limits::READ_BUFFERS_LEFT_MAX {
            left.push(chunk);
        }
    });
}

/// Idle connections keep small buffers, busy ones large.
fn next_size(size: usize, length: usize) -> usize {
    if length >= size {
        limits::READ_BYTES_MAX
    } else if length < limits::READ_BYTES_MIN {
        limits::READ_BYTES_MIN
    } else {
        size
    }
}
