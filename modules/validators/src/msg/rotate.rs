use defchain_base::{Address, ConsensusAddress, native::Host};

use super::{load, register::check_unused};
use crate::{
    Status, ValidatorsError,
    abi::{consensus, emit, events, key},
    pop,
    state::{ValidatorsRead, ValidatorsWrite},
};

/// Announces a new consensus key: in force from the next epoch boundary, at once for whoever holds no seat. The old key
/// stays slashable (D31).
///
/// # Errors
/// When the key was ever used, its proof is wrong, or the operator has left.
pub fn rotate_key<H: Host + ?Sized>(
    host: &mut H,
    operator: Address,
    new: &[u8; 32],
    proof: &[u8],
) -> Result<(), ValidatorsError> {
    let mut record = load(host, operator)?;
    match record.status {
        Status::Tombstoned => return Err(ValidatorsError::Tombstoned(operator)),
        Status::Exited => return Err(ValidatorsError::Left { operator, leaving: false }),
        Status::Queued | Status::Active | Status::Inactive | Status::Jailed => {}
    }
    check_unused(host, new)?;
    pop::verify_consensus(host.block().chain_id, operator, new, proof)?;
    host.put_consensus_key(new, operator)?;
    let address = consensus(ConsensusAddress::of_ed25519(new));
    if host.seat(record.country)? == Some(operator) {
        record.next_key = Some(*new);
        host.put_validator(operator, &record)?;
        let event = events::KeyAnnounced { operator, newKey: key(*new), consensusAddress: address };
        return Ok(emit(host, &event)?);
    }
    record.consensus_key = *new;
    record.next_key = None;
    host.put_validator(operator, &record)?;
    Ok(emit(host, &events::KeyRotated { operator, newKey: key(*new), consensusAddress: address })?)
}
