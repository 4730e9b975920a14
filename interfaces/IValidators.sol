// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Validators and delegation, at 0x0000000000000000000000000000000000000106
/// @notice One validator per jurisdiction: registration, keys, commission, delegation, income, jail, epochs.
/// @dev Amounts are wei (1 DEF = 10^18 wei), weights wei times years, commissions hundredths of a percent (bps), dates seconds
/// since 1970, ages milliseconds of the age clock (it starts when the chain opens, and a halted chain does not advance it). An
/// operator is the account that registered. Whatever is refused reverts with Error(string), which gives the reason and the
/// figures.
///
/// The set that signs blocks changes at epoch boundaries, except for removals after a fault; a change acts two heights later.
interface IValidators {
    /// @notice What an accredited verifier signed (EIP-712, domain "DeflationChain Validators" version "1", the chain's id, this
    /// address): Attestation(address validator,bytes2 country,uint64 verificationDate,uint64 expirationDate,uint256 nonce).
    struct SignedAttestation {
        /// ISO 3166-1 alpha-2, two capital letters, of one of the 195 jurisdictions.
        bytes2 country;
        /// When the operator was verified.
        uint64 verificationDate;
        /// Until when this holds, at most 365 days later.
        uint64 expirationDate;
        /// A number that the verifier uses once.
        uint256 nonce;
        /// r, s (low), v (27 or 28) of the verifier's secp256k1 key: 65 bytes.
        bytes signature;
    }

    /// @notice What a registration brings.
    struct Registration {
        /// A name for people, 1 to 64 bytes.
        string moniker;
        /// The jurisdiction and who vouches for it; the validator attested is the sender.
        SignedAttestation attestation;
        /// ed25519 key that signs votes and blocks.
        bytes32 consensusKey;
        /// ed25519 signature by it of "defchain/pop/ed25519/v1", chain id (8 bytes), sender (20), key (32): 64 bytes.
        bytes consensusProof;
        /// BLS12-381 key, compressed point of G2: 96 bytes.
        bytes blsKey;
        /// BLS signature by it (G1, 48 bytes, suite BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_) of "defchain/pop/bls12-381/v1",
        /// chain id (8 bytes), sender (20), key (96).
        bytes blsProof;
        /// What it keeps of its delegators' income, bps, 500 to 2000.
        uint16 commission;
    }

    /// @notice A validator.
    struct Validator {
        /// Its operator.
        address operator;
        /// For people.
        string moniker;
        /// Its jurisdiction.
        bytes2 country;
        /// 0 queued, 1 active, 2 inactive (own stake below the minimum), 3 jailed, 4 tombstoned, 5 exited.
        uint8 status;
        /// Whether it holds its country's seat.
        bool seat;
        /// Whether it leaves at the next epoch boundary.
        bool leaving;
        /// Its place in the queue: when it registered, milliseconds since 1970.
        uint64 registeredAt;
        /// Its ed25519 key.
        bytes32 consensusKey;
        /// The key that replaces it at the next epoch boundary; zero when none does.
        bytes32 nextKey;
        /// Its BLS12-381 key.
        bytes blsKey;
        /// Its commission, bps.
        uint16 commission;
        /// EIP-712 hash of its attestation; zero for a validator of genesis.
        bytes32 attestation;
        /// Who attested.
        address verifier;
        /// Until when the attestation holds, with the removal of its verifier taken into account.
        uint64 attestedUntil;
        /// What it was last jailed for: 0 double signing, 1 downtime, 2 invalid proposal, 3 censorship, 4 equivocation, 5 attestation.
        uint8 jailKind;
        /// Age at which that term ends; 0 when it never was in jail.
        uint64 jailedUntil;
        /// Its own bound stake in positions of the needed term.
        uint256 ownStake;
        /// Weight of its own positions.
        uint256 ownWeight;
        /// Weight of its delegators' positions.
        uint256 delegatedWeight;
        /// Its voting power in the newest set, of 10^18.
        uint64 power;
        /// Commission that it may claim.
        uint256 owed;
    }

