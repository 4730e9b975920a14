//! Small worlds in which everything may happen, in every order.

pub mod money;
pub mod stakes;
pub mod validators;
