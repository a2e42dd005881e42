//! Records in a row: taken in at the end, in order of their offsets, and let go anywhere.
//!
//! Offsets mostly follow on each other and mostly go in their order, so a record is found by counting from the first one, and its
//! place is given up when all before it are gone. A map would look for it, and move its neighbours about.

use std::collections::VecDeque;

/// Things by their offsets.
#[derive(Debug)]
pub struct Row<T> {
    /// In order; `None` is gone. The first is not.
    places: VecDeque<(i64, Option<T>)>,
    /// How many are not gone.
    count: usize,
}

impl<T> Row<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self { places: VecDeque::new(), count: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds one at the end: its offset is above all others.
    pub fn push(&mut self, offset: i64, thing: T) {
        debug_assert!(self.places.back().is_none_or(|(last, _)| *last < offset), "in order");
        self.places.push_back((offset, Some(thing)));
        self.count += 1;
    }

    /// The first one.
    pub fn first(&self) -> Option<(i64, &T)> {
        self.iter().next()
    }

    /// The one at this offset.
    pub fn get(&self, offset: i64) -> Option<&T> {
        self.places[self.find(offset)?].1.as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, offset: i64) -> Option<&mut T> {
        let place = self.find(offset)?;
        self.places[place].1.as_mut()
    }

    /// Lets one go.
    pub fn remove(&mut self, offset: i64) -> Option<T> {
        let place = self.find(offset)?;
        let thing = self.places[place].1.take()?;
        self.count -= 1;
        while self.places.front().is_some_and(|(_, thing)| thing.is_none()) {
            self.places.pop_front();
        }
        // One that stays for long must not keep the places of all that came and went behind it.
        if self.places.len() > 2 * self.count + 64 {
            self.places.retain(|(_, thing)| thing.is_some());
        }
        Some(thing)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.places.iter().filter_map(|(offset, thing)| Some((*offset, thing.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (i64, &mut T)> {
        self.places.iter_mut().filter_map(|(offset, thing)| Some((*offset, thing.as_mut()?)))
    }

    /// Those from an offset on.
    pub fn from(&self, offset: i64) -> impl Iterator<Item = (i64, &T)> {
        let place = self.places.partition_point(|(at, _)| *at < offset);
        self.places.range(place..).filter_map(|(offset, thing)| Some((*offset, thing.as_ref()?)))
    }

    fn find(&self, offset: i64) -> Option<usize> {
        let (first, _) = self.places.front()?;
        let guess = usize::try_from(offset - first).ok()?;
        match self.places.get(guess) {
            Some((at, _)) if *at == offset => Some(guess),
            _ => self.places.binary_search_by_key(&offset, |(at, _)| *at).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_row_is_a_map_of_ascending_offsets(steps in prop::collection::vec((0..3_i64, any::<prop::sample::Index>(), any::<bool>()), 1..400)) {
            let (mut row, mut map, mut next) = (Row::new(), BTreeMap::new(), 0);
            for (hole, at, removes) in steps {
                next += 1 + hole;
                row.push(next, next);
                map.insert(next, next);
                let offset = at.index(usize::try_from(next + 2).expect("not negative")) as i64;
                if removes {
                    prop_assert_eq!(row.remove(offset), map.remove(&offset));
                }
                prop_assert_eq!(row.get(offset), map.get(&offset));
                prop_assert_eq!((row.len(), row.is_empty()), (map.len(), map.is_empty()));
                prop_assert_eq!(row.first(), map.first_key_value().map(|(at, thing)| (*at, thing)));
                prop_assert!(row.iter().eq(map.iter().map(|(at, thing)| (*at, thing))));
                prop_assert!(row.from(offset).eq(map.range(offset..).map(|(at, thing)| (*at, thing))));
                prop_assert!(row.places.len() <= 2 * row.len() + 65, "places of what is gone are given up");
            }
        }
    }
}
