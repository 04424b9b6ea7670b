//! Places for connections on one ring, counted together and by source address (SE-10). A place gives
//! itself back when dropped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use tokio::sync::Notify;

#[derive(Default)]
struct Taken {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
    freed: Rc<Notify>,
}

/// The places of one ring.
#[derive(Clone)]
pub(crate) struct Slots {
    taken: Rc<RefCell<Taken>>,
    most: usize,
    most_of_one: usize,
}

/// A place that is taken.
pub(crate) struct Slot {
    taken: Rc<RefCell<Taken>>,
    source: IpAddr,
}

impl Slots {
    /// `most` places, `most_of_one` for one source address.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            taken: Rc::default(),
            most,
            most_of_one,
        }
    }

    /// Takes a place for a connection from `source`; `None` when there is none.
    pub(crate) fn take(&self, source: IpAddr) -> Option<Slot> {
        let mut taken = self.taken.borrow_mut();
        let of_source = taken.by_source.get(&source).copied().unwrap_or(0);
        if taken.all >= self.most || of_source >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        taken.by_source.insert(source, of_source + 1);
        Some(Slot {
            taken: Rc::clone(&self.taken),
            source,
        })
    }

    /// Waits until no place is taken.
    pub(crate) async fn all_free(&self) {
        loop {
            let freed = {
                let taken = self.taken.borrow();
                if taken.all == 0 {
                    return;
                }
                Rc::clone(&taken.freed)
            };
            freed.notified().await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.borrow_mut();
        taken.all -= 1;
        taken.freed.notify_one();
        if let Some(of_source) = taken.by_source.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_10_places_are_bounded_together_and_by_source_and_come_back() {
        let slots = Slots::new(3, 2);
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = slots.take(a);
        let _second = slots.take(a);
        assert!(
            first.is_some() && slots.take(a).is_none(),
            "two of one source"
        );
        let _third = slots.take(b);
        assert!(slots.take(b).is_none(), "three together");
        drop(first);
        assert!(slots.take(a).is_some());
    }
}
