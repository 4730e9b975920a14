//! Keys that sign transactions for one chain.

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};

use crate::SdkError;

/// A signed transaction, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Keccak of `raw`.
    pub hash: B256,
    /// EIP-2718 bytes.
    pub raw: Bytes,
}

/// A key and the chain it signs for.
#[derive(Debug, Clone)]
pub struct Wallet {
    signer: PrivateKeySigner,
    chain_id: u64,
}

impl Wallet {
    /// Account `index` of a BIP-39 phrase at m/44'/60'/0'/0/index, as wallets derive it.
    ///
    /// # Errors
    /// When the phrase is not valid BIP-39.
    pub fn from_mnemonic(phrase: &str, index: u32, chain_id: u64) -> Result<Self, SdkError> {
        let signer = MnemonicBuilder::try_from_phrase_nth(phrase, index)
            .map_err(|e| SdkError::Wallet(format!("cannot derive account {index} of the phrase: {e}")))?;
        Ok(Self { signer, chain_id })
    }

    /// From a secret key.
    ///
    /// # Errors
    /// When it is zero or not below the curve order.
    pub fn from_key(key: &B256, chain_id: u64) -> Result<Self, SdkError> {
        let signer = PrivateKeySigner::from_bytes(key)
            .map_err(|_| SdkError::Wallet("the secret key is zero or above the curve order".to_owned()))?;
        Ok(Self { signer, chain_id })
    }

    /// Around a signer, for instance one read from a keystore.
    #[must_use]
    pub const fn from_signer(signer: PrivateKeySigner, chain_id: u64) -> Self {
        Self { signer, chain_id }
    }

    /// Whose key it is.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// The chain it signs for.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Signs a transaction of type 0, 1, 2 or 4. A chain id of 0, or none, is replaced by the wallet's.
    ///
    /// # Errors
    /// When the transaction names another chain.
    pub fn sign<T>(&self, mut tx: T) -> Result<Signed, SdkError>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        match tx.chain_id() {
            None | Some(0) => tx.set_chain_id(self.chain_id),
            Some(id) if id == self.chain_id => {}
            Some(other) => {
                let own = self.chain_id;
                return Err(SdkError::Wallet(format!("the transaction is for chain {other}, this wallet for {own}")));
            }
        }
        let signature = self.sign_hash(&tx.signature_hash())?;
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        Ok(Signed { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into() })
    }

    /// Lets a transaction of type 4 give this account the code at `delegate`. `nonce` is the account's own at that
    /// moment: one more than the transaction's, when it sends that itself.
    ///
    /// # Errors
    /// When signing fails.
    pub fn authorize(&self, delegate: Address, nonce: u64) -> Result<SignedAuthorization, SdkError> {
        let chain_id = alloy_primitives::U256::from(self.chain_id);
        let authorization = Authorization { chain_id, address: delegate, nonce };
        let signature = self.sign_hash(&authorization.signature_hash())?;
        Ok(authorization.into_signed(signature))
    }

    fn sign_hash(&self, hash: &B256) -> Result<Signature, SdkError> {
        self.signer.sign_hash_sync(hash).map_err(|e| SdkError::Wallet(format!("cannot sign: {e}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy};
    use alloy_primitives::{TxKind, U256, address, keccak256};

    use super::*;

    const CHAIN: u64 = 35_679;
    const PHRASE: &str = "test test test test test test test test test test test junk";

    fn wallet() -> Wallet {
        Wallet::from_mnemonic(PHRASE, 0, CHAIN).unwrap()
    }

    /// What the node does with the bytes.
    fn judged(signed: &Signed) -> defchain_base::tx::RecoveredTx {
        let tx = defchain_base::tx::decode(signed.raw.clone(), signed.raw.len()).unwrap();
        tx.check_chain(CHAIN).unwrap();
        assert_eq!(tx.hash(), signed.hash);
        assert_eq!(signed.hash, keccak256(&signed.raw));
        tx.into_recovered().unwrap()
    }

    #[test]
    fn the_known_phrase_gives_the_addresses_that_every_tool_prints() {
        assert_eq!(wallet().address(), address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        let second = Wallet::from_mnemonic(PHRASE, 1, CHAIN).unwrap();
        assert_eq!(second.address(), address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"));
    }

    #[test]
    fn what_the_wallet_signs_the_node_attributes_to_it() {
        let (to, value) = (TxKind::Call(Address::repeat_byte(7)), U256::from(5));
        let wallet = wallet();
        let legacy = TxLegacy { nonce: 3, gas_price: 7, gas_limit: 21_000, to, value, ..Default::default() };
        let eip2930 = TxEip2930 { nonce: 4, gas_price: 7, gas_limit: 30_000, to, value, ..Default::default() };
        let eip1559 = TxEip1559 { nonce: 5, max_fee_per_gas: 9, gas_limit: 21_000, to, value, ..Default::default() };
        let authorization_list = vec![wallet.authorize(Address::repeat_byte(9), 7).unwrap()];
        assert_eq!(authorization_list.first().unwrap().recover_authority().unwrap(), wallet.address());
        let eip7702 = TxEip7702 { nonce: 6, gas_limit: 90_000, authorization_list, ..Default::default() };
        let signed = [
            (wallet.sign(legacy).unwrap(), 0, 3),
            (wallet.sign(eip2930).unwrap(), 1, 4),
            (wallet.sign(eip1559).unwrap(), 2, 5),
            (wallet.sign(eip7702).unwrap(), 4, 6),
        ];
        for (signed, kind, nonce) in &signed {
            let judged = judged(signed);
            assert_eq!((judged.tx.kind(), judged.tx.nonce()), (*kind, *nonce));
            assert_eq!(judged.sender, wallet.address());
        }
    }

    #[test]
    fn a_transaction_for_another_chain_and_a_broken_phrase_are_refused_in_words() {
        let tx = TxEip1559 { chain_id: 1, ..Default::default() };
        let error = wallet().sign(tx).unwrap_err().to_string();
        assert_eq!(error, "wallet: the transaction is for chain 1, this wallet for 35679");
        let error = Wallet::from_mnemonic("test test test", 0, CHAIN).unwrap_err().to_string();
        assert!(error.starts_with("wallet: cannot derive account 0 of the phrase"), "{error}");
        let error = Wallet::from_key(&B256::ZERO, CHAIN).unwrap_err().to_string();
        assert!(error.contains("secret key"), "{error}");
    }
}
