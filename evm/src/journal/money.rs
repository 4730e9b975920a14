//! What a movement of value costs, and where it goes (D16 to D18): the only place that decides it inside the EVM.

use alloy_primitives::{Address, B256, Log, U256, b256};
use defchain_base::{Amount, StateError, StateRead, system};
use defchain_token::{Commission, Movement, MovementKind, Party, Terms, events, party, terms};
use revm::{
    context::journal::Journal,
    context_interface::{
        JournalTr,
        journaled_state::{TransferError, account::JournaledAccountTr},
    },
    primitives::KECCAK_EMPTY,
};

use super::ChainJournal;

/// From where simulated transfers of native money are logged (ERC-7528).
const NATIVE_MONEY: Address = Address::repeat_byte(0xee);
/// `Transfer(address,address,uint256)`.
const TRANSFER_TOPIC: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// What a movement does, judged by its parties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// What arrives.
    arrives: Amount,
    kind: MovementKind,
    /// What leaves the payer beside it.
    commission: Commission,
    /// Whether the commission comes on top of the value, rather than out of it.
    on_top: bool,
    /// The transaction's credit afterwards.
    credit: Amount,
}

impl Due {
    /// What the payer must hold, for the value and the commission on top of it.
    pub(super) fn gross(&self) -> Result<Amount, StateError> {
        Ok(self.arrives.checked_add(self.commission.total()?)?)
    }
}

impl<S: StateRead> ChainJournal<S> {
    /// Judges a movement (D17). `recipient` is what is paid.
    pub(super) fn due(&mut self, from: Address, recipient: Party, value: Amount) -> Result<Due, StateError> {
        let free =
            |kind| Due { arrives: value, kind, commission: Commission::default(), on_top: false, credit: Amount::ZERO };
        let payer = self.party(from);
        let mut terms = terms(payer, false, recipient);
        if terms == Terms::Free(MovementKind::Carried) {
            // The one case in which it matters whether the payer is on the list of those who do not decay (D16).
            let database = &mut self.inner.database;
            if database.record(from)?.is_some_and(|record| record.no_decay) {
                terms = Terms::OnTop;
            }
        }
        let on_top = match terms {
            Terms::Free(kind) => return Ok(Due { credit: self.credit, ..free(kind) }),
            Terms::Deducted => false,
            Terms::OnTop => true,
        };
        let database = &mut self.inner.database;
        let rates = database.params.commission;
        if rates.is_none() {
            return Ok(Due { credit: self.credit, ..free(MovementKind::Fresh) });
        }
        let referred = database.record(from)?.is_some_and(|record| record.referrer.is_some());
        let commission = rates.on(value, referred)?;
        let total = commission.total()?;
        if on_top {
            let credit = self.credit.checked_add(total)?;
            return Ok(Due { arrives: value, kind: MovementKind::Fresh, commission, on_top, credit });
        }
        let used = self.credit.min(total);
        let charged = total.checked_sub(used)?;
        Ok(Due {
            arrives: value.checked_sub(charged)?,
            kind: MovementKind::Fresh,
            commission: commission.reduced_to(charged)?,
            on_top,
            credit: self.credit.checked_sub(used)?,
        })
    }

    /// Records a movement whose value the EVM has moved, and takes its commission out of `bearer`, who has it: the payer,
    /// or the heir of a contract that destroyed itself.
    pub(super) fn record(&mut self, from: Address, to: Address, bearer: Address, due: &Due) -> Result<(), StateError> {
        let Due { arrives, kind, commission, on_top, credit } = *due;
        self.credit = credit;
        let total = commission.total()?;
        if total.is_zero() {
            self.movements.push(Movement::Transfer { from, to, amount: arrives, kind });
            self.log_transfer(from, to, arrives);
            return Ok(());
        }
        let shares = commission.shares;
        let pools = shares.total()?;
        let mut account = self.inner.load_account_mut_optional_code(bearer, false).map_err(|e| e.0)?;
        if !account.data.decr_balance(pools.to_u256()) {
            return Err(StateError::Invariant(format!("{bearer} holds less than its commission of {pools} wei")));
        }
        self.movements.push(Movement::Paid { from, to, amount: arrives, shares });
        self.log_transfer(from, to, arrives);
        self.log_transfer(from, system::TOKEN, pools);
        self.inner.log(events::commission(from, to, total, on_top));
        if commission.reward.is_zero() { Ok(()) } else { self.reward(from, bearer, commission.reward) }
    }

    /// The referrer's part of a commission (D18).
    fn reward(&mut self, payer: Address, bearer: Address, amount: Amount) -> Result<(), StateError> {
        let record = self.inner.database.record(payer)?;
        let Some(referrer) = record.and_then(|record| record.referrer) else { return Ok(()) };
        self.inner.load_account(referrer).map_err(|e| e.0)?;
        if self.inner.transfer_loaded(bearer, referrer, amount.to_u256()).is_some() {
            return Err(StateError::Invariant(format!("{bearer} holds less than a referrer's {amount} wei")));
        }
        self.movements.push(Movement::Transfer { from: payer, to: referrer, amount, kind: MovementKind::Fresh });
        self.log_transfer(payer, referrer, amount);
        self.inner.log(events::referral(payer, referrer, amount));
        Ok(())
    }

