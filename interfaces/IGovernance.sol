// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Governance, at 0x0000000000000000000000000000000000000109
/// @notice Proposals, votes by PoD weight, and the execution of what was decided.
/// @dev Amounts are wei (1 DEF = 10^18 wei), weights wei times years, times milliseconds of consensus time since 1970 unless a
/// name says otherwise. Whatever is refused reverts with Error(string), which gives the reason and the figures. A proposal sends
/// exactly the deposit (1,000 DEF unless governance changed it). The deposit comes back to the proposer when the vote ends, as a
/// fresh portion, or is burned by a veto of a third.
///
/// The vote lasts 7 days. Positions opened before its start vote, by their PoD weight; a vote may be changed. With at least a
/// third of all weight voting, more than one half of yes among yes, no and veto passes; slashing, verifiers, the treasury, its
/// signers and emergencies need more than two thirds. After a timelock of 48 hours it is executed at the end of a block.
interface IGovernance {
    /// @notice A proposal.
    struct Proposal {
        /// Its number; the first is 1.
        uint64 id;
        /// Who made it.
        address proposer;
        /// What it asks for: 0 text, 1 parameter, 2 burn table, 3 emergency burn table, 4 exempt list, 5 verifier, 6 spending,
        /// 7 slash, 8 signers, 9 upgrade, 10 cancel the upgrade.
        uint8 kind;
        /// Where it stands: 0 voting, 1 passed, 2 awaiting signers, 3 executed, 4 failed, 5 rejected, 6 no quorum, 7 vetoed,
        /// 8 expired.
        uint8 status;
        /// What was deposited, wei.
        uint256 deposit;
        /// When the vote started: only positions opened before vote.
        uint64 start;
        /// When it ends.
        uint64 end;
        /// When the next step is due: the end of the vote, the execution, the end of waiting for signers.
        uint64 due;
        /// PoD weight of all positions at the start; a third of it is the quorum.
        uint256 betaPod;
        /// Weight for it.
        uint256 yes;
        /// Weight against it.
        uint256 no;
        /// Weight that only counts for the quorum.
        uint256 abstain;
        /// Weight against its being asked.
        uint256 veto;
        /// What is executed, in words.
        string action;
        /// The proposer's text.
        string description;
        /// Why the execution failed; empty otherwise.
        string failure;
    }

    /// @notice A proposal was opened.
    /// @param id Its number.
    /// @param proposer Who made it.
    /// @param kind What it asks for, as in Proposal.
    /// @param start When the vote started.
    /// @param end When it ends.
    /// @param betaPod PoD weight of all positions at the start.
    /// @param action What is executed, in words.
    /// @param description The proposer's text.
    event ProposalCreated(uint256 indexed id, address indexed proposer, uint8 kind, uint64 start, uint64 end, uint256 betaPod, string action, string description);

    /// @notice Somebody voted, or changed a vote.
    /// @param id On which proposal.
    /// @param voter Who.
    /// @param choice 1 yes, 2 no, 3 abstain, 4 veto.
    /// @param weight With how much.
    event VoteCast(uint256 indexed id, address indexed voter, uint8 choice, uint256 weight);

    /// @notice A vote ended.
    /// @param id Which.
    /// @param status How: passed, rejected, no quorum or vetoed, as in Proposal.
    /// @param yes Weight for it.
    /// @param no Weight against it.
    /// @param abstain Weight that counted for the quorum only.
    /// @param veto Weight against its being asked.
    /// @param betaPod What the quorum was a third of.
    /// @param due When it is executed, if it passed.
    event VoteEnded(uint256 indexed id, uint8 status, uint256 yes, uint256 no, uint256 abstain, uint256 veto, uint256 betaPod, uint64 due);

    /// @notice A deposit went back.
    /// @param id Of which proposal.
    /// @param to To whom.
    /// @param amount Wei.
    event DepositReturned(uint256 indexed id, address indexed to, uint256 amount);

    /// @notice A deposit was burned by a veto.
    /// @param id Of which proposal.
    /// @param amount Wei.
    event DepositBurned(uint256 indexed id, uint256 amount);

    /// @notice A decided proposal was executed, failed, waits for signers or expired.
    /// @param id Which.
    /// @param status 2 awaiting signers, 3 executed, 4 failed, 8 expired.
    /// @param due Until when signers may approve; 0 unless it waits for them.
    /// @param reason Why it failed; empty otherwise.
    event ProposalSettled(uint256 indexed id, uint8 status, uint64 due, string reason);

    /// @notice A signer approved a spending of the treasury, or took the approval back.
    /// @param id Which proposal.
    /// @param signer Who.
    /// @param approved Approved or taken back.
    /// @param approvals How many signers approve now; five are needed.
    event SpendingApproved(uint256 indexed id, address indexed signer, bool approved, uint256 approvals);

