//! Measures that need the order of the tokens: the growth of the vocabulary, and the moving type-token ratio.

use std::collections::{HashMap, VecDeque};

/// The size of the window of the moving average, in tokens.
pub(crate) const WINDOW: usize = 500;

/// Measures a document while it takes the tokens in order.
#[derive(Debug, Default)]
pub(crate) struct LexicalDiversity {
    /// A number for each distinct token, in the order of their first occurrence.
    numbers: HashMap<Box<[u8]>, usize>,
    tokens: u64,
    /// The last tokens, and the number of times that each distinct token is among them.
    window: VecDeque<usize>,
    in_window: Vec<u32>,
    distinct_in_window: u64,
    /// The sum of the distinct tokens of all whole windows.
    distinct_sum: u64,
    /// Numbers of tokens (1, 2, 4, 8, …) with the number of distinct tokens up to there.
    growth: Vec<(u64, u64)>,
}

impl LexicalDiversity {
    /// Takes the next token.
    pub(crate) fn add(&mut self, token: &[u8]) {
        let number = self.number(token);
        if self.window.len() == WINDOW
            && let Some(first) = self.window.pop_front()
        {
            self.in_window[first] -= 1;
            self.distinct_in_window -= u64::from(self.in_window[first] == 0);
        }
        self.window.push_back(number);
        self.distinct_in_window += u64::from(self.in_window[number] == 0);
        self.in_window[number] += 1;
        if self.window.len() == WINDOW {
            self.distinct_sum += self.distinct_in_window;
        }
        self.tokens += 1;
        // Powers of two are evenly spaced on the logarithmic scale of the fit, and few.
        if self.tokens.is_power_of_two() {
            self.growth.push((self.tokens, self.numbers.len() as u64));
        }
    }

    fn number(&mut self, token: &[u8]) -> usize {
        // Looked up by reference first: only a new token is copied.
        if let Some(number) = self.numbers.get(token) {
            return *number;
        }
        let number = self.numbers.len();
        self.numbers.insert(token.into(), number);
        self.in_window.push(0);
        number
    }

    /// Returns the mean type-token ratio of all windows (MATTR, Covington and McFall 2010), or `None` if the
    /// text is shorter than a window.
    pub(crate) fn moving_ratio(&self) -> Option<f64> {
        let windows = (self.tokens + 1).checked_sub(WINDOW as u64).filter(|windows| *windows > 0)?;
        Some(self.distinct_sum as f64 / windows as f64 / WINDOW as f64)
    }

    /// Returns numbers of tokens with the number of distinct tokens up to there: at powers of two and at the
    /// end.
    pub(crate) fn growth(&self) -> Vec<(u64, u64)> {
        let mut growth = self.growth.clone();
        if !self.tokens.is_power_of_two() && self.tokens > 0 {
            growth.push((self.tokens, self.numbers.len() as u64));
        }
        growth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_move_by_one_token() {
        let mut all_the_same = LexicalDiversity::default();
        (0..WINDOW + 10).for_each(|_| all_the_same.add(b"a"));
        assert_eq!(all_the_same.moving_ratio(), Some(1.0 / WINDOW as f64));
        let mut all_different = LexicalDiversity::default();
        (0..WINDOW + 10).for_each(|n| all_different.add(n.to_string().as_bytes()));
        assert_eq!(all_different.moving_ratio(), Some(1.0));
        let mut two_halves = LexicalDiversity::default();
        (0..WINDOW).for_each(|_| two_halves.add(b"a"));
        (0..WINDOW).for_each(|n| two_halves.add(n.to_string().as_bytes()));
        // 1, 2, … 500 distinct ones and at the end 500 without the first: (1 + 2 + … + 500 + 500) / 501 /
        // 500.
        let expected = (500.0 * 501.0 / 2.0 + 500.0) / 501.0 / 500.0;
        assert!((two_halves.moving_ratio().unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_short_text_has_no_window_and_its_growth_ends_with_it() {
        let mut short = LexicalDiversity::default();
        assert_eq!((short.moving_ratio(), short.growth()), (None, Vec::new()));
        ["a", "b", "a", "c", "a"].iter().for_each(|token| short.add(token.as_bytes()));
        assert_eq!(short.growth(), [(1, 1), (2, 2), (4, 3), (5, 3)]);
        assert_eq!(short.moving_ratio(), None);
    }
}
