//! Governed parameters: each module's set, in `sys`, every one with its bounds (D36a: within bounds no parameter leaves).

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Amount, Bps, Decode, Encode, StateError, StateKey, StateRead, StateReadExt, StateWrite, StateWriteExt, Substore,
};

/// A parameter with the range it may be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ParamBound {
    /// Its name, as in genesis and in proposals.
    pub name: &'static str,
    /// What it is.
    pub value: u128,
    /// Least.
    pub min: u128,
    /// Greatest.
    pub max: u128,
    /// Its unit.
    pub unit: &'static str,
}

/// Why a parameter was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No such name.
    #[error("{module} has no parameter {name:?}: there are {known}")]
    Unknown {
        /// The module asked.
        module: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Outside its range.
    #[error("{module}.{name} cannot be {value} {unit}: {min} to {max}")]
    OutOfBounds {
        /// The module asked.
        module: &'static str,
        /// Its name.
        name: &'static str,
        /// What was asked for.
        value: u128,
        /// Least.
        min: u128,
        /// Greatest.
        max: u128,
        /// Unit.
        unit: &'static str,
    },
    /// In their ranges, but not together.
    #[error("{module}: {why}")]
    Together {
        /// The module asked.
        module: &'static str,
        /// Which values contradict each other.
        why: String,
    },
}

/// A module's parameters. Made by [`crate::module_params!`].
pub trait ModuleParams: Encode + Decode + Default + Clone + PartialEq + Serialize + DeserializeOwned {
    /// The module's name: `staking`.
    const MODULE: &'static str;

    /// Every parameter with its bounds.
    fn bounds(&self) -> Vec<ParamBound>;

    /// Sets one by name, unchecked against its bounds; whether there is such a name and the value fits its type.
    fn assign(&mut self, name: &str, value: u128) -> bool;

    /// What is wrong with values that are each in bounds.
    fn contradiction(&self) -> Option<String> {
        None
    }

    /// Every value that breaks a rule, in words.
    fn problems(&self) -> Vec<String> {
        let outside = self.bounds().into_iter().filter(|b| !(b.min..=b.max).contains(&b.value));
        let mut found: Vec<String> =
            outside.map(|b| format!("{} is {}, must be {} to {} {}", b.name, b.value, b.min, b.max, b.unit)).collect();
        found.extend(self.contradiction());
        found
    }

    /// The same with one value changed.
    ///
    /// # Errors
    /// When there is no such name, or the value breaks a bound.
    fn with(&self, name: &str, value: u128) -> Result<Self, ParamError> {
        let bounds = self.bounds();
        let Some(bound) = bounds.iter().find(|b| b.name == name) else {
            let known = bounds.iter().map(|b| b.name).collect::<Vec<_>>().join(", ");
            return Err(ParamError::Unknown { module: Self::MODULE, name: name.to_owned(), known });
        };
        let ParamBound { name, min, max, unit, .. } = *bound;
        let mut changed = self.clone();
        if !(min..=max).contains(&value) || !changed.assign(name, value) {
            return Err(ParamError::OutOfBounds { module: Self::MODULE, name, value, min, max, unit });
        }
        match changed.contradiction() {
            Some(why) => Err(ParamError::Together { module: Self::MODULE, why }),
            None => Ok(changed),
        }
    }

    /// Reads them; a state whose genesis did not write them has the defaults.
    ///
    /// # Errors
    /// When the store fails.
    fn load<S: StateRead + ?Sized>(state: &S) -> Result<Self, StateError> {
        Ok(state.read(&ParamsKey::<Self>(core::marker::PhantomData))?.unwrap_or_default())
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the store fails.
    fn store<S: StateWrite + ?Sized>(&self, state: &mut S) -> Result<(), StateError> {
        state.write(&ParamsKey::<Self>(core::marker::PhantomData), self)
    }
}

/// Where they live: `params/` ‖ module, in `sys`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParamsKey<P>(pub core::marker::PhantomData<P>);

impl<P> ParamsKey<P> {
    /// The key.
    #[must_use]
    pub const fn key() -> Self {
        Self(core::marker::PhantomData)
    }
}

impl<P: ModuleParams> StateKey for ParamsKey<P> {
    type Value = P;
    const SUBSTORE: Substore = Substore::Sys;

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"params/");
        out.extend_from_slice(P::MODULE.as_bytes());
    }
}

