//! Where stakes live, all in `def`.
//!
//! | Key | Value |
//! |---|---|
//! | `stake/clock` | [`Clock`] |
//! | `stake/all` | [`Global`] |
//! | `stake/owner/ ‖ owner` | [`Owner`] |
//! | `stake/pos/ ‖ owner ‖ be32(id)` | [`Position`] |
//! | `stake/book/ ‖ book` | [`Book`]; a book is `operator ‖ be32(generation)` |
//! | `stake/gen/ ‖ operator` | generation of its present book, when not 0 |
//! | `stake/in/ ‖ book ‖ owner ‖ be32(id)` | mark: the positions of a validator's book |
//! | `stake/end/ ‖ be32(day) ‖ book` | [`DayEnd`] |
//! | `stake/ended/ ‖ book ‖ be32(day)` | [`Ended`] |
//! | `stake/joined/ ‖ book ‖ be64(sequence)` | [`Joined`] |
//! | `stake/slash/ ‖ book ‖ be32(number)` | [`Slashed`] |
//! | `stake/unbind/ ‖ be64(age) ‖ owner ‖ be32(id)` | mark: when unbinding ends |

use defchain_base::{Address, AgeMillis, CodecError, Encode, Reader, StateKey, Substore};

use crate::{
    Book, BookId, Position, PositionId,
    records::{Clock, DayEnd, Ended, Global, Joined, Mark, Number, Owner, Slashed},
};

macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident $(($($field:ident: $ty:ty),*))? => $value:ty, $prefix:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name $(($(pub $ty),*))?;

        impl $name {
            /// What the keys begin with.
            pub const PREFIX: &'static [u8] = $prefix;
        }

        impl StateKey for $name {
            type Value = $value;
            const SUBSTORE: Substore = Substore::Def;

            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice($prefix);
                $(let Self($($field),*) = self; $($field.put(out);)*)?
            }
        }
    )*};
}

keys! {
    /// Staking's day and month.
    ClockKey => Clock, b"stake/clock";
    /// Sums over all books.
    GlobalKey => Global, b"stake/all";
    /// An owner.
    OwnerKey(owner: Address) => Owner, b"stake/owner/";
    /// A position.
    PositionKey(owner: Address, id: PositionId) => Position, b"stake/pos/";
    /// A book.
    BookKey(book: BookId) => Book, b"stake/book/";
    /// Which generation an operator's present book is.
    GenerationKey(operator: Address) => Number, b"stake/gen/";
    /// That a position stands in a validator's book.
    MemberKey(book: BookId, owner: Address, id: PositionId) => Mark, b"stake/in/";
    /// What ends on a day.
    DayEndKey(day: u32, book: BookId) => DayEnd, b"stake/end/";
    /// Terms that ended on a day.
    EndedKey(book: BookId, day: u32) => Ended, b"stake/ended/";
    /// An epoch that began to count positions.
    JoinedKey(book: BookId, sequence: u64) => Joined, b"stake/joined/";
    /// A slash.
    SlashedKey(book: BookId, number: u32) => Slashed, b"stake/slash/";
    /// When a position is free again.
    UnbindKey(until: AgeMillis, owner: Address, id: PositionId) => Mark, b"stake/unbind/";
}

trait Part {
    fn put(&self, out: &mut Vec<u8>);
}

impl Part for Address {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }
}

impl Part for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }
}

impl Part for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }
}

impl Part for PositionId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Part for AgeMillis {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
}

impl Part for BookId {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

/// The range of all keys that begin with `prefix`, which ends with a slash or a fixed number of bytes below 255.
#[must_use]
pub fn range_of(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut to = prefix.to_vec();
    while let Some(last) = to.pop() {
        if let Some(next) = last.checked_add(1) {
            to.push(next);
            break;
        }
    }
    (prefix.to_vec(), to)
}

/// Prefix of an owner's positions.
#[must_use]
pub fn positions_of(owner: Address) -> Vec<u8> {
    [PositionKey::PREFIX, owner.as_slice()].concat()
}

/// Prefix of a book's members.
#[must_use]
pub fn members_of(book: BookId) -> Vec<u8> {
    let mut out = MemberKey::PREFIX.to_vec();
    book.put(&mut out);
    out
}

fn tail<'k>(key: &'k [u8], prefix: &[u8]) -> Reader<'k> {
    Reader::new(key.get(prefix.len()..).unwrap_or_default())
}

/// Reads a position's key back.
///
/// # Errors
/// When it is none.
pub fn read_position_key(key: &[u8]) -> Result<(Address, PositionId), CodecError> {
    owner_and_id(&mut tail(key, PositionKey::PREFIX))
}

