//! Places on one ring, counted together and by who takes them (SE-10): connections by source address,
//! messages under way by mailbox. A place gives itself back when dropped.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use tokio::sync::Notify;

struct Taken<K> {
    all: usize,
    by_key: HashMap<K, usize>,
    freed: Rc<Notify>,
}

/// The places of one ring.
pub(crate) struct Slots<K: Hash + Eq + Clone> {
    taken: Rc<RefCell<Taken<K>>>,
    most: usize,
    most_of_one: usize,
}

/// A place that is taken.
pub(crate) struct Slot<K: Hash + Eq + Clone> {
    taken: Rc<RefCell<Taken<K>>>,
    key: K,
}

/// Whose connections are counted together: an IPv6 network of 64 bits is one customer.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

impl<K: Hash + Eq + Clone> Slots<K> {
    /// `most` places, `most_of_one` for one taker.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            taken: Rc::new(RefCell::new(Taken {
                all: 0,
                by_key: HashMap::new(),
                freed: Rc::default(),
            })),
            most,
            most_of_one,
        }
    }

    /// Takes a place for `key`; `None` when there is none.
    pub(crate) fn take(&self, key: K) -> Option<Slot<K>> {
        let mut taken = self.taken.borrow_mut();
        let of_one = taken.by_key.get(&key).copied().unwrap_or(0);
        if taken.all >= self.most || of_one >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        taken.by_key.insert(key.clone(), of_one + 1);
        Some(Slot {
            taken: Rc::clone(&self.taken),
            key,
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

impl<K: Hash + Eq + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.borrow_mut();
        taken.all -= 1;
        taken.freed.notify_one();
        if let Some(of_one) = taken.by_key.get_mut(&self.key) {
            *of_one -= 1;
            if *of_one == 0 {
                taken.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one_source() {
        let of = |text: &str| source(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

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