    /// @notice What a validator did.
    struct Performance {
        /// Blocks it proposed.
        uint64 proposed;
        /// Heights at which it signed; a precommit for nil counts.
        uint64 signed;
        /// Heights at which it was absent.
        uint64 missed;
        /// Whether it was absent at the last height.
        bool absent;
        /// Age when it was last seen before this absence; 0 when it is present.
        uint64 absentSince;
    }

    /// @notice An operator registered; `queued` when its country's seat is taken.
    event Registered(address indexed operator, bytes2 indexed country, bytes20 consensusAddress, bool queued);
    /// @notice A new attestation was accepted.
    event Attested(address indexed operator, address indexed verifier, bytes32 hash, uint64 expirationDate);
    /// @notice The attestation ends at `attestedUntil`: get verified again, or be jailed.
    event AttestationExpiring(address indexed operator, uint64 attestedUntil);
    /// @notice A seat was taken out of the queue, or regained with enough stake: active from this epoch on.
    event Activated(address indexed operator, bytes2 indexed country);
    /// @notice Own stake fell below the minimum.
    event Deactivated(address indexed operator, uint256 ownStake, uint256 minimum);
    /// @notice A country's seat is free.
    event SeatFreed(bytes2 indexed country, address indexed operator);
    /// @notice A candidate left the queue because it is no longer valid.
    event Dequeued(address indexed operator, bytes2 indexed country);
    /// @notice Jailed; `until` is the age at which the term ends. Kinds as in Validator.
    event Jailed(address indexed operator, uint8 kind, uint64 until);
    /// @notice Out of jail; `queued` when the seat is gone.
    event Unjailed(address indexed operator, bool queued);
    /// @notice Never again.
    event Tombstoned(address indexed operator);
    /// @notice The removal from the set waits for the epoch's boundary: it would leave nobody, or pass a third in this epoch.
    event RemovalDeferred(address indexed operator);
    /// @notice The commission changed.
    event CommissionSet(address indexed operator, uint16 bps);
    /// @notice A consensus key will be replaced at the next epoch boundary.
    event KeyAnnounced(address indexed operator, bytes32 newKey, bytes20 consensusAddress);
    /// @notice A consensus key was replaced. The old one stays slashable.
    event KeyRotated(address indexed operator, bytes32 newKey, bytes20 consensusAddress);
    /// @notice The operator leaves at the next epoch boundary.
    event Leaving(address indexed operator);
    /// @notice The operator has left; its own positions unbind.
    event Exited(address indexed operator);
    /// @notice An epoch starts with `height`.
    event EpochStarted(uint64 indexed number, uint64 height, uint64 validators, uint256 totalWeight);
    /// @notice Voting power from `height` on, of 10^18; 0 when it is removed.
    event PowerChanged(address indexed operator, bytes20 indexed consensusAddress, uint64 power, uint64 height);
    /// @notice The chain is open: enough validators are active (once and for all).
    event ChainOpened(uint64 height, uint64 validators);
    /// @notice Stake was delegated. `attention` is the number of the 12-year part, 2^32 - 1 when there is none.
    event Delegated(address indexed delegator, address indexed operator, uint32 position, uint32 attention, uint256 amount, uint8 term);
    /// @notice A validator's income was shared; `commission` is what the operator keeps of its delegators' part.
    event IncomeShared(address indexed operator, uint256 amount, uint256 commission);
    /// @notice Income of a validator that is not active any more was burned.
    event IncomeBurned(address indexed operator, uint256 amount);
    /// @notice Commission was paid out.
    event CommissionClaimed(address indexed operator, uint256 amount);
    /// @notice Governance accredited a verifier.
    event VerifierAdded(address indexed verifier, string name);
    /// @notice Governance removed a verifier; what it attested holds until `attestationsUntil` at most.
    event VerifierRemoved(address indexed verifier, uint64 attestationsUntil);

