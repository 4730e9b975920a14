//! Block records and indexes: written in the batch of their block, so they never disagree with the state.

use bytes::Bytes;
use defchain_base::{B256, Encode, Height};

use crate::{
    columns::{self, BlockPart, Column},
    db::{Batch, Db},
    error::StoreError,
    records::{self, IndexRecord},
    snapshot::Moment,
    store::Store,
};

/// Most transactions, and most terms, in a block: what an index record holds.
const INDEX_LIMIT: usize = 1 << 24;

/// What is kept of a block beside its state. The store does not look into the byte strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainRecords {
    /// The block's height.
    pub height: Height,
    /// The block's hash (D7).
    pub block_hash: B256,
    /// The header.
    pub header: Vec<u8>,
    /// The payload of transactions.
    pub txs: Vec<u8>,
    /// The receipts.
    pub receipts: Vec<u8>,
    /// Anything else that belongs to the height.
    pub extra: Vec<u8>,
    /// Hashes of the transactions, in their order.
    pub tx_hashes: Vec<B256>,
    /// What the block's logs can be found by, each once: addresses padded to a word, and topics.
    pub log_terms: Vec<B256>,
    /// The chain's id. Stored with height 0, not looked at later.
    pub chain_id: String,
    /// Hash of the chain's genesis. Stored with height 0, not looked at later.
    pub genesis_hash: B256,
}

pub(crate) fn write(db: &Db, batch: &mut Batch, records: &ChainRecords) -> Result<(), StoreError> {
    for (what, list) in [("transactions in a block", &records.tx_hashes), ("log terms in a block", &records.log_terms)]
    {
        if list.len() > INDEX_LIMIT {
            return Err(StoreError::TooLarge { what, found: list.len(), limit: INDEX_LIMIT });
        }
    }
    let height = records.height;
    let parts = [
        (BlockPart::Header, &records.header),
        (BlockPart::Txs, &records.txs),
        (BlockPart::Receipts, &records.receipts),
        (BlockPart::Extra, &records.extra),
    ];
    for (part, bytes) in parts {
        batch.put(db, Column::Blocks, &columns::block(part, height), &records::put_value(bytes))?;
    }
    let index = IndexRecord {
        block_hash: records.block_hash,
        tx_hashes: records.tx_hashes.clone(),
        terms: records.log_terms.clone(),
    };
    batch.put(db, Column::Blocks, &columns::block(BlockPart::Index, height), &index.to_bytes())?;
    let location = records::put_block_location(height);
    batch.put(db, Column::Hashes, &columns::block_hash(&records.block_hash), &location)?;
    for (index, hash) in (0u32..).zip(&records.tx_hashes) {
        batch.put(db, Column::Hashes, &columns::tx_hash(hash), &records::put_tx_location(height, index))?;
    }
    for term in &records.log_terms {
        batch.put(db, Column::Terms, &columns::term(term, height), &records::TERM_MARK)?;
    }
    Ok(())
}

/// Removes what [`write`] wrote at a height. What the hashes point to meanwhile is left alone.
pub(crate) fn remove(moment: &Moment, batch: &mut Batch, height: Height) -> Result<(), StoreError> {
    let db = moment.view.db();
    if let Some(record) = moment.view.get(Column::Blocks, &columns::block(BlockPart::Index, height))? {
        let index: IndexRecord = defchain_base::read_exact_value(&record)
            .map_err(|e| StoreError::record(&format!("index record of height {height}"), &e))?;
        let keys = index
            .tx_hashes
            .iter()
            .map(columns::tx_hash)
            .chain(core::iter::once(columns::block_hash(&index.block_hash)));
        for key in keys {
            let points_here = moment
                .view
                .get(Column::Hashes, &key)?
                .is_some_and(|location| location.get(1..9) == Some(&columns::height(height)));
            if points_here {
                batch.delete(db, Column::Hashes, &key)?;
            }
        }
        for term in &index.terms {
            batch.delete(db, Column::Terms, &columns::term(term, height))?;
        }
    }
    for part in BlockPart::ALL {
        batch.delete(db, Column::Blocks, &columns::block(part, height))?;
    }
    Ok(())
}

