// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title The share of value preserved, at 0x0000000000000000000000000000000000000100
/// @notice Any input that is not exactly the selector and one word goes to P256VERIFY (EIP-7951), which has the same address.
interface IDeflationMultiplier {
    /// @notice Share preserved now of money received at a time, with 18 decimals: 930000000000000000 is 93 %.
    /// @dev By whole days of header time since then. A chain that stood still aged less: what a portion is worth follows from the
    /// age clock, not from this view.
    /// @param timestamp When, seconds since 1970; a time to come has preserved all.
    function getDeflationMultiplier(uint256 timestamp) external view returns (uint256);
}
