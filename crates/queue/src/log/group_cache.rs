//! The commit groups that were read lately, unpacked. Jobs are listed by id, which is no order of groups.

use hashbrown::{HashMap, hash_map::Entry};

/// The maximum size of all groups, in bytes. The keys of the ended jobs of 100,000 documents fit in.
const BYTES_MAX: usize = 24 << 20;

/// Holds groups by number. A number always means the same bytes.
#[derive(Debug, Default)]
pub(super) struct GroupCache {
    groups: HashMap<u64, Vec<u8>>,
    bytes: usize,
}

impl GroupCache {
    /// Returns a group. Calls `read` if it is not held.
    ///
    /// # Errors
    /// Returns the error of `read`.
    pub(super) fn get<E>(
        &mut self,
        number: u64,
        read: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<&[u8], E> {
        if !self.groups.contains_key(&number) {
            let group = read()?;
            // Any group may go: those that come next are not known.
            while self.bytes + group.len() > BYTES_MAX
                && let Some(any) = self.groups.keys().next().copied()
            {
                self.bytes -= self.groups.remove(&any).map_or(0, |removed| removed.len());
            }
            self.bytes += group.len();
            self.groups.insert(number, group);
        }
        Ok(match self.groups.entry(number) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(_) => unreachable!("it was just inserted"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn groups_are_read_once_while_they_fit() {
        let mut cache = GroupCache::default();
        let mut reads = 0;
        for _ in 0..2 {
            for number in 1..=4_u8 {
                let group = cache.get(number.into(), || {
                    reads += 1;
                    Ok::<_, Infallible>(vec![number; BYTES_MAX / 4])
                });
                assert_eq!(group.unwrap()[0], number);
            }
        }
        assert_eq!(reads, 4);
        let large = cache.get(5, || Ok::<_, Infallible>(vec![5; BYTES_MAX + 1])).unwrap();
        assert_eq!(large[0], 5, "a group that does not fit is held alone");
        assert_eq!((cache.groups.len(), cache.bytes), (1, BYTES_MAX + 1));
        assert_eq!(cache.get(6, || Err("unreadable")), Err("unreadable"));
        assert_eq!(cache.get(1, || Ok::<_, Infallible>(vec![1])), Ok(&[1][..]));
        assert_eq!((cache.groups.len(), cache.bytes), (1, 1));
    }
}
