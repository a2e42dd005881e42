//! Places for connections: so many in all, and so many for one address.
//!
//! A place is taken when a connection is accepted and given back when its handle is dropped. What becomes of those who get
//! none is the accept loop's to say.

use crate::http::Full;
use crate::record::Party;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of one kind. Clones are the same places.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<Party, usize>,
}

/// A place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    party: Option<Party>,
}

impl Seats {
    /// `most` places in all, `most_of_one` for each address.
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self(Arc::new(Inner { most, most_of_one, taken: Mutex::default() }))
    }

    /// Takes a place for a connection from `address`; one without an address is counted in all alone.
    pub fn take(&self, address: Option<IpAddr>) -> Result<Seat, Full> {
        let party = address.map(Party::of);
        let mut taken = self.taken();
        if taken.all >= self.0.most {
            return Err(Full::InAll);
        }
        if let Some(party) = party {
            let of_this = taken.of.entry(party).or_default();
            if *of_this >= self.0.most_of_one {
                return Err(Full::ForAddress);
            }
            *of_this += 1;
        }
        taken.all += 1;
        Ok(Seat { seats: self.clone(), party })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all -= 1;
        let Some(party) = self.party else { return };
        if let Some(of_this) = taken.of.get_mut(&party) {
            *of_this -= 1;
            if *of_this == 0 {
                taken.of.remove(&party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn one_address_cannot_take_all_places_and_what_is_given_back_is_free() {
        let seats = Seats::new(3, 2);
        let first = seats.take(address("192.0.2.1")).expect("free");
        let _second = seats.take(address("::ffff:192.0.2.1")).expect("free");
        assert_eq!(seats.take(address("192.0.2.1")).err(), Some(Full::ForAddress));
        let third = seats.take(address("192.0.2.2")).expect("free");
        assert_eq!(seats.take(address("192.0.2.3")).err(), Some(Full::InAll));
        assert_eq!(seats.take(None).err(), Some(Full::InAll));
        drop((first, third));
        let _again = seats.take(address("192.0.2.1")).expect("free again");
        let _local = seats.take(None).expect("free again");
        assert!(seats.taken().of.len() == 1, "who has left is forgotten");
    }

    #[test]
    fn the_addresses_of_one_customer_of_ipv6_are_one() {
        let seats = Seats::new(9, 1);
        let _one = seats.take(address("2001:db8:1:2::1")).expect("free");
        assert_eq!(seats.take(address("2001:db8:1:2:ffff::2")).err(), Some(Full::ForAddress));
        let _other = seats.take(address("2001:db8:1:3::1")).expect("free");
    }
}