    /// @notice Registers the sender. Its own positions of at least 4 years are bound, 10,000 DEF are needed. Takes the seat of its
    /// country, or a place in the queue for it.
    /// @return queued Whether the seat is taken.
    function register(Registration calldata registration) external returns (bool queued);
    /// @notice Brings a new attestation for the sender's country.
    function attest(SignedAttestation calldata attestation) external;
    /// @notice Announces a new consensus key: it replaces the old one at the next epoch boundary, at once for whoever holds no seat.
    /// @param proof As consensusProof of a registration.
    function rotateKey(bytes32 newKey, bytes calldata proof) external;
    /// @notice Sets the sender's commission: within 500 to 2000 bps, at most 100 bps from the last, once a day.
    function setCommission(uint16 bps) external;
    /// @notice Leaves jail after the term, with enough own stake and a valid attestation; without a seat, into the queue. An inactive
    /// operator that lost its seat comes back to the queue with it too.
    /// @return queued Whether the seat is gone.
    function unjail() external returns (bool queued);
    /// @notice Leaves the validator set at the next epoch boundary, a queue or a jail at once. Own positions then unbind.
    function exit() external;

    /// @notice Stakes the value sent for `term` years (1 to 12) and binds it to an active validator, counted from the next epoch. A
    /// term below 12 opens a second position of 12 years with 1 %, bound as well.
    /// @return position Number of the position.
    function delegate(address operator, uint256 term) external payable returns (uint256 position);
    /// @notice Binds a running position of the sender to an active validator, counted from the next epoch.
    function bind(uint256 position, address operator) external;
    /// @notice Begins to unbind a position of the sender: 21 days, slashable, without weight or income.
    function unbind(uint256 position) external;
    /// @notice Pays the income of a position to its owner. Anyone may call it.
    function claimRewards(address owner, uint256 position) external returns (uint256 amount);
    /// @notice Pays the income of all positions of the sender.
    function claimAllRewards() external returns (uint256 amount);
    /// @notice Pays the commission owed to an operator, to it. Anyone may call it.
    function claimCommission(address operator) external returns (uint256 amount);

    /// @notice A validator; reverts when there is none.
    function validator(address operator) external view returns (Validator memory);
    /// @notice Up to `limit` (at most 50) operators above `cursor`, ascending; begin with the zero address.
    function operators(address cursor, uint256 limit) external view returns (address[] memory);
    /// @notice Who holds a country's seat; the zero address when it is free. Reverts when the code is no jurisdiction.
    function seatOf(bytes2 country) external view returns (address operator);
    /// @notice Up to `limit` (at most 50) candidates for a country's seat, the oldest first.
    function queueOf(bytes2 country, uint256 limit) external view returns (address[] memory);
    /// @notice Name of a jurisdiction; reverts with the reason when the code is none.
    function jurisdiction(bytes2 country) external view returns (string memory name);
    /// @notice What a validator did.
    function performance(address operator) external view returns (Performance memory);
    /// @notice Whose a consensus address is, or was; the zero address when nobody's.
    function operatorOf(bytes20 consensusAddress) external view returns (address operator);
    /// @notice CometBFT's set from the height after the next on: operators ascending, with their powers of 10^18.
    function votingPowers() external view returns (address[] memory operatorList, uint64[] memory powers);
    /// @notice Number of the epoch, its first height, and the first height of the next.
    function epoch() external view returns (uint64 number, uint64 start, uint64 end);
    /// @notice Whether the chain is open, and how many active validators open it.
    function chainOpen() external view returns (bool open, uint64 threshold);
    /// @notice Income of a position that can be claimed.
    function rewards(address owner, uint256 position) external view returns (uint256 amount);
    /// @notice Whether an address may attest, and its name.
    function verifier(address account) external view returns (bool accredited, string memory name);
    /// @notice Whether a verifier has used a nonce.
    function nonceUsed(address account, uint256 nonce) external view returns (bool used);
    /// @notice The EIP-712 domain separator of attestations.
    function attestationDomain() external view returns (bytes32);
}
