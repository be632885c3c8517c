//! Which connection does a token name.
//!
//! A token is an index with a generation. Readiness, timers and an application's late `send` may speak of a
//! connection that has gone and whose place another has taken: the generation tells them apart.

use slab::Slab;

/// Names one connection for its whole life and never another one of the same table (until 2³² have used its place).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    generation: u32,
    index: u32,
}

impl Token {
    /// As a number, for the kernel to give back.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn new(generation: u32, index: u32) -> Self {
        Self { generation, index }
    }

    pub(crate) fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn generation(self) -> u32 {
        self.generation
    }

    /// The generation of the next newcomer. The two highest are left out: `u64::MAX` and its neighbours name the alarm
    /// and the listeners.
    pub(crate) fn generation_after(generation: u32) -> u32 {
        if generation >= u32::MAX - 2 { 0 } else { generation + 1 }
    }

    /// The inverse of [`Token::as_u64`].
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // both halves are meant
    pub fn from_u64(raw: u64) -> Self {
        Self { generation: (raw >> 32) as u32, index: raw as u32 }
    }
}

/// Connections (or what a driver wraps around them) by token.
#[derive(Debug)]
pub struct Table<T> {
    slab: Slab<(u32, T)>,
    generation: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slab: Slab::new(), generation: 0 }
    }
}

impl<T> Table<T> {
    /// Puts in what `make` makes of the token it will have, or nothing if it makes none.
    pub fn insert_with(&mut self, make: impl FnOnce(Token) -> Option<T>) -> Option<Token> {
        self.generation = Token::generation_after(self.generation);
        let generation = self.generation;
        let entry = self.slab.vacant_entry();
        // A table never holds 2³² connections: descriptors are fewer.
        let token = Token { generation, index: u32::try_from(entry.key()).unwrap_or(u32::MAX) };
        entry.insert((generation, make(token)?));
        Some(token)
    }

    /// The one that `token` names, if it is still there.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        match self.slab.get_mut(token.index as usize) {
            Some((generation, value)) if *generation == token.generation => Some(value),
            _ => None,
        }
    }

    /// The one that `token` names, if it is still there.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&T> {
        match self.slab.get(token.index as usize) {
            Some((generation, value)) if *generation == token.generation => Some(value),
            _ => None,
        }
    }

    /// Takes out the one that `token` names.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        Some(self.slab.remove(token.index as usize).1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().map(|(_, (_, value))| value)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// The tokens of all, as of now.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // see `insert_with`
    pub fn tokens(&self) -> Vec<Token> {
        self.slab
            .iter()
            .map(|(index, (generation, _))| Token { generation: *generation, index: index as u32 })
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_name_the_successor_in_its_place() {
        let mut table = Table::default();
        let first = table.insert_with(|_| Some("first")).unwrap();
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert_with(|_| Some("second")).unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(second), Some(&mut "second"));
        assert_eq!(table.remove(first), None);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_token_survives_the_kernel() {
        let mut table = Table::default();
        let token = table.insert_with(|_| Some(())).unwrap();
        assert_eq!(Token::from_u64(token.as_u64()), token);
        assert_eq!(table.tokens(), [token]);
    }
}
