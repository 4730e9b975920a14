//! dividends: under construction.
