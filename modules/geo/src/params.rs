use defchain_base::module_params;

/// Seconds of a day. Attestations are papers of this world: they run on real seconds also where the economy's days are
/// short.
const DAY: u64 = 86_400;

module_params! {
    /// Parameters of attestations (D30).
    pub struct GeoParams in "geo" {
        /// Longest time between verification and expiry.
        max_validity: u64 = 365 * DAY, 60 ..= 31_536_000, "seconds";
        /// How long the attestations of a removed verifier remain valid.
        removed_verifier_grace: u64 = 30 * DAY, 0 ..= 31_536_000, "seconds";
        /// How long before expiry the warning event comes.
        warning: u64 = 30 * DAY, 0 ..= 31_536_000, "seconds";
    }
}
