//! What happened in a run, as hashes: every request, answer and write of every replica, in order.

use core::fmt;

use super::failure::Phase;

/// A hash that is fed piece by piece. For comparing runs, not against forgers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x5851_f42d_4c95_7f2d)
    }
}

impl Digest {
    fn word(self, word: u64) -> Self {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let product = u128::from(self.0 ^ word).wrapping_mul(ODD) ^ u128::from(word);
        Self((product as u64) ^ ((product >> 64) as u64).rotate_left(31))
    }

    /// Takes a number in.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.word(number ^ 0xa5a5_a5a5_a5a5_a5a5)
    }

    /// Takes bytes in, with their length.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let chunks = bytes.chunks_exact(8);
        let rest = chunks.remainder();
        let digest = chunks.fold(self.word(bytes.len() as u64), |digest, chunk| {
            digest.word(chunk.try_into().map_or(0, u64::from_le_bytes))
        });
        rest.iter().fold(digest, |digest, byte| digest.word(u64::from(*byte)))
    }

    /// Takes a list in, with its length.
    #[must_use]
    pub fn list<T: AsRef<[u8]>>(self, list: &[T]) -> Self {
        list.iter().fold(self.number(list.len() as u64), |digest, item| digest.bytes(item.as_ref()))
    }

    /// What it is so far.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// One call of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Height that the call was about.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Whose.
    pub replica: usize,
    /// Which call.
    pub phase: Phase,
    /// Hash of the request.
    pub request: u64,
    /// Hash of the answer; 0 when there was none.
    pub answer: u64,
    /// Hash of what was written meanwhile; 0 for nothing.
    pub writes: u64,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, round, replica, phase, request, answer, writes } = self;
        write!(
            f,
            "height {height} round {round} replica {replica} {phase}: request {request:016x}, answer {answer:016x}, \
             writes {writes:016x}"
        )
    }
}

/// All calls of a run.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    events: Vec<Event>,
}

/// Where two runs part: what each did next, `None` when it had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// How many events agree.
    pub agreeing: usize,
    /// The first run's.
    pub first: Option<Event>,
    /// The second run's.
    pub second: Option<Event>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |event: Option<Event>| event.map_or_else(|| "nothing: it had ended".to_owned(), |e| e.to_string());
        write!(
            f,
            "the runs agree in {} events, then one has {}; the other {}",
            self.agreeing,
            show(self.first),
            show(self.second)
        )
    }
}

impl Audit {
    pub(super) fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// A hash over everything.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let digest = self.events.iter().fold(Digest::default(), |digest, e| {
            let place = digest.number(e.height).number(u64::from(e.round)).number(e.replica as u64);
            place.number(e.phase as u64).number(e.request).number(e.answer).number(e.writes)
        });
        digest.get()
    }

    /// The first event in which two runs differ.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<Difference> {
        let agreeing = self.events.iter().zip(&other.events).take_while(|(a, b)| a == b).count();
        let (first, second) = (self.events.get(agreeing).copied(), other.events.get(agreeing).copied());
        (first.is_some() || second.is_some()).then_some(Difference { agreeing, first, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(height: u64, answer: u64) -> Event {
        Event { height, round: 0, replica: 1, phase: Phase::Commit, request: 5, answer, writes: 0 }
    }

    #[test]
    fn the_first_differing_event_is_named_with_height_and_call() {
        let run = |answers: &[u64]| {
            let mut audit = Audit::default();
            (1..).zip(answers).for_each(|(height, answer)| audit.note(event(height, *answer)));
            audit
        };
        assert_eq!(run(&[1, 2, 3]).first_difference(&run(&[1, 2, 3])), None);
        assert_eq!(run(&[1, 2, 3]).digest(), run(&[1, 2, 3]).digest());
        let parted = run(&[1, 2, 3]).first_difference(&run(&[1, 9, 3]));
        assert_eq!(parted, Some(Difference { agreeing: 1, first: Some(event(2, 2)), second: Some(event(2, 9)) }));
        assert!(parted.is_some_and(|d| d.to_string().contains("height 2 round 0 replica 1 Commit")));
        let ended = run(&[1]).first_difference(&run(&[1, 2]));
        assert_eq!(ended, Some(Difference { agreeing: 1, first: None, second: Some(event(2, 2)) }));
        assert_ne!(run(&[1, 2]).digest(), run(&[2, 1]).digest());
    }

    #[test]
    fn a_digest_tells_where_one_piece_ends_and_the_next_begins() {
        let digest = |list: &[&[u8]]| Digest::default().list(list).get();
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"abc"]), digest(&[b"abc", b""]));
        assert_ne!(digest(&[b"12345678"]), digest(&[b"123456789"]));
        assert_eq!(digest(&[b"12345678", b"x"]), digest(&[b"12345678", b"x"]));
    }
}