    fn log_transfer(&mut self, from: Address, to: Address, amount: Amount) {
        if self.transfer_logs {
            let topics = vec![TRANSFER_TOPIC, from.into_word(), to.into_word()];
            let data = amount.to_u256().to_be_bytes::<32>().into();
            self.inner.log(Log::new_unchecked(NATIVE_MONEY, topics, data));
        }
    }

    pub(super) fn balance_of(&self, address: &Address) -> U256 {
        self.inner.state.get(address).map_or(U256::ZERO, |account| account.info.balance)
    }

    /// Moves value between loaded accounts with what that costs. `None` when the payer holds less than both.
    pub(super) fn pay(&mut self, from: Address, to: Address, value: U256) -> Result<Option<TransferError>, StateError> {
        let held = self.balance_of(&from);
        let Ok(amount) = Amount::try_from(value) else { return Ok(Some(TransferError::OutOfFunds)) };
        if held < value {
            return Ok(Some(TransferError::OutOfFunds));
        }
        let recipient = self.party(to);
        let due = self.due(from, recipient, amount)?;
        if held < due.gross()?.to_u256() {
            return Ok(Some(TransferError::OutOfFunds));
        }
        // For a payment to oneself revm changes nothing; its portions are renewed all the same (D17a).
        let refused = self.inner.transfer_loaded(from, to, due.arrives.to_u256());
        if refused.is_none() {
            self.record(from, to, from, &due)?;
            if due.arrives < amount {
                self.net_value = Some(due.arrives.to_u256());
            }
        }
        Ok(refused)
    }

    /// What a contract left to another account by SELFDESTRUCT: gross leaves, net arrives (D17).
    pub(super) fn bequeathed(&mut self, from: Address, heir: Address, balance: U256) -> Result<(), StateError> {
        let amount = Amount::try_from(balance)?;
        if system::is_reserved(&heir) {
            // The protocol's addresses take money through their functions alone, and here nothing could refuse it.
            return self.destroy(from, heir, amount);
        }
        let recipient = self.party(heir);
        let mut due = self.due(from, recipient, amount)?;
        if due.on_top {
            // Everything leaves, so nothing is left to pay on top: the commission comes out of it. What was paid once is
            // credited all the same when the heir pays a person in this transaction.
            due.arrives = amount.checked_sub(due.commission.total()?)?;
            due.on_top = false;
        }
        self.record(from, heir, heir, &due)
    }

    /// Destroys what `from` held, which stands at `bearer`.
    fn destroy(&mut self, from: Address, bearer: Address, amount: Amount) -> Result<(), StateError> {
        let mut account = self.inner.load_account_mut_optional_code(bearer, false).map_err(|e| e.0)?;
        if !account.data.decr_balance(amount.to_u256()) {
            return Err(StateError::Invariant(format!("{bearer} holds less than {amount} wei: they cannot burn")));
        }
        self.burned(from, amount);
        Ok(())
    }

    pub(super) fn burned(&mut self, from: Address, amount: Amount) {
        self.movements.push(Movement::Burn { from, amount });
        self.inner.log(events::burned(from, amount));
    }

    /// Destroys money of an account or pool.
    pub fn burn(&mut self, from: Address, amount: Amount) -> Result<(), StateError> {
        if amount.is_zero() {
            return Ok(());
        }
        self.destroy(from, from, amount)
    }

    /// Takes an account's losses with the transaction; what they are.
    pub fn settle(&mut self, account: Address) -> Result<(Amount, Amount), StateError> {
        self.inner.load_account(account).map_err(|e| e.0)?;
        let database = &mut self.inner.database;
        let (params, now) = (database.params.clone(), database.env.age);
        let record = database.record(account)?;
        let Some(mut portions) = record.map(|record| record.portions.clone()) else { return Ok(Default::default()) };
        let taken = portions.settle(&params, now)?;
        self.movements.push(Movement::Settle { account });
        Ok((taken.burned, taken.dividend))
    }

    /// D17: what an address is, now.
    fn party(&mut self, address: Address) -> Party {
        party(&address, self.counts_as_contract(address))
    }

    /// D17: an EIP-7702 account has no code, running init code counts as a contract.
    fn counts_as_contract(&mut self, address: Address) -> bool {
        let Journal { database, inner } = &mut self.inner;
        let Some(account) = inner.state.get_mut(&address) else { return false };
        if account.is_created_locally() {
            return true;
        }
        if account.info.code_hash == KECCAK_EMPTY || account.info.code_hash.is_zero() {
            return false;
        }
        if account.info.code.is_none() {
            match database.bytecode(account.info.code_hash) {
                Ok(code) => account.info.code = Some(code),
                Err(e) => {
                    self.failed.get_or_insert(e.0);
                    return false;
                }
            }
        }
        account.info.code.as_ref().is_some_and(|code| !code.is_eip7702())
    }
}
