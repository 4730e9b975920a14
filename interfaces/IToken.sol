// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Native money, at 0x0000000000000000000000000000000000000107
/// @notice Referrers, settling, and what can be known about DEF; the address whose logs tell what no transaction's value shows.
/// @dev Amounts are wei (1 DEF = 10^18 wei); ages are milliseconds of the age clock, which stands still while the chain does.
/// Whatever is refused reverts with Error(string), which gives the reason and the figures. What accounts lose by decay and what
/// commissions give reaches the pools and leaves the supply at the end of the block.
interface IToken {
    /// @notice Money that arrived together.
    struct Portion {
        /// What it was worth on the day it arrived, wei.
        uint256 original;
        /// What it is worth now, wei.
        uint256 effective;
        /// When it arrived, on the age clock.
        uint64 receivedAt;
        /// Whole days of age up to which its loss was taken.
        uint8 settledDay;
        /// Version of the burn table it is under; 65535 for money that does not age.
        uint16 table;
    }

    /// @notice Value moved with commission.
    /// @param payer Who paid; zero for the tips of a block, which have many payers.
    /// @param recipient To whom the value went.
    /// @param amount The commission, a referrer's part included, wei.
    /// @param onTop Whether it was paid beside the value (the recipient is a contract), or the recipient got that much less.
    event Commission(address indexed payer, address recipient, uint256 amount, bool onTop);
    /// @notice Part of a commission went to the payer's referrer.
    /// @param payer Who paid.
    /// @param referrer Who got it, as fresh money.
    /// @param amount How much, wei.
    event Referral(address indexed payer, address referrer, uint256 amount);
    /// @notice The losses of an account were taken.
    /// @param account Whose.
    /// @param burned What was destroyed, wei.
    /// @param toDividendPool What went to the dividend pool, wei.
    event Settled(address indexed account, uint256 burned, uint256 toDividendPool);
    /// @notice Money was destroyed, other than by decay or commission.
    /// @param from Who held it.
    /// @param amount How much, wei.
    event Burned(address indexed from, uint256 amount);
    /// @notice An account named its referrer.
    /// @param account Who.
    /// @param referrer Whom.
    event ReferrerSet(address indexed account, address indexed referrer);
    /// @notice Governance put an account on the list of those that do not decay, or took it off.
    /// @param account Which.
    /// @param exempt Whether it is on the list now.
    event ExemptSet(address indexed account, bool exempt);
    /// @notice Governance changed the burn table for what is received from an age on.
    /// @param since That age, milliseconds.
    /// @param preserved Percentages preserved after 0 to 8 days.
    event BurnTableSet(uint256 since, uint8[9] preserved);
    /// @notice In a block's events: accounts that nobody touched were settled because a portion of theirs had ended.
    /// @param accounts How many.
    /// @param burned What was destroyed in all, wei.
    /// @param toDividendPool What went to the dividend pool in all, wei.
    event Swept(uint256 accounts, uint256 burned, uint256 toDividendPool);

    /// @notice Names the caller's referrer, once and for ever: commission is 4.5 % from then on, half of it for the referrer.
    /// @dev Reverts when there is one already, for oneself, the zero address, a system address, an address that does not decay,
    /// and for one whose own referrer is the caller.
    /// @param referrer Whom.
    function setReferrer(address referrer) external;

    /// @notice Takes the losses of any account up to now. Balances do not change by it, but the nominal balance follows.
    /// @param account Whose.
    /// @return burned What is destroyed, wei.
    /// @return toDividendPool What goes to the dividend pool, wei.
    function settle(address account) external returns (uint256 burned, uint256 toDividendPool);

    /// @notice An account's referrer; zero when it has none.
    /// @param account Whose.
    function referrerOf(address account) external view returns (address);

    /// @notice Whether an account is on the list of those that do not decay.
    /// @param account Which.
    function isExempt(address account) external view returns (bool);

    /// @notice An account's portions, oldest first, at most 201, as they stood before this transaction.
    /// @dev Gas grows with their number. System addresses have none.
    /// @param account Whose.
    function portionsOf(address account) external view returns (Portion[] memory);

    /// @notice All DEF there is, wei, as of the end of the previous block.
    function totalSupply() external view returns (uint256);

    /// @notice The commission on a payment, judged by what both addresses were before this transaction.
    /// @param payer Who would pay.
    /// @param recipient Who would be paid.
    /// @param amount The value, wei.
    /// @return commission The commission, wei.
    /// @return onTop Whether the payer would pay it beside the value; otherwise the recipient gets that much less.
    function commissionOf(address payer, address recipient, uint256 amount)
        external
        view
        returns (uint256 commission, bool onTop);
}
