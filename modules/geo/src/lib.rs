//! geo: under construction.