/// Reads a member's key back: whose position.
///
/// # Errors
/// When it is none.
pub fn read_member_key(key: &[u8]) -> Result<(Address, PositionId), CodecError> {
    let mut reader = tail(key, MemberKey::PREFIX);
    reader.take(24, "member key")?;
    owner_and_id(&mut reader)
}

/// Reads a key of the unbinding queue back.
///
/// # Errors
/// When it is none.
pub fn read_unbind_key(key: &[u8]) -> Result<UnbindKey, CodecError> {
    let mut reader = tail(key, UnbindKey::PREFIX);
    let until = AgeMillis(reader.u64("unbind key")?);
    let (owner, id) = owner_and_id(&mut reader)?;
    Ok(UnbindKey(until, owner, id))
}

/// Reads a key of a day's end back.
///
/// # Errors
/// When it is none.
pub fn read_day_end_key(key: &[u8]) -> Result<DayEndKey, CodecError> {
    let mut reader = tail(key, DayEndKey::PREFIX);
    let day = reader.u32("day end key")?;
    let book = read_book(&mut reader)?;
    reader.finish()?;
    Ok(DayEndKey(day, book))
}

/// Reads a book's key back.
///
/// # Errors
/// When it is none.
pub fn read_book_key(key: &[u8]) -> Result<BookId, CodecError> {
    let mut reader = tail(key, BookKey::PREFIX);
    let book = read_book(&mut reader)?;
    reader.finish()?;
    Ok(book)
}

fn read_book(reader: &mut Reader<'_>) -> Result<BookId, CodecError> {
    <BookId as defchain_base::Decode>::decode(reader)
}

fn owner_and_id(reader: &mut Reader<'_>) -> Result<(Address, PositionId), CodecError> {
    let owner = Address::from(reader.array::<20>("owner in a key")?);
    let id = PositionId(reader.u32("id in a key")?);
    reader.finish()?;
    Ok((owner, id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn key_encodings_are_frozen() {
        let owner = Address::repeat_byte(0x11);
        let book = BookId { operator: Address::repeat_byte(0x22), generation: 1 };
        let id = PositionId(258);
        let (a, b) = ([0x11; 20], [&[0x22_u8; 20][..], &[0, 0, 0, 1]].concat());
        assert_eq!(ClockKey.to_key(), b"stake/clock");
        assert_eq!(GlobalKey.to_key(), b"stake/all");
        assert_eq!(OwnerKey(owner).to_key(), [&b"stake/owner/"[..], &a].concat());
        assert_eq!(PositionKey(owner, id).to_key(), [&b"stake/pos/"[..], &a, &[0, 0, 1, 2]].concat());
        assert_eq!(BookKey(book).to_key(), [&b"stake/book/"[..], &b].concat());
        assert_eq!(GenerationKey(owner).to_key(), [&b"stake/gen/"[..], &a].concat());
        assert_eq!(MemberKey(book, owner, id).to_key(), [&b"stake/in/"[..], &b, &a, &[0, 0, 1, 2]].concat());
        assert_eq!(DayEndKey(7, book).to_key(), [&b"stake/end/\x00\x00\x00\x07"[..], &b].concat());
        assert_eq!(EndedKey(book, 7).to_key(), [&b"stake/ended/"[..], &b, &[0, 0, 0, 7]].concat());
        assert_eq!(JoinedKey(book, 7).to_key(), [&b"stake/joined/"[..], &b, &[0, 0, 0, 0, 0, 0, 0, 7]].concat());
        assert_eq!(SlashedKey(book, 7).to_key(), [&b"stake/slash/"[..], &b, &[0, 0, 0, 7]].concat());
        let unbind = UnbindKey(AgeMillis(7), owner, id);
        assert_eq!(
            unbind.to_key(),
            [&b"stake/unbind/\x00\x00\x00\x00\x00\x00\x00\x07"[..], &a, &[0, 0, 1, 2]].concat()
        );
        assert_eq!(read_unbind_key(&unbind.to_key()).unwrap(), unbind);
        assert_eq!(read_position_key(&PositionKey(owner, id).to_key()).unwrap(), (owner, id));
        assert_eq!(read_member_key(&MemberKey(book, owner, id).to_key()).unwrap(), (owner, id));
        assert_eq!(read_day_end_key(&DayEndKey(7, book).to_key()).unwrap(), DayEndKey(7, book));
        assert_eq!(read_book_key(&BookKey(book).to_key()).unwrap(), book);
    }

    #[test]
    fn a_prefix_ends_before_the_next() {
        assert_eq!(range_of(b"a/").1, b"a0");
        assert_eq!(range_of(&[1, 255, 255]).1, [2]);
    }
}
