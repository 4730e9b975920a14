//! slashing: under construction.
