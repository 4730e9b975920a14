//! validators: under construction.
