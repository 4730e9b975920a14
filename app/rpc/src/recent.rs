//! The newest blocks, decoded once for all who ask.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::B256;
use defchain_chain::Block;
use parking_lot::Mutex;

/// Blocks held: what wallets poll for is a few seconds old.
const MAX_BLOCKS: usize = 32;
/// Bytes of their payloads; decoded they take a few times as much.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// A few decoded blocks, by hash.
#[derive(Default)]
pub(crate) struct Recent {
    blocks: Mutex<VecDeque<Arc<Block>>>,
}

impl Recent {
    pub fn get(&self, hash: &B256) -> Option<Arc<Block>> {
        self.blocks.lock().iter().find(|block| block.header.hash == *hash).cloned()
    }

    pub fn put(&self, block: Arc<Block>) {
        let mut blocks = self.blocks.lock();
        if blocks.iter().any(|held| held.header.hash == block.header.hash) {
            return;
        }
        blocks.push_back(block);
        while blocks.len() > MAX_BLOCKS || blocks.iter().map(|b| b.header.size).sum::<u64>() > MAX_BYTES {
            blocks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use defchain_chain::records::Header;

    use super::*;

    fn block(n: u8, size: u64) -> Arc<Block> {
        let header = Header { hash: B256::repeat_byte(n), size, ..Header::default() };
        Arc::new(Block {
            header: Arc::new(header),
            txs: Vec::new(),
            receipts: Vec::new(),
            events: Vec::new(),
            removed: false,
        })
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_large_ones() {
        let recent = Recent::default();
        (0..40).for_each(|n| recent.put(block(n, 100)));
        assert!(recent.get(&B256::repeat_byte(7)).is_none());
        assert!(recent.get(&B256::repeat_byte(8)).is_some());
        recent.put(block(99, MAX_BYTES));
        assert!(recent.get(&B256::repeat_byte(39)).is_none());
        assert!(recent.get(&B256::repeat_byte(99)).is_some());
    }
}
