// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title PoD weight of an account, at 0x0000000000000000000000000000000000000101.
interface IPoDWeight {
    /// @notice Sum of amount (wei) times years over the running positions of an account. Ended positions weigh nothing.
    function calculatePoDWeight(address account) external view returns (uint256);
}
