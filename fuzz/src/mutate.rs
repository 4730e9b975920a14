//! Mutations that depend on a seed only.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

/// Longest input that mutation makes of a shorter one.
const MAX_BYTES: usize = 64 * 1024;
/// Values at which decoders change their minds.
const BYTES: [u8; 10] = [0, 1, 2, 0x7f, 0x80, 0xc0, 0xf8, 0xfe, 0xff, b'0'];
const WORDS: [u32; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0xffff, 0x0010_0000, 0x0001_0000];
/// Pieces of JSON, TOML and numbers.
const PIECES: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "18446744073709551616",
    "\"0x\"",
    "\"0x0\"",
    "\"latest\"",
    "\\u0000",
    "\u{fffd}",
    "[[[[[[[[",
    "{\"a\":",
    " ",
    "\n",
];

impl Dice {
    /// Dice that fall as `seed` says.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        if self.below(2) == 0 { BYTES[self.below(BYTES.len())] } else { self.roll().to_le_bytes()[0] }
    }
}

/// One to four changes of `data`; `other` is another input of the same target.
#[must_use]
pub fn mutate(dice: &mut Dice, data: &[u8], other: &[u8], text: bool) -> Vec<u8> {
    let mut out = data.to_vec();
    for _ in 0..=dice.below(4) {
        if text && dice.below(3) == 0 {
            let piece = PIECES[dice.below(PIECES.len())].as_bytes();
            let at = dice.below(out.len() + 1);
            out.splice(at..at, piece.iter().copied());
        } else {
            change(dice, &mut out, other);
        }
    }
    out.truncate(MAX_BYTES.max(data.len()));
    out
}

fn change(dice: &mut Dice, out: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(out.len() + 1);
    let span = |dice: &mut Dice, len: usize| {
        let from = dice.below(len + 1);
        let most = if dice.below(2) == 0 { 8 } else { 256 };
        from..(from + dice.below(most) + 1).min(len)
    };
    match dice.below(11) {
        0 if at < out.len() => out[at] ^= 1 << dice.below(8),
        1 if at < out.len() => out[at] = dice.byte(),
        2 => {
            let byte = dice.byte();
            out.insert(at, byte);
        }
        3 => drop(out.drain(span(dice, out.len()))),
        4 => {
            let again = out[span(dice, out.len())].to_vec();
            out.splice(at..at, again);
        }
        5 => out.truncate(at),
        6 | 7 => {
            // Counts and lengths are big-endian here.
            let word = WORDS[dice.below(WORDS.len())].to_be_bytes();
            let width = [1, 2, 4][dice.below(3)];
            for (to, from) in out.iter_mut().skip(at).zip(&word[4 - width..]) {
                *to = *from;
            }
        }
        8 => {
            let piece = other[span(dice, other.len())].to_vec();
            out.splice(at..at, piece);
        }
        9 => {
            out.truncate(at);
            out.extend_from_slice(&other[dice.below(other.len() + 1)..]);
        }
        _ => {
            // A length that is one off.
            if let Some(byte) = out.get_mut(at) {
                *byte = if dice.below(2) == 0 { byte.wrapping_add(1) } else { byte.wrapping_sub(1) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_seed_others() {
        let make = |seed| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| mutate(&mut dice, b"{\"a\": [1, 2]}", b"other", true)).collect::<Vec<_>>()
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
        let changed = make(7).iter().filter(|input| input.as_slice() != b"{\"a\": [1, 2]}").count();
        assert!(changed > 150, "{changed} of 200 inputs differ from what they were made of");
    }

    #[test]
    fn nothing_is_made_longer_than_the_bound_and_an_empty_input_is_mutated_too() {
        let mut dice = Dice::new(1);
        let mut data = Vec::new();
        for _ in 0..5_000 {
            data = mutate(&mut dice, &data, &[1; 2_000], false);
            assert!(data.len() <= MAX_BYTES);
        }
    }
}