    /// @notice A parameter has a new value.
    /// @param id By which proposal.
    /// @param module Whose parameter.
    /// @param key Which.
    /// @param value Its value as the module encodes it; a number is 16 bytes, big-endian.
    event ParameterChanged(uint256 indexed id, string module, string key, bytes value);

    /// @notice A pool was spent from.
    /// @param id By which proposal.
    /// @param pool 1 technical, 2 marketing, 3 treasury.
    /// @param to To whom.
    /// @param amount Wei.
    event PoolSpent(uint256 indexed id, uint8 indexed pool, address indexed to, uint256 amount);

    /// @notice The treasury has new signers.
    /// @param id By which proposal.
    /// @param signers All nine.
    event SignersElected(uint256 indexed id, address[9] signers);

    /// @notice Proposes a text: nothing is executed, the description is what is decided.
    /// @param description What, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeText(string calldata description) external payable returns (uint256 id);

    /// @notice Proposes to set a parameter. Refused when there is no such parameter or the value is out of its bounds, now and
    /// again when it is executed.
    /// @param module Whose: "staking", "validators", "slashing", "governance", "geo", …
    /// @param key Which.
    /// @param value The number, in the parameter's unit; below 2^128.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeParameter(string calldata module, string calldata key, uint256 value, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes a burn table for what is received from the hour after its execution on.
    /// @param preserved Percent preserved after 0 to 8 days: begins with 100, ends with 0, never increases.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeBurnTable(uint8[9] calldata preserved, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes a milder burn table in an emergency: voted on for 24 hours, executed 2 hours later, needs two thirds.
    /// @param preserved As for proposeBurnTable; on no day less than the table in force preserves, now and when it is executed.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeLowerBurn(uint8[9] calldata preserved, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes that an address does not decay, or decays again.
    /// @param account Whose balance.
    /// @param exempt On the list or off it.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeExempt(address account, bool exempt, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes to accredit a verifier of attestations, or to remove one. Needs two thirds.
    /// @param verifier The key that signs attestations.
    /// @param name For people, at most 64 bytes; empty when one is removed.
    /// @param accredited Accredited or removed; what a removed one attested stays valid for 30 days.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeVerifier(address verifier, string calldata name, bool accredited, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes to pay out of a pool. The treasury needs two thirds and 5 of its 9 signers.
    /// @param pool 1 technical, 2 marketing, 3 treasury.
    /// @param to To whom: an account, or another pool's address.
    /// @param amount Wei; what the pool holds at most, now and when it is executed.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeSpending(uint8 pool, address to, uint256 amount, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes to punish a validator for proven censorship: 10 % of its stake and 90 days of jail. Needs two thirds.
    /// @param validator Its operator.
    /// @param description The proof, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeSlash(address validator, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes the nine signers of the treasury. Needs two thirds.
    /// @param signers All nine, each once.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeSigners(address[9] calldata signers, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes a change of rules at a height.
    /// @param height The first block under the new rules; must still lie ahead when it is executed.
    /// @param appVersion Their version.
    /// @param name The release that carries them, 1 to 64 bytes.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeUpgrade(uint64 height, uint64 appVersion, string calldata name, string calldata description) external payable returns (uint256 id);

    /// @notice Proposes to take the scheduled change of rules back.
    /// @param description Why, 1 to 2,048 bytes.
    /// @return id Its number.
    function proposeCancelUpgrade(string calldata description) external payable returns (uint256 id);

    /// @notice Votes, or changes a vote, with the present PoD weight of the sender's positions opened before the vote started.
    /// @param id On which proposal.
    /// @param choice 1 yes, 2 no, 3 abstain, 4 veto.
    /// @return weight With how much.
    function vote(uint256 id, uint8 choice) external returns (uint256 weight);

    /// @notice Approves a spending of the treasury, or takes the approval back. For its signers, while the proposal is pending.
    /// @param id Which proposal.
    /// @param approved Approve or take back.
    /// @return approvals How many signers approve now.
    function approveSpending(uint256 id, bool approved) external returns (uint256 approvals);

    /// @notice How many proposals there have been; the newest has this number.
    function proposalCount() external view returns (uint256);

    /// @notice A proposal.
    /// @param id Its number.
    function proposal(uint256 id) external view returns (Proposal memory);

    /// @notice How somebody voted.
    /// @param id On which proposal.
    /// @param voter Who.
    /// @return choice 1 yes, 2 no, 3 abstain, 4 veto; 0 when there is no vote.
    /// @return weight With how much.
    function voteOf(uint256 id, address voter) external view returns (uint8 choice, uint256 weight);

    /// @notice The signers of the treasury; none before their first election.
    function signers() external view returns (address[] memory);

    /// @notice The signers in office that approve a spending.
    /// @param id Which proposal.
    function approvals(uint256 id) external view returns (address[] memory);

    /// @notice What a proposal must send along, wei.
    function depositAmount() external view returns (uint256);
}
