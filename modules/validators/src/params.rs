use defchain_base::{Amount, Bps, module_params};

/// Seconds of a day.
const DAY: u64 = 86_400;

module_params! {
    /// Parameters of validators (D28, D31, D32, D34). Seconds are those of the age clock, unless it says consensus time.
    pub struct ValidatorParams in "validators" {
        /// Blocks of an epoch; a new length starts at the next boundary (D28).
        epoch_blocks: u64 = 1_000, 1 ..= 1_000_000, "blocks";
        /// Active validators at which the chain opens, once and for all (D32).
        activation_threshold: u16 = 21, 1 ..= 195, "validators";
        /// Least own bound stake (D31).
        min_stake: Amount = Amount::from_def(10_000), 1 ..= 1_000_000_000_000_000_000_000_000, "wei";
        /// Least commission (D31).
        min_commission: Bps = Bps(500), 0 ..= 2_000, "bps";
        /// Greatest commission (D31).
        max_commission: Bps = Bps(2_000), 500 ..= 5_000, "bps";
        /// How far the commission moves in a day of consensus time (D31).
        commission_step: Bps = Bps(100), 1 ..= 2_000, "bps";
        /// Time in jail after which the seat is free (D31).
        seat_jail: u64 = 30 * DAY, 1 ..= 31_536_000, "seconds";
        /// Time below the minimum stake after which the seat is free, so that nobody blocks a country for nothing.
        seat_inactive: u64 = 30 * DAY, 1 ..= 31_536_000, "seconds";
        /// Consensus time after an attestation's expiry at which the seat is free (D31).
        seat_expired: u64 = 30 * DAY, 1 ..= 31_536_000, "seconds";
        /// Time to top up own stake after a slash (D34).
        top_up: u64 = 7 * DAY, 0 ..= 31_536_000, "seconds";
    }
    check |p| {
        let (least, most) = (p.min_commission.0, p.max_commission.0);
        (least > most).then(|| format!("min_commission {least} bps is above max_commission {most} bps"))
    };
}
