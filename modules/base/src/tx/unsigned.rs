//! Transactions that nobody signed: what a development chain carries for an impersonated account.
//!
//! Such a transaction stands in a block in the ordinary form, with `r = 0` and `s` = the sender's address. No key makes
//! a signature with `r = 0` and recovery refuses it, so on every network these bytes are an invalid transaction; they
//! name their sender, so a development chain can be read, traced and replayed without anything beside the block.

use alloy_primitives::{Address, Signature, U256};

use super::{RecoveredTx, SignedTx, TxBody};

/// What stands in the signature's place.
#[must_use]
pub fn unsigned_signature(sender: Address) -> Signature {
    Signature::new(U256::ZERO, U256::from_be_bytes(sender.into_word().0), false)
}

impl SignedTx {
    /// Whether nobody signed it. Never true for what a network's pool or block accepts.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        match &self.body {
            TxBody::Ethereum(envelope) => envelope.signature().r().is_zero(),
            TxBody::Native(native) => native.signature.r().is_zero(),
        }
    }

    /// The sender that an unsigned transaction names; none when it is signed, or names no address.
    #[must_use]
    pub fn named_sender(&self) -> Option<Address> {
        let signature = match &self.body {
            TxBody::Ethereum(envelope) => envelope.signature(),
            TxBody::Native(native) => &native.signature,
        };
        let word = signature.s().to_be_bytes::<32>();
        let (high, address) = word.split_at(12);
        (signature.r().is_zero() && high.iter().all(|byte| *byte == 0)).then(|| Address::from_slice(address))
    }

    /// With the sender that it names, if it is unsigned: for a development chain's driver alone.
    #[must_use]
    pub fn into_unsigned(self) -> Option<RecoveredTx> {
        let sender = self.named_sender()?;
        Some(RecoveredTx { tx: self, sender })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
    use alloy_eips::eip2718::Encodable2718;

    use super::*;
    use crate::tx::{MAX_TX_BYTES, TxError, decode};

    #[test]
    fn an_unsigned_transaction_names_its_sender_and_no_recovery_accepts_it() {
        for sender in [Address::ZERO, Address::repeat_byte(0x11), Address::repeat_byte(0xff)] {
            let fee: TxEnvelope = TxEip1559 { chain_id: 7, gas_limit: 21_000, ..Default::default() }
                .into_signed(unsigned_signature(sender))
                .into();
            let legacy: TxEnvelope = TxLegacy { chain_id: Some(7), gas_limit: 21_000, ..Default::default() }
                .into_signed(unsigned_signature(sender))
                .into();
            for envelope in [fee, legacy] {
                let tx = decode(envelope.encoded_2718().into(), MAX_TX_BYTES).unwrap();
                assert!(tx.is_unsigned());
                assert_eq!(tx.recover(), Err(TxError::Signature));
                assert_eq!(tx.into_unsigned().unwrap().sender, sender);
            }
        }
    }

    #[test]
    fn a_signature_with_an_s_that_is_no_address_names_nobody() {
        let odd = Signature::new(U256::ZERO, U256::from(1) << 200, false);
        let envelope: TxEnvelope = TxEip1559 { chain_id: 7, ..Default::default() }.into_signed(odd).into();
        let tx = decode(envelope.encoded_2718().into(), MAX_TX_BYTES).unwrap();
        assert!(tx.is_unsigned() && tx.into_unsigned().is_none());
    }
}
