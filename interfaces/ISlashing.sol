// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Faults and penalties, at 0x0000000000000000000000000000000000000106 beside IValidators
/// @notice Evidence of double signing can be submitted by anybody, for 20 % of what is slashed; all evidence can be read.
/// @dev Amounts are wei (1 DEF = 10^18 wei), shares hundredths of a percent. Ages are milliseconds of the age clock, which stands
/// still while the chain does. Whatever is refused reverts with Error(string), which gives the reason and the figures.
/// Kinds: 0 double signing, 1 downtime, 2 invalid proposal, 3 censorship, 4 equivocation (light-client attack).
interface ISlashing {
    /// @notice A punished fault.
    struct Evidence {
        /// Its number; the first is 1.
        uint64 id;
        /// What was done, see above.
        uint8 kind;
        /// The operator of the validator.
        address validator;
        /// The consensus address that did it; zero for downtime and censorship.
        bytes20 consensusAddress;
        /// The height of the fault.
        uint64 faultHeight;
        /// The height of the block that punished it.
        uint64 height;
        /// Age of that block.
        uint64 age;
        /// Share of the stake that was taken.
        uint16 share;
        /// How many faults of the kind, each within 365 days of the one before, came before it: each doubled share and term.
        uint8 repeats;
        /// Slashed, wei: burned, treasury and reward together.
        uint256 slashed;
        /// Burned of it.
        uint256 burned;
        /// Paid to the treasury of it.
        uint256 treasury;
        /// Paid to the reporter of it.
        uint256 reward;
        /// Who reported it; zero when nobody did.
        address reporter;
        /// Jailed until this age; 2^64 - 1 for ever.
        uint64 jailedUntil;
        /// keccak256 of the proof: of the two votes' sign bytes in ascending order, of the refused block's hash, of the
        /// proposal's number; zero when the proof is CometBFT's or the missing votes of the chain itself.
        bytes32 proof;
    }

    /// @notice A validator was punished.
    /// @param validator Its operator.
    /// @param kind What for, see above.
    /// @param evidence Number of the evidence.
    /// @param faultHeight The height of the fault.
    /// @param share Share of the stake that was taken, hundredths of a percent.
    /// @param slashed Wei taken from its own and delegated stake.
    /// @param burned Wei of it burned.
    /// @param treasury Wei of it paid to the treasury.
    /// @param reporter Who reported it; zero when nobody did.
    /// @param reward Wei of it paid to the reporter.
    /// @param jailedUntil Age until which it is jailed; 2^64 - 1 for ever.
    event Slashed(address indexed validator, uint8 indexed kind, uint256 indexed evidence, uint64 faultHeight, uint16 share, uint256 slashed, uint256 burned, uint256 treasury, address reporter, uint256 reward, uint64 jailedUntil);

    /// @notice A validator has not signed for 12 hours; after 24 it is punished.
    /// @param validator Its operator.
    /// @param since Age since which it has not signed.
    /// @param punishedAt Age after which it is punished if it does not sign before.
    event DowntimeWarning(address indexed validator, uint64 since, uint64 punishedAt);

    /// @notice What the consensus engine or the validators reported was no new fault.
    /// @param consensusAddress Who was reported.
    /// @param kind What for, see above.
    /// @param faultHeight The height of the fault.
    /// @param reason Why nothing was done.
    event EvidenceRefused(bytes20 indexed consensusAddress, uint8 kind, uint64 faultHeight, string reason);

    /// @notice Submits two conflicting votes of a validator: same height, round and type, different blocks. The sender gets 20 % of
    /// what is slashed as a fresh portion; an operator that reports itself gets nothing.
    /// @dev Refused: votes that do not conflict, of another chain, with a bad signature, of a height older than unbinding takes
    /// or ahead, of a key that no validator of this chain has or had, of a fault that is punished already.
    /// @param publicKey The ed25519 key that signed both.
    /// @param voteA One vote: CometBFT's protobuf message tendermint.types.Vote, at most 1,024 bytes; extension and its signature
    /// may be left out.
    /// @param voteB The other.
    /// @return id Number of the evidence.
    function submitEvidence(bytes32 publicKey, bytes calldata voteA, bytes calldata voteB) external returns (uint256 id);

    /// @notice How many faults have been punished; the newest has this number.
    function evidenceCount() external view returns (uint256);

    /// @notice A punished fault.
    /// @param id Its number.
    function evidenceAt(uint256 id) external view returns (Evidence memory);

    /// @notice The numbers of a validator's punished faults, ascending.
    /// @param validator Its operator.
    /// @param above Only numbers above this one; 0 for all.
    /// @param limit At most so many, up to 100.
    function evidenceOf(address validator, uint256 above, uint256 limit) external view returns (uint256[] memory);

    /// @notice What a fault of a validator would cost it now, repeats counted.
    /// @param validator Its operator.
    /// @param kind What for, see above.
    /// @return share Share of the stake, hundredths of a percent.
    /// @return jail Milliseconds of jail on the age clock.
    function penaltyOf(address validator, uint8 kind) external view returns (uint16 share, uint64 jail);
}