/// What can be a parameter.
pub trait ParamValue: Sized {
    /// As a number.
    fn to_number(&self) -> u128;
    /// From a number that fits.
    fn from_number(value: u128) -> Option<Self>;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl ParamValue for $ty {
            fn to_number(&self) -> u128 {
                u128::from(*self)
            }

            fn from_number(value: u128) -> Option<Self> {
                Self::try_from(value).ok()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128);

impl ParamValue for Amount {
    fn to_number(&self) -> u128 {
        self.wei()
    }

    fn from_number(value: u128) -> Option<Self> {
        Some(Self::from_wei(value))
    }
}

impl ParamValue for Bps {
    fn to_number(&self) -> u128 {
        u128::from(self.0)
    }

    fn from_number(value: u128) -> Option<Self> {
        value.try_into().ok().map(Self)
    }
}

/// Defines a module's parameters: the struct with its defaults, bounds, JSON and state encoding (version byte, then 16
/// bytes each in the order written).
///
/// ```
/// defchain_base::module_params! {
///     /// Parameters of an example.
///     pub struct ExampleParams in "example" {
///         /// Blocks of an epoch (D28).
///         epoch_blocks: u64 = 1_000, 1 ..= 1_000_000, "blocks";
///     }
/// }
/// ```
#[macro_export]
macro_rules! module_params {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $module:literal {
            $($(#[$field_meta:meta])* $field:ident: $ty:ty = $default:expr, $min:literal ..= $max:expr, $unit:literal;)*
        }
        $(check $check:expr;)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::params::ModuleParams for $name {
            const MODULE: &'static str = $module;

            fn bounds(&self) -> ::std::vec::Vec<$crate::params::ParamBound> {
                ::std::vec![$($crate::params::ParamBound {
                    name: stringify!($field),
                    value: $crate::params::ParamValue::to_number(&self.$field),
                    min: $min,
                    max: $max,
                    unit: $unit,
                },)*]
            }

            fn assign(&mut self, name: &str, value: u128) -> bool {
                match name {
                    $(stringify!($field) => match $crate::params::ParamValue::from_number(value) {
                        Some(value) => {
                            self.$field = value;
                            true
                        }
                        None => false,
                    },)*
                    _ => false,
                }
            }

            $(fn contradiction(&self) -> Option<String> {
                let check: fn(&Self) -> Option<String> = $check;
                check(self)
            })?
        }

        impl $crate::Encode for $name {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                out.push(1);
                $(out.extend_from_slice(&$crate::params::ParamValue::to_number(&self.$field).to_be_bytes());)*
            }
        }

        impl $crate::Decode for $name {
            fn decode(input: &mut $crate::Reader<'_>) -> Result<Self, $crate::CodecError> {
                input.version(1, concat!($module, " params"))?;
                Ok(Self { $($field: {
                    let number = input.amount(stringify!($field))?.wei();
                    $crate::params::ParamValue::from_number(number).ok_or_else(|| $crate::CodecError::Invalid {
                        what: stringify!($field),
                        why: ::std::format!("{number} does not fit its type"),
                    })?
                },)* })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::{EmptyState, Overlay, read_exact_value};

    module_params! {
        /// Of a test.
        pub struct TestParams in "test" {
            /// Blocks.
            blocks: u64 = 10, 1 ..= 100, "blocks";
            /// Money.
            least: Amount = Amount::ONE_DEF, 0 ..= u128::MAX, "wei";
            /// Share.
            share: Bps = Bps(500), 0 ..= 10_000, "bps";
        }
        check |p| (p.blocks == 13).then(|| "13 blocks are one too many".to_owned());
    }

    #[test]
    fn parameters_travel_round_and_stay_in_bounds() {
        let params = TestParams::default().with("blocks", 20).unwrap();
        assert_eq!(read_exact_value::<TestParams>(&params.to_bytes()).unwrap(), params);
        assert!(matches!(params.with("blocks", 101), Err(ParamError::OutOfBounds { min: 1, max: 100, .. })));
        assert!(matches!(params.with("blocks", u128::MAX), Err(ParamError::OutOfBounds { .. })));
        assert!(matches!(params.with("blocks", 13), Err(ParamError::Together { .. })));
        assert!(params.with("nothing", 1).unwrap_err().to_string().contains("blocks, least, share"));
        assert!(params.problems().is_empty());
        assert!(serde_json::from_str::<TestParams>("{\"nothing\":1}").is_err());
        assert_eq!(serde_json::from_str::<TestParams>("{\"blocks\":20}").unwrap(), params);
    }

    #[test]
    fn parameters_live_under_their_modules_name() {
        let mut state = Overlay::new(EmptyState);
        assert_eq!(TestParams::load(&state).unwrap(), TestParams::default());
        let params = TestParams::default().with("share", 7).unwrap();
        params.store(&mut state).unwrap();
        assert_eq!(TestParams::load(&state).unwrap(), params);
        assert_eq!(ParamsKey::<TestParams>::default().to_key(), b"params/test");
    }
}
