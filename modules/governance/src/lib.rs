//! governance: under construction.