impl Store {
    /// The header of a height; `None` above the newest and below the oldest.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn header(&self, height: Height) -> Result<Option<Bytes>, StoreError> {
        self.block_part(BlockPart::Header, height)
    }

    /// The payload of transactions of a height.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn txs(&self, height: Height) -> Result<Option<Bytes>, StoreError> {
        self.block_part(BlockPart::Txs, height)
    }

    /// The receipts of a height.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn receipts(&self, height: Height) -> Result<Option<Bytes>, StoreError> {
        self.block_part(BlockPart::Receipts, height)
    }

    /// What else was recorded with a height.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn extra(&self, height: Height) -> Result<Option<Bytes>, StoreError> {
        self.block_part(BlockPart::Extra, height)
    }

    /// The headers of the heights `from..=to` that are held, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or a record is damaged.
    pub fn headers(&self, from: Height, to: Height, limit: usize) -> Result<Vec<(Height, Bytes)>, StoreError> {
        let moment = self.moment();
        let mut end = columns::block(BlockPart::Header, to).to_vec();
        end.push(0);
        let mut cursor = moment.view.cursor(Column::Blocks, &end)?;
        cursor.seek(&columns::block(BlockPart::Header, from))?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some((key, record)) = cursor.item() else { break };
            let height = columns::parse_height(key.get(1..).unwrap_or_default())
                .map_err(|e| StoreError::record("header key", &e))?;
            found.push((height, block_bytes(BlockPart::Header, height, record)?));
            cursor.next()?;
        }
        Ok(found)
    }

    /// The height of a block hash.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn height_of_block(&self, hash: &B256) -> Result<Option<Height>, StoreError> {
        let moment = self.moment();
        let Some(record) = moment.view.get(Column::Hashes, &columns::block_hash(hash))? else { return Ok(None) };
        let location = records::block_location(&record);
        location.map(Some).map_err(|e| StoreError::record(&format!("location of block {hash}"), &e))
    }

    /// Height and place of a transaction.
    ///
    /// # Errors
    /// When the database fails or the record is damaged.
    pub fn tx_location(&self, hash: &B256) -> Result<Option<(Height, u32)>, StoreError> {
        let moment = self.moment();
        let Some(record) = moment.view.get(Column::Hashes, &columns::tx_hash(hash))? else { return Ok(None) };
        let location = records::tx_location(&record);
        location.map(Some).map_err(|e| StoreError::record(&format!("location of transaction {hash}"), &e))
    }

    /// The heights in `from..=to` whose logs carry `term`, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or the index is damaged.
    pub fn heights_with_term(
        &self,
        term: &B256,
        from: Height,
        to: Height,
        limit: usize,
    ) -> Result<Vec<Height>, StoreError> {
        let moment = self.moment();
        let mut end = columns::term(term, to).to_vec();
        end.push(0);
        let mut cursor = moment.view.cursor(Column::Terms, &end)?;
        cursor.seek(&columns::term(term, from))?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some((key, _)) = cursor.item() else { break };
            let height = columns::parse_height(key.get(32..).unwrap_or_default());
            found.push(height.map_err(|e| StoreError::record("log term key", &e))?);
            cursor.next()?;
        }
        Ok(found)
    }

    fn block_part(&self, part: BlockPart, height: Height) -> Result<Option<Bytes>, StoreError> {
        let moment = self.moment();
        let record = moment.view.get(Column::Blocks, &columns::block(part, height))?;
        record.map(|record| block_bytes(part, height, &record)).transpose()
    }
}

fn block_bytes(part: BlockPart, height: Height, record: &[u8]) -> Result<Bytes, StoreError> {
    let bytes = records::value(record).map_err(|e| StoreError::record(&format!("{part:?} of height {height}"), &e))?;
    Ok(Bytes::copy_from_slice(bytes))
}
