//! `--only`: chooses what is measured, and with which tools, by parts of their names.

use anyhow::bail;

/// The parts of names that were given.
#[derive(Debug)]
pub(crate) struct Only<'a> {
    parts: &'a [String],
    names_works: bool,
    names_tools: bool,
}

impl<'a> Only<'a> {
    /// Takes the parts, and the names of all works and tools.
    ///
    /// # Errors
    /// Returns an error if a part is in none of the names.
    pub(crate) fn of(parts: &'a [String], works: &[&str], tools: &[&str]) -> anyhow::Result<Self> {
        let is_in = |part: &String, names: &[&str]| names.iter().any(|name| holds(name, part));
        if let Some(unknown) = parts.iter().find(|part| !is_in(part, works) && !is_in(part, tools)) {
            bail!("'{unknown}' is in no name; there are {}; {}", works.join(", "), tools.join(", "));
        }
        let names_works = parts.iter().any(|part| is_in(part, works));
        let names_tools = parts.iter().any(|part| is_in(part, tools));
        Ok(Self { parts, names_works, names_tools })
    }

    /// Returns the works that are named, or all if no work is.
    pub(crate) fn works<T: Copy>(&self, all: &[T], name: fn(T) -> &'static str) -> Vec<T> {
        self.kept(all, name, self.names_works)
    }

    /// Returns the tools that are named, or all if no tool is.
    pub(crate) fn tools<T: Copy>(&self, all: &[T], name: fn(T) -> &'static str) -> Vec<T> {
        self.kept(all, name, self.names_tools)
    }

    fn kept<T: Copy>(&self, all: &[T], name: fn(T) -> &'static str, is_limited: bool) -> Vec<T> {
        let is_named = |one: &T| self.parts.iter().any(|part| holds(name(*one), part));
        all.iter().copied().filter(|one| !is_limited || is_named(one)).collect()
    }
}

/// Returns whether a name holds a part, in any case.
fn holds(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(&part.to_lowercase())
}
