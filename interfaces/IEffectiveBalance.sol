// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What an account can spend now, at 0x0000000000000000000000000000000000000103
interface IEffectiveBalance {
    /// @notice Wei that an account can spend at this block, what this transaction moved included. For a pool, its balance.
    /// @param account Which.
    function getEffectiveBalance(address account) external view returns (uint256);
}
