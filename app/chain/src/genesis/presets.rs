//! Sets of parameters beside the rulings' values, which are the defaults.

use alloy_primitives::{Address, address};
use defchain_geo::genesis::GenesisVerifier;
use defchain_slashing::SlashingParams;
use defchain_token::TokenParams;

use super::AppState;

/// Who attests on local and development chains: account 19 of the phrase `test test … junk`, whose key everybody knows.
pub const LOCAL_VERIFIER: Address = address!("0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199");
/// A day of the short economy, seconds.
const DAY: u32 = 15;
/// The same, for durations.
const DAY_SECONDS: u64 = 15;

impl AppState {
    /// For a chain of few validators: blocks from the first validator on (D32), epochs of 10 blocks (D28), and
    /// [`LOCAL_VERIFIER`], so that anybody can register there.
    #[must_use]
    pub fn with_local_params(mut self) -> Self {
        self.pod.params.activation_threshold = 1;
        self.pod.params.epoch_blocks = 10;
        if self.geo.verifiers.is_empty() {
            self.geo.verifiers.push(GenesisVerifier { address: LOCAL_VERIFIER, name: "local".to_owned() });
        }
        self
    }

    /// Days of 15 s, months of 4 days, years of 12: money decays in two minutes, a month's dividends come every minute, a
    /// stake of one year ends after three.
    #[must_use]
    pub fn with_short_economy(mut self) -> Self {
        self.token.day_seconds = DAY;
        let staking = &mut self.staking.params;
        staking.month_days = 4;
        staking.year_days = 12;
        staking.unlock_days_per_year = 4;
        staking.dividend_min_days = 4;
        staking.unbinding_days = 2;
        let pod = &mut self.pod.params;
        pod.seat_jail = DAY_SECONDS.saturating_mul(30);
        pod.seat_inactive = DAY_SECONDS.saturating_mul(30);
        pod.seat_expired = DAY_SECONDS.saturating_mul(30);
        pod.top_up = DAY_SECONDS.saturating_mul(7);
        // A node that is restarted is away for seconds: that must not be a day's absence.
        self.slashing.params = SlashingParams::short();
        let governance = &mut self.governance.params;
        governance.voting_days = 3;
        governance.timelock_hours = 24;
        self
    }

    /// Money that neither decays nor pays commission (D36b).
    #[must_use]
    pub fn with_plain_money(mut self) -> Self {
        self.token = TokenParams::plain();
        self
    }
}
